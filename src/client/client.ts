/**
 * The client library: tlsmgr's service for Node programs, and all that the
 * command line uses to reach a daemon.
 *
 * One connection, kept; one request at a time on it, in the order of the calls.
 * As Postfix's own client does, a request that fails for want of a server is
 * tried once more on a new connection after a pause. Then it fails with
 * TlsmgrError `UNAVAILABLE`. A status that is not 0, where the method has no
 * value for it, is TlsmgrError `REFUSED`. Follows src/tls/tls_mgr.c.
 */
import { TlsmgrError } from '../errors.ts';
import { Base64Reader } from '../protocol/base64/reader.ts';
import { Encoder, encodedName } from '../protocol/encoder.ts';
import { requestName, status, statusName } from '../protocol/names.ts';
import type { CacheName } from '../config/cache-names.ts';
import { readScopedKeys, type ScopedKey } from '../tickets/scoped-key.ts';
import { ClientConnection, type ReplyAttributes } from './connection.ts';

export interface ClientOptions {
  /** Path of the UNIX-domain socket: `private/tlsmgr` of a Postfix, or a standalone one. */
  socketPath: string;
  /** Whether the server speaks first, as for Postfix 3.6 and later. Default true. */
  announcement?: boolean;
  /** For connecting and for each reply. Default 10,000. */
  timeoutMs?: number;
  /** Further tries after a failure. Default 1. */
  retries?: number;
  /** Before a further try. Default 1,000. */
  retryPauseMs?: number;
}

export interface Policy {
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

/** A cache id: bytes without a NUL, or their UTF-8 text. */
export type CacheId = string | Buffer;

type Value = ['string', string, CacheId] | ['number', string, number] | ['data', string, Buffer];

const listPageEntries = 500;

export class TlsmgrClient {
  readonly #options: Required<ClientOptions>;
  #connection: ClientConnection | undefined;
  /** Ends when all earlier requests have ended. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: ClientOptions) {
    this.#options = {
      announcement: true,
      timeoutMs: 10_000,
      retries: 1,
      retryPauseMs: 1000,
      ...options,
    };
  }

  /** 1 to 255 bytes for a generator of one's own. */
  async seed(bytes: number): Promise<Buffer> {
    const reply = await this.#ask('seed', ['number', 'size', bytes]);
    requireOk('seed', reply);
    return dataOf(reply, 'seed');
  }

  /** Whether sessions of a kind can be cached, and how long they live. */
  async policy(label: CacheName): Promise<Policy> {
    const reply = await this.#ask('policy', ['string', 'cache_type', label]);
    requireOk('policy', reply);
    return {
      cachable: numberOf(reply, 'cachable') !== 0,
      timeoutSeconds: numberOf(reply, 'timeout'),
    };
  }

  /** The session stored under the id; undefined when there is none, or the cache is off. */
  async lookup(label: CacheName, id: CacheId): Promise<Buffer | undefined> {
    const reply = await this.#ask(
      'lookup',
      ['string', 'cache_type', label],
      ['string', 'cache_id', id],
    );
    return statusOf(reply) === status.ok ? dataOf(reply, 'session') : undefined;
  }

