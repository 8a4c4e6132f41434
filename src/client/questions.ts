/**
 * The requests that a client sends, and how their replies are read. Arguments
 * that no server takes are a RangeError, before anything is sent: a daemon would
 * log a warning, or close the connection.
 */
import { isUtf8 } from 'node:buffer';
import { TlsmgrError } from '../errors.ts';
import { Encoder, encodedName } from '../protocol/encoder.ts';
import { requestName, status } from '../protocol/names.ts';
import { longestScopeBytes, readScopedKeys, type ScopedKey } from '../tickets/scoped-key.ts';
import type { Question } from './call.ts';
import type { Reply } from './reply.ts';

/** A cache: one of Postfix's three, or another one that this tlsmgr has. */
export type CacheName = 'smtpd' | 'smtp' | 'lmtp' | (string & {});

/** A cache id: bytes without a NUL, 65,536 at most, or their UTF-8 text. */
export type CacheId = string | Buffer;

/** What a server does with sessions of a kind. */
export interface Policy {
  /** Whether such sessions are cached. */
  cachable: boolean;
  /** 0 when sessions of this kind are not to be kept at all. */
  timeoutSeconds: number;
}

/** An entry of a cache as `list` tells it; the session itself is not part of it. */
export interface ListedSession {
  id: Buffer;
  sessionBytes: number;
  storedAtSeconds: number;
  expiresAtSeconds: number;
}

export interface Page {
  sessions: ListedSession[];
  /** Where the next page begins; empty for the last one. */
  cursor: string;
}

const largestSeedBytes = 255;
const longestIdBytes = 65_536;
/** What a daemon takes whose tlsmgr_request_size_limit is the default. */
const longestRequestBytes = 1024 * 1024;
const keyNameBytes = 16;
const pageEntries = 500;

const postfixCaches = ['smtpd', 'smtp', 'lmtp'];

type Value =
  | ['string', name: string, value: CacheId]
  | ['number', name: string, value: number]
  | ['data', name: string, value: Buffer];

export function seedQuestion(bytes: number): Question<Buffer> {
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > largestSeedBytes) {
    throw new RangeError(`a seed has 1 to ${largestSeedBytes} bytes`);
  }
  return question('seed', [['number', 'size', bytes]], (reply) => {
    requireOk('seed', reply);
    return reply.data('seed');
  });
}

export function policyQuestion(cache: CacheName): Question<Policy> {
  return question('policy', [cacheType(cache)], (reply) => {
    requireOk('policy', reply);
    return { cachable: reply.number('cachable') !== 0, timeoutSeconds: reply.number('timeout') };
  });
}

export function lookupQuestion(cache: CacheName, id: CacheId): Question<Buffer | undefined> {
  return question('lookup', [cacheType(cache), cacheId(id)], (reply) =>
    isOk(reply) ? reply.data('session') : undefined,
  );
}

export function updateQuestion(cache: CacheName, id: CacheId, session: Buffer): Question<boolean> {
  const values: Value[] = [cacheType(cache), cacheId(id), ['data', 'session', session]];
  return question('update', values, isOk);
}

export function deleteQuestion(cache: CacheName, id: CacheId): Question<boolean> {
  return question('delete', [cacheType(cache), cacheId(id)], isOk);
}

export function ticketKeyQuestion(name: Buffer | undefined): Question<Buffer | undefined> {
  if (name !== undefined && name.length !== keyNameBytes) {
    throw new RangeError(`the name of a ticket key has ${keyNameBytes} bytes`);
  }
  return question('tktkey', [['data', 'keyname', name ?? Buffer.alloc(0)]], (reply) =>
    isOk(reply) ? reply.data('keybuf') : undefined,
  );
}

export function ticketRingQuestion(scope: string): Question<ScopedKey[] | undefined> {
  const bytes = Buffer.byteLength(scope);
  if (bytes < 1 || bytes > longestScopeBytes) {
    throw new RangeError(`a scope has 1 to ${longestScopeBytes} bytes`);
  }
  return ours('tktring', [['string', 'scope', scope]], (reply) => {
    if (reply.status === status.fail) {
      requireOk('tktring', reply);
    }
    return isOk(reply) ? scopedKeys(reply) : undefined;
  });
}

function scopedKeys(reply: Reply): ScopedKey[] {
  const bytes = reply.data('keys');
  const keys = readScopedKeys(bytes);
  bytes.fill(0);
  if (keys === undefined) {
    throw new TlsmgrError('UNAVAILABLE', 'a reply is malformed: its ticket keys');
  }
  return keys;
}

export function statsQuestion(): Question<unknown> {
  return ours('stats', [], (reply) => {
    requireOk('stats', reply);
    return jsonOf(reply.text('report'), 'its report is no JSON');
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
    const entries = jsonOf(reply.text('entries'), 'its listing is no JSON') as {
      id: string;
      bytes: number;
      stored: number;
      expires: number;
    }[];
    const sessions = entries.map(({ id, bytes, stored, expires }) => ({
      id: Buffer.from(id, 'base64'),
      sessionBytes: bytes,
      storedAtSeconds: stored,
      expiresAtSeconds: expires,
    }));
    return { sessions, cursor: reply.text('cursor') };
  });
}

export function flushQuestion(cache: CacheName): Question<number> {
  return ours('flush', [cacheType(cache)], (reply) => {
    requireOk('flush', reply);
    return reply.number('entries');
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

const cacheType = (cache: CacheName): Value => ['string', 'cache_type', cache];
const cacheId = (id: CacheId): Value => ['string', 'cache_id', id];

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

function checkedBytes(attribute: string, value: CacheId): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  if (bytes.includes(0)) {
    throw new RangeError(`${attribute} must not hold a NUL`);
  }
  if (bytes.length > longestIdBytes) {
    throw new RangeError(`${attribute} must not be longer than ${longestIdBytes} bytes`);
  }
  return bytes;
}

function isOk(reply: Reply): boolean {
  return reply.status === status.ok;
}

function requireOk(request: string, reply: Reply): void {
  const code = reply.status;
  if (code !== status.ok) {
    throw new TlsmgrError('REFUSED', `"${request}" request refused with status ${code}`);
  }
}

function jsonOf(text: string, fault: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (thrown) {
    throw new TlsmgrError('UNAVAILABLE', fault, { cause: thrown });
  }
}
