/**
 * The requests that a client sends, and how their replies are read. Arguments
 * that no server takes are a RangeError, before anything is sent: a daemon would
 * log a warning, or close the connection.
 */
import { isUtf8 } from 'node:buffer';
import { Encoder, encodedName } from '../protocol/encoder.ts';
import { requestName, status } from '../protocol/names.ts';
import { longestScopeBytes, type ScopedKey } from '../tickets/scoped-key.ts';
import { keyNameBytes } from '../tickets/ticket-key.ts';
import {
  countOf,
  isOk,
  type Page,
  pageOf,
  type Policy,
  policyOf,
  reportOf,
  requireOk,
  scopedKeysOf,
  seedOf,
  ticketKeyOf,
} from './answers.ts';
import { bytesOf, requireText } from './arguments.ts';
import type { Question } from './call.ts';
import type { Reply } from './reply.ts';

/** A cache: one of Postfix's three, or another one that this tlsmgr has. */
export type CacheName = 'smtpd' | 'smtp' | 'lmtp' | (string & {});

/** A cache id: bytes without a NUL, 65,536 at most, or their UTF-8 text. A Buffer is a Uint8Array. */
export type CacheId = string | Uint8Array;

const largestSeedBytes = 255;
const longestIdBytes = 65_536;
/** What a daemon takes whose tlsmgr_request_size_limit is the default. */
const longestRequestBytes = 1024 * 1024;
const pageEntries = 500;

const postfixCaches = ['smtpd', 'smtp', 'lmtp'];

type Value =
  | ['string', name: string, value: string | Buffer]
  | ['number', name: string, value: number]
  | ['data', name: string, value: Buffer];

export function seedQuestion(bytes: number): Question<Buffer> {
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > largestSeedBytes) {
    throw new RangeError(`a seed has 1 to ${largestSeedBytes} bytes`);
  }
  return question('seed', [['number', 'size', bytes]], (reply) => {
    requireOk('seed', reply);
    return seedOf(reply, bytes);
  });
}

export function policyQuestion(cache: CacheName): Question<Policy> {
  return question('policy', [cacheType(cache)], (reply) => {
    requireOk('policy', reply);
    return policyOf(reply);
  });
}

export function lookupQuestion(cache: CacheName, id: CacheId): Question<Buffer | undefined> {
  return question('lookup', [cacheType(cache), cacheId(id)], (reply) =>
    isOk(reply) ? reply.data('session') : undefined,
  );
}

export function updateQuestion(
  cache: CacheName,
  id: CacheId,
  session: Uint8Array,
): Question<boolean> {
  const bytes = bytesOf('session', session);
  return question('update', [cacheType(cache), cacheId(id), ['data', 'session', bytes]], isOk);
}

export function deleteQuestion(cache: CacheName, id: CacheId): Question<boolean> {
  return question('delete', [cacheType(cache), cacheId(id)], isOk);
}

export function ticketKeyQuestion(name: Uint8Array | undefined): Question<Buffer | undefined> {
  // A copy: what was asked for is compared with what comes.
  const wanted = Buffer.from(name === undefined ? [] : bytesOf('the name of a ticket key', name));
  if (name !== undefined && wanted.length !== keyNameBytes) {
    throw new RangeError(`the name of a ticket key has ${keyNameBytes} bytes`);
  }
  return question('tktkey', [['data', 'keyname', wanted]], (reply) =>
    isOk(reply) ? ticketKeyOf(reply, wanted) : undefined,
  );
}

export function ticketRingQuestion(scope: string): Question<ScopedKey[] | undefined> {
  requireText('scope', scope);
  const bytes = Buffer.byteLength(scope);
  if (bytes < 1 || bytes > longestScopeBytes) {
    throw new RangeError(`a scope has 1 to ${longestScopeBytes} bytes`);
  }
  return ours('tktring', [['string', 'scope', scope]], (reply) => {
    if (reply.status === status.fail) {
      requireOk('tktring', reply);
    }
    return isOk(reply) ? scopedKeysOf(reply) : undefined;
  });
}

export function statsQuestion(): Question<unknown> {
  return ours('stats', [], (reply) => {
    requireOk('stats', reply);
    return reportOf(reply);
  });
}

export function listQuestion(cache: CacheName, cursor: string): Question<Page> {
  const values: Value[] = [
    cacheType(cache),
    ['string', 'cursor', cursor],
    ['number', 'limit', pageEntries],
  ];
  return ours('list', values, (reply) => {
    requireOk('list', reply);
    return pageOf(reply, cursor);
  });
}

export function flushQuestion(cache: CacheName): Question<number> {
  return ours('flush', [cacheType(cache)], (reply) => {
    requireOk('flush', reply);
    return countOf(reply, 'entries');
  });
}

/** Postfix's own warns of caches that aren't Postfix's, and of ids that aren't UTF-8. */
function question<T>(
  name: string,
  values: readonly Value[],
  read: (reply: Reply) => T,
): Question<T> {
  const oursOnly = values.some(
    ([kind, attribute, value]) =>
      kind === 'string' &&
      (attribute === 'cache_type'
        ? !postfixCaches.includes(value as string)
        : typeof value !== 'string' && !isUtf8(value)),
  );
  return { name, cache: cacheOf(values), request: encode(name, values), oursOnly, read };
}

function ours<T>(name: string, values: readonly Value[], read: (reply: Reply) => T): Question<T> {
  return { ...question(name, values, read), oursOnly: true };
}

function cacheOf(values: readonly Value[]): string | undefined {
  return values.find(([, attribute]) => attribute === 'cache_type')?.[2] as string | undefined;
}

function cacheType(cache: CacheName): Value {
  requireText('cache', cache);
  return ['string', 'cache_type', cache];
}

function cacheId(id: CacheId): Value {
  if (typeof id !== 'string') {
    return ['string', 'cache_id', bytesOf('id', id)];
  }
  requireText('id', id);
  return ['string', 'cache_id', id];
}

function encode(name: string, values: readonly Value[]): Buffer {
  const list = new Encoder();
  list.string(encodedName(requestName), name);
  for (const [kind, attribute, value] of values) {
    const nameBytes = encodedName(attribute);
    if (kind === 'number') {
      list.number(nameBytes, value);
    } else if (kind === 'data') {
      list.data(nameBytes, value, 0, value.length);
    } else {
      list.bytes(nameBytes, checkedBytes(attribute, value));
    }
  }
  list.end();
  if (list.length > longestRequestBytes) {
    list.clear();
    throw new RangeError(`a request must not be longer than ${longestRequestBytes} bytes`);
  }
  return list.buffer.subarray(0, list.length);
}

function checkedBytes(attribute: string, value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  if (bytes.includes(0)) {
    throw new RangeError(`${attribute} must not hold a NUL`);
  }
  if (bytes.length > longestIdBytes) {
    throw new RangeError(`${attribute} must not be longer than ${longestIdBytes} bytes`);
  }
  return bytes;
}
