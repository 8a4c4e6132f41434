/**
 * The engine of a fleet: a server that all hosts of the fleet reach, and that
 * keeps sealed values for a limited time. The rest of the fleet uses this
 * interface only.
 *
 * A call never waits long, whatever the engine does: it rejects with EngineError
 * at its time limit, which counts from the call. A call rejects at once while the
 * engine is away, and while what it needs is paused. Nothing is kept for later.
 * Values belong to the caller.
 */

export type EngineConnection =
  /** No attempt to connect has ended yet. */
  | 'opening'
  | 'up'
  /** It can't be reached, or refuses us. It is tried again and again. */
  | 'away'
  /** For good. */
  | 'closed';

/** `paused`: for a while no session is asked for, or none is written. */
export type EngineFlow = 'open' | 'paused';

export class EngineError extends Error {
  override readonly name = 'EngineError';
}

export interface EngineReport {
  /** `redis:FILE`, as main.cf has it. */
  name: string;
  /** Where the connection leads to, or is tried: `host:port`. */
  server: string;
  connection: EngineConnection;
  reads: EngineFlow;
  writes: EngineFlow;
  /** Why it is away, or refuses; empty while all is well. Holds no secret. */
  reason: string;
  /** How long `connection` has been as it is. */
  sinceSeconds: number;
  /** Of the last 1,000 session reads that had an answer in time; null before the first. */
  latencyMs: { p50: number; p99: number } | null;
  /** Since the start. */
  counts: {
    reads: number;
    /** Session reads that had no answer in time. */
    late: number;
    writes: number;
    failed: number;
    reconnects: number;
  };
}

export interface Engine {
  readonly connection: EngineConnection;
  readonly reads: EngineFlow;
  readonly writes: EngineFlow;

  /** Begins to connect. Called once, when the process serves. */
  start(): void;
  /** Calls `listener` after each change of connection, reads or writes. */
  onChange(listener: () => void): void;
  report(): EngineReport;
  /** Ends all connections. Calls that are under way reject. Synchronous. */
  closeNow(): void;

  // Sessions. The time limit is read_limit_ms.

  /** The values of some keys, in their order; undefined where there is none. */
  get(keys: readonly string[]): Promise<(Buffer | undefined)[]>;
  /** @param expiresAtMs milliseconds since 1970. */
  set(key: string, value: Buffer, expiresAtMs: number): Promise<void>;
  unlink(keys: readonly string[]): Promise<void>;

  // Ticket keys, heartbeats and checks. The time limit is 5 s. They go on while reads are paused.

  /** The engine's clock, milliseconds since 1970. */
  timeMs(): Promise<number>;
  /** All fields of a hash; empty when there is no such hash. At most `most` fields are taken. */
  fields(key: string, most: number): Promise<Map<string, Buffer>>;
  /** @returns whether it was put there; false: the field has a value already. */
  putFieldOnce(key: string, field: string, value: Buffer): Promise<boolean>;
  putField(key: string, field: string, value: Buffer): Promise<void>;
  removeFields(key: string, fields: readonly string[]): Promise<void>;
  expireAt(key: string, expiresAtMs: number): Promise<void>;
  /** A section of INFO, as text. */
  info(section: 'memory' | 'persistence' | 'server'): Promise<string>;
}
