/**
 * The commands of the engine in the words of Redis. Replies are checked for their
 * types: what is to be bytes or a number and isn't rejects with UnexpectedReply.
 */
import { longestSealedBytes } from '../seals.ts';
import type { EngineCommands, InfoSection } from './engine-commands.ts';
import { UnexpectedReply } from './engine-fault.ts';
import { bytes, list, number, text } from './redis-replies.ts';

export type Word = string | Buffer;

/** A connection of the client library. Strings that Redis sends as bulk strings are Buffers. */
export interface RedisConnection {
  /** Sends a command to the server that has the key. @param key with the prefix. */
  send(key: string, words: readonly Word[]): Promise<unknown>;
  /** Sends a command to each server that has keys; one at least. */
  sendToAll(words: readonly Word[]): Promise<unknown[]>;
}

/** Fields of a page of HSCAN, and pages of a hash: an engine that never ends is left. */
const pageFields = 500;
const mostPages = 100;

/** The end of the year 9999: later times don't fit into what is sealed. */
const latestMs = Date.UTC(10_000, 0) - 1;

export class RedisCommands implements EngineCommands {
  readonly #connection: RedisConnection;
  readonly #prefix: string;

  constructor(connection: RedisConnection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  async get(key: string): Promise<Buffer | undefined> {
    // A value may be of any length. GET would bring it here as a whole.
    const value = bytes(await this.#send('GETRANGE', key, '0', String(longestSealedBytes)));
    return value.length === 0 ? undefined : value;
  }

  async set(key: string, value: Buffer, expiresAtMs: number): Promise<void> {
    await this.#send('SET', key, value, 'PXAT', String(expiresAtMs));
  }

  async unlink(key: string): Promise<void> {
    await this.#send('UNLINK', key);
  }

  async time(): Promise<number> {
    const [reply] = await this.#connection.sendToAll(['TIME']);
    const [seconds, microseconds] = list(reply);
    const milliseconds = number(seconds) * 1000 + Math.floor(number(microseconds) / 1000);
    if (milliseconds < 0 || milliseconds > latestMs) {
      throw new UnexpectedReply();
    }
    return milliseconds;
  }

  async hscan(key: string, most: number): Promise<Map<string, Buffer>> {
    const found = new Map<string, Buffer>();
    let cursor = '0';
    let pages = 0;
    do {
      const reply = list(await this.#send('HSCAN', key, cursor, 'COUNT', String(pageFields)));
      cursor = text(reply[0]);
      addFields(found, reply[1]);
      pages += 1;
    } while (cursor !== '0' && found.size < most && pages < mostPages);
    return found;
  }

  async hsetnx(key: string, field: string, value: Buffer): Promise<boolean> {
    return number(await this.#send('HSETNX', key, field, value)) === 1;
  }

  async hset(key: string, field: string, value: Buffer): Promise<void> {
    await this.#send('HSET', key, field, value);
  }

  async hdel(key: string, fields: readonly string[]): Promise<void> {
    await this.#send('HDEL', key, ...fields);
  }

  async pexpireat(key: string, expiresAtMs: number): Promise<void> {
    await this.#send('PEXPIREAT', key, String(expiresAtMs));
  }

  async info(section: InfoSection): Promise<string> {
    const [reply] = await this.#connection.sendToAll(['INFO', section]);
    return text(reply);
  }

  async ping(): Promise<void> {
    await this.#connection.sendToAll(['PING']);
  }

  /** Rejects unless all servers are masters. */
  async requireMasters(): Promise<void> {
    for (const reply of await this.#connection.sendToAll(['ROLE'])) {
      const role = text(list(reply)[0]);
      if (role !== 'master') {
        throw new Error(`it is no master: its role is ${role}`);
      }
    }
  }

  #send(command: string, key: string, ...rest: readonly Word[]): Promise<unknown> {
    const fullKey = this.#prefix + key;
    return this.#connection.send(fullKey, [command, fullKey, ...rest]);
  }
}

/** Fields and values in turn. */
function addFields(found: Map<string, Buffer>, reply: unknown): void {
  const parts = list(reply);
  for (let index = 0; index + 1 < parts.length; index += 2) {
    found.set(text(parts[index]), bytes(parts[index + 1]));
  }
}