  /** Stores a session. @returns false when the cache is off. */
  async update(label: CacheName, id: CacheId, session: Buffer): Promise<boolean> {
    const reply = await this.#ask(
      'update',
      ['string', 'cache_type', label],
      ['string', 'cache_id', id],
      ['data', 'session', session],
    );
    return statusOf(reply) === status.ok;
  }

  /** @returns whether there was such a session. */
  async delete(label: CacheName, id: CacheId): Promise<boolean> {
    const reply = await this.#ask(
      'delete',
      ['string', 'cache_type', label],
      ['string', 'cache_id', id],
    );
    return statusOf(reply) === status.ok;
  }

  /**
   * The 88 bytes of the key that seals tickets now, or of the key with the
   * 16-byte name; undefined when there is none, or no tickets are given out.
   */
  async ticketKey(name: Buffer = Buffer.alloc(0)): Promise<Buffer | undefined> {
    const reply = await this.#ask('tktkey', ['data', 'keyname', name]);
    return statusOf(reply) === status.ok ? dataOf(reply, 'keybuf') : undefined;
  }

  /**
   * Every ticket key of a scope (1 to 255 bytes), the one that seals first;
   * undefined when no tickets are given out. Of ours only: Postfix's own tlsmgr
   * has no such request.
   */
  async ticketRing(scope: string): Promise<ScopedKey[] | undefined> {
    const reply = await this.#ask('tktring', ['string', 'scope', scope]);
    const code = statusOf(reply);
    if (code === status.fail) {
      requireOk('tktring', reply);
    }
    if (code !== status.ok) {
      return undefined;
    }
    const bytes = dataOf(reply, 'keys');
    const keys = readScopedKeys(bytes);
    bytes.fill(0);
    if (keys === undefined) {
      throw new TlsmgrError('UNAVAILABLE', 'malformed ticket keys in a reply');
    }
    return keys;
  }

  /** The daemon's report on itself: docs/protocol.md. */
  async stats(): Promise<unknown> {
    const reply = await this.#ask('stats');
    requireOk('stats', reply);
    return JSON.parse(textOf(reply, 'report')) as unknown;
  }

  /** The entries of a cache, oldest first, page by page. Throws `REFUSED` when it is off. */
  async *list(label: CacheName): AsyncGenerator<ListedSession> {
    let cursor = '';
    do {
      const reply = await this.#ask(
        'list',
        ['string', 'cache_type', label],
        ['string', 'cursor', cursor],
        ['number', 'limit', listPageEntries],
      );
      requireOk('list', reply);
      const entries = JSON.parse(textOf(reply, 'entries', '[]')) as {
        id: string;
        bytes: number;
        stored: number;
        expires: number;
      }[];
      for (const entry of entries) {
        yield {
          id: Buffer.from(entry.id, 'base64'),
          sessionBytes: entry.bytes,
          storedAtSeconds: entry.stored,
          expiresAtSeconds: entry.expires,
        };
      }
      cursor = textOf(reply, 'cursor');
    } while (cursor !== '');
  }

  /** Drops every entry of a cache. @returns how many there were. */
  async flush(label: CacheName): Promise<number> {
    const reply = await this.#ask('flush', ['string', 'cache_type', label]);
    requireOk('flush', reply);
    return numberOf(reply, 'entries');
  }

  /** Closes the connection; a later call opens another. */
  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  #ask(name: string, ...values: Value[]): Promise<ReplyAttributes> {
    const request = encodeRequest(name, values);
    const reply = this.#queue.then(() => this.#attempt(request)).finally(() => request.fill(0));
    this.#queue = reply.catch(() => undefined);
    return reply;
  }

  async #attempt(request: Buffer): Promise<ReplyAttributes> {
    for (let triesLeft = this.#options.retries; ; triesLeft -= 1) {
      try {
        if (this.#connection?.usable !== true) {
          this.#connection = await ClientConnection.open(this.#options);
        }
        const reply = await this.#connection.send(request);
        if (!reply.has(statusName)) {
          throw new TlsmgrError('UNAVAILABLE', `missing attribute ${statusName} in a reply`);
        }
        return reply;
      } catch (thrown) {
        this.close();
        if (triesLeft <= 0) {
          throw thrown;
        }
        await new Promise((resolve) => {
          setTimeout(resolve, this.#options.retryPauseMs);
        });
      }
    }
  }
}

function encodeRequest(name: string, values: readonly Value[]): Buffer {
  const list = new Encoder();
  list.string(encodedName(requestName), name);
  for (const [kind, attribute, value] of values) {
    const nameBytes = encodedName(attribute);
    if (kind === 'number') {
      list.number(nameBytes, value);
    } else if (kind === 'data') {
      list.data(nameBytes, value, 0, value.length);
    } else {
      list.bytes(nameBytes, withoutNul(attribute, value));
    }
  }
  list.end();
  return list.buffer.subarray(0, list.length);
}

function withoutNul(attribute: string, value: CacheId): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  if (bytes.includes(0)) {
    throw new RangeError(`${attribute} must not hold a NUL`);
  }
  return bytes;
}

function numberOf(reply: ReplyAttributes, name: string): number {
  return Number(textOf(reply, name)) | 0;
}

function statusOf(reply: ReplyAttributes): number {
  return numberOf(reply, statusName);
}

function dataOf(reply: ReplyAttributes, name: string): Buffer {
  const text = reply.get(name);
  if (text === undefined) {
    return Buffer.alloc(0);
  }
  const reader = new Base64Reader();
  const wellFormed = reader.read(text, 0, text.length);
  const data = Buffer.from(reader.bytes);
  reader.wipe();
  text.fill(0);
  if (!wellFormed) {
    throw new TlsmgrError('UNAVAILABLE', `malformed base64 data in a reply: ${name}`);
  }
  return data;
}

function textOf(reply: ReplyAttributes, name: string, missing = ''): string {
  return reply.get(name)?.toString() ?? missing;
}

function requireOk(request: string, reply: ReplyAttributes): void {
  const code = statusOf(reply);
  if (code !== status.ok) {
    throw new TlsmgrError('REFUSED', `"${request}" request refused with status ${code}`);
  }
}
