/** A service in this process, with a cache that is a Map and a pool that counts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postfixCacheNames } from '../../src/config/cache-names.ts';
import type { Logger } from '../../src/log/logger.ts';
import type { RequestCounts } from '../../src/requests/request-counts.ts';
import type { RequestType } from '../../src/requests/request-type.ts';
import type { ByteSpan, SessionCache } from '../../src/sessions/session-cache.ts';
import { listenOnPath } from '../../src/socket/listener.ts';
import type { SocketServer } from '../../src/socket/socket-server.ts';
import { type Clock, systemClock } from '../../src/system/clock.ts';
import type { KeySource } from '../../src/tickets/key-source.ts';
import { serviceOf } from './service-parts.ts';

export interface TestService {
  path: string;
  service: SocketServer;
  counts: RequestCounts;
  warnings: string[];
  pool: { stirs: number; samples: number };
  stop(): void;
}

export interface TestServiceOptions {
  publicInterfacesOnly: boolean;
  announce?: boolean;
  maxRequestBytes?: number;
  requestTimeSeconds?: number;
  connectionLimit?: number;
  extraTypes?: RequestType[];
  keys?: KeySource;
  /** Where to listen; a scratch folder's if not given. */
  path?: string;
  /** What the watch for wrong announcements goes by. */
  clock?: Clock;
}

export async function startService(options: TestServiceOptions): Promise<TestService> {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-'));
  const warnings: string[] = [];
  const warn = (_kind: string, text: () => string): void => void warnings.push(text());
  const log: Logger = { verbose: 0, info: () => {}, warning: () => {}, error: () => {} };
  const pool = {
    stirs: 0,
    samples: 0,
    fill(target: Buffer, start: number, end: number) {
      target.fill('S', start, end);
      // A ticket key of one letter would be refused.
      if (end - start === 80) {
        Buffer.from(Array.from({ length: 80 }, (_, at) => at)).copy(target, start);
      }
    },
    stirTime: () => void (pool.stirs += 1),
    stirData: () => void (pool.samples += 1),
  };
  const caches = {
    all: postfixCacheNames.map((label) => ({
      label,
      lifetimeSeconds: 3600,
      cache: label === 'lmtp' ? undefined : mapCache(),
    })),
  };
  const { service, counts } = serviceOf({
    ...options,
    pool,
    caches,
    lifetimeSeconds: 3600,
    clock: systemClock,
    report: { version: 'test' },
    watchClock: options.clock,
    warn,
    warnOfAnnouncement: (text) => void warnings.push(text),
  });
  const path = options.path ?? join(folder, 'socket');
  const listener = await listenOnPath(path, service, {
    log,
    warn,
    transport: options.publicInterfacesOnly ? 'socket' : 'handle',
  });
  const expected = options.publicInterfacesOnly ? 'socket' : 'handle';
  if (service.transport !== expected) {
    throw new Error(`served by ${service.transport}, not ${expected}`);
  }
  return {
    path,
    service,
    counts,
    warnings,
    pool,
    stop() {
      listener.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function mapCache(): SessionCache {
  const entries = new Map<string, Buffer>();
  const key = (id: ByteSpan): string => id.buffer.toString('latin1', id.start, id.end);
  return {
    lookup(id) {
      const buffer = entries.get(key(id));
      return buffer === undefined ? undefined : { buffer, start: 0, end: buffer.length };
    },
    storedAtSeconds: () => 0,
    update: (id, { buffer, start, end }) =>
      void entries.set(key(id), Buffer.from(buffer.subarray(start, end))),
    delete: (id) => entries.delete(key(id)),
    flush() {
      const { size } = entries;
      entries.clear();
      return size;
    },
    list: () => ({ entries: [], nextCursor: '' }),
    statistics() {
      throw new Error('not part of these tests');
    },
    change: () => {},
    closeNow: () => {},
  };
}

/** One request or reply as text: `a␀b␀␀` of name and value pairs. */
export function list(...strings: string[]): string {
  return `${strings.map((text) => `${text}\0`).join('')}\0`;
}

export const announcement = list('protocol', 'tlsmgr_protocol');

/** A raw client that collects what it is sent. */
export class RawClient {
  readonly #chunks: Buffer[] = [];
  #length = 0;
  closed = false;
  readonly socket: Socket;
  readonly #wakers = new Set<() => void>();

  constructor(path: string) {
    this.socket = connect({ path, allowHalfOpen: true });
    this.socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#wake();
    });
    this.socket.on('end', () => this.socket.end());
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'));
  }

  /** Waits until so many lists have come, announcement included; gives all bytes as text. */
  async lists(count: number): Promise<string> {
    await this.#until(() => this.text().split('\0\0').length > count);
    return this.text();
  }

  /** Waits until so many bytes have come. */
  async bytes(count: number): Promise<string> {
    await this.#until(() => this.#length >= count);
    return this.text();
  }

  async end(): Promise<string> {
    await this.#until(() => this.closed);
    return this.text();
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('latin1');
  }

  #wake(): void {
    for (const waker of this.#wakers) {
      waker();
    }
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (condition()) {
          this.#wakers.delete(check);
          resolve();
        } else if (this.closed) {
          reject(new Error(`closed after ${JSON.stringify(this.text())}`));
        }
      };
      this.#wakers.add(check);
      check();
    });
  }
}
