/**
 * What the guard of the engine needs of a client library. redis-library.ts has it
 * from @redis/client, and tests have their own. Nothing here has a time limit:
 * limits are the guard's.
 */

export type InfoSection = 'memory' | 'persistence' | 'server';

/**
 * Commands on a connection that is up. Keys are without the prefix. Each rejects
 * when the engine refuses it, with the engine's words as the message, and when the
 * connection ends.
 */
export interface EngineCommands {
  get(key: string): Promise<Buffer | undefined>;
  /** @param expiresAtMs milliseconds since 1970. */
  set(key: string, value: Buffer, expiresAtMs: number): Promise<void>;
  unlink(key: string): Promise<void>;
  /** Milliseconds since 1970. */
  time(): Promise<number>;
  /** Fields of a hash: one page after the other until `most` are there, or there are no more. */
  hscan(key: string, most: number): Promise<Map<string, Buffer>>;
  /** @returns false when the field has a value already. */
  hsetnx(key: string, field: string, value: Buffer): Promise<boolean>;
  hset(key: string, field: string, value: Buffer): Promise<void>;
  hdel(key: string, fields: readonly string[]): Promise<void>;
  pexpireat(key: string, expiresAtMs: number): Promise<void>;
  info(section: InfoSection): Promise<string>;
  /** Resolves when every server that has keys of ours has answered. */
  ping(): Promise<void>;
}

/** One attempt to connect, and the connection that it became. */
export interface EngineClient {
  /** Where it leads to, or is tried: `host:port`. */
  readonly server: string;
  /** Resolves when all is as it has to be: signed in, and a master. Rejects with the reason. */
  readonly ready: Promise<EngineCommands>;
  /** Ends it, synchronously. What is under way rejects. */
  destroy(): void;
}

export interface EngineLibrary {
  /** How many places there are to try in turn: servers, or Sentinels. At least one. */
  readonly targets: number;
  /**
   * Begins an attempt.
   * @param target from 0 on.
   * @param lost called when the connection has ended by itself.
   */
  connect(target: number, lost: (reason: unknown) => void): EngineClient;
}
