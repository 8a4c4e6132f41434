/**
 * The shape of every request and of its reply: names in their order, and what a
 * refusal says in the place of values. Source: docs/protocol.md.
 */
import assert from 'node:assert/strict';
import { isBase64, numberIn, splitLists, type Lists } from './wire.ts';

/** As they stand on the wire: -1 and -2 as unsigned numbers. */
export const codes = { ok: '0', error: '4294967295', fail: '4294967294' } as const;

type Kind = 'string' | 'number' | 'data';

export interface Shape {
  attributes: readonly [name: string, kind: Kind][];
  /** What follows the status, and its value in a refusal. */
  reply: readonly [name: string, refused: string][];
}

const cacheType = ['cache_type', 'string'] as const satisfies [string, Kind];
const cacheId = ['cache_id', 'string'] as const satisfies [string, Kind];

const shapes: Readonly<Record<string, Shape>> = {
  seed: { attributes: [['size', 'number']], reply: [['seed', '']] },
  policy: {
    attributes: [cacheType],
    reply: [
      ['cachable', '0'],
      ['timeout', '0'],
    ],
  },
  lookup: { attributes: [cacheType, cacheId], reply: [['session', '']] },
  update: { attributes: [cacheType, cacheId, ['session', 'data']], reply: [] },
  delete: { attributes: [cacheType, cacheId], reply: [] },
  tktkey: { attributes: [['keyname', 'data']], reply: [['keybuf', '']] },
  stats: { attributes: [], reply: [['report', '']] },
  list: {
    attributes: [cacheType, ['cursor', 'string'], ['limit', 'number']],
    reply: [
      ['entries', ''],
      ['cursor', ''],
    ],
  },
  flush: { attributes: [cacheType], reply: [['entries', '0']] },
  tktring: { attributes: [['scope', 'string']], reply: [['keys', '']] },
};

function shapeOf(name: string | undefined): Shape | undefined {
  return name !== undefined && Object.hasOwn(shapes, name) ? shapes[name] : undefined;
}

/** Of an id or another string, in bytes. */
const longestString = 65_536;

/** Values in order, numbers as decimals; undefined when they aren't as the request wants them. */
function argumentsOf(request: readonly string[], shape: Shape): string[] | undefined {
  const values: string[] = [];
  for (const [index, [name, kind]] of shape.attributes.entries()) {
    const value = request[index * 2 + 3];
    if (request[index * 2 + 2] !== name || value === undefined) {
      return undefined;
    }
    if (kind === 'data' && !isBase64(value)) {
      return undefined;
    }
    if (kind === 'string' && value.length > longestString) {
      return undefined;
    }
    const number = kind === 'number' ? numberIn(value) : undefined;
    if (kind === 'number' && number === undefined) {
      return undefined;
    }
    values.push(number === undefined ? canonical(value, kind) : String(number));
  }
  return values;
}

/** Base64 as an encoder writes it: the bits behind the last byte zero. */
function canonical(value: string, kind: Kind): string {
  return kind === 'data' ? Buffer.from(value, 'base64').toString('base64') : value;
}

/** A request and its reply, the shape of which is right. */
export interface Exchange {
  name: string;
  /** The request's values in order, numbers as decimals, base64 as an encoder writes it. */
  given: string[];
  status: string;
  values: string[];
  /** What the values are in a refusal. */
  refused: string[];
}

/**
 * Puts each reply beside its request. Throws when a reply is missing, one too
 * many or of another request, and when what is no request isn't refused.
 *
 * @param bytes all that was received.
 * @param cutShort the last of it may be missing, as the connection was closed at once.
 */
export function exchanges(lists: Lists, bytes: Buffer, cutShort: boolean): Exchange[] {
  const replies = splitLists(bytes, Number.POSITIVE_INFINITY);
  const expected = lists.all.length + (lists.endsInBareString ? 1 : 0);
  const got = replies.all.length;
  assert.ok(replies.leftBytes === 0 || cutShort, 'half a reply');
  assert.ok(got <= expected, 'more replies than requests');
  assert.ok(got === expected || cutShort, 'less replies than requests');
  const found: Exchange[] = [];
  for (const [index, reply] of replies.all.entries()) {
    const exchange = exchangeOf(lists.all[index] ?? [], reply);
    if (exchange !== undefined) {
      found.push(exchange);
    }
  }
  return found;
}

/** @returns undefined for a refusal that is due whatever there is behind the service. */
function exchangeOf(request: readonly string[], reply: readonly string[]): Exchange | undefined {
  const shape = request[0] === 'request' ? shapeOf(request[1]) : undefined;
  if (shape === undefined) {
    assert.deepEqual(reply, ['status', codes.fail], 'not the refusal of something unknown');
    return undefined;
  }
  const names = reply.filter((_, index) => index % 2 === 0);
  const wanted = ['status', ...shape.reply.map(([name]) => name)];
  assert.deepEqual(names, wanted, 'a reply of another request');
  const [status, ...values] = reply.filter((_, index) => index % 2 === 1);
  const refused = shape.reply.map(([, value]) => value);
  const given = argumentsOf(request, shape);
  if (given === undefined) {
    const due = [codes.fail, ...refused];
    assert.deepEqual([status, ...values], due, 'not the refusal of bad attributes');
    return undefined;
  }
  assert.ok(Object.values<string>(codes).includes(status!), 'an unknown status');
  return { name: request[1]!, given, status: status!, values, refused };
}
