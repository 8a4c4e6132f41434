/**
 * The engine behind a client library. The guard gives what libraries lack: each
 * call ends within its time limit, what is under way is bounded (calls.ts), a
 * connection that is lost or silent is replaced (connection.ts), and sessions
 * pause while the engine is slow, full or refuses us (flow.ts).
 */
import type { Logger } from '../../log/logger.ts';
import type { Clock } from '../../system/clock.ts';
import { after as afterTimer } from '../../system/timers.ts';
import { Calls } from './calls.ts';
import { Connection } from './connection.ts';
import { type After, afterReading } from './deadlines.ts';
import type { EngineCommands, EngineLibrary, InfoSection } from './engine-commands.ts';
import { faultTextWithout } from './engine-fault.ts';
import type { Engine, EngineConnection, EngineFlow, EngineReport } from './engine.ts';
import { Flow } from './flow.ts';

/** What a command takes beyond its words. */
const commandBytes = 100;

export interface GuardSettings {
  /** `redis:FILE`. */
  name: string;
  readLimitMs: number;
  /** An attempt to connect that takes longer is given up. */
  attemptSeconds: number;
  /** Never to be told, whatever the engine answers. */
  secrets: readonly string[];
}

export interface GuardDependencies {
  library: EngineLibrary;
  log: Logger;
  clock: Clock;
  /** Timers that don't keep the process alive. */
  after?: After;
  /** At least 0, less than 1. */
  random?: () => number;
}

export class GuardedEngine implements Engine {
  readonly #name: string;
  readonly #connection: Connection;
  readonly #flow: Flow;
  readonly #calls: Calls;
  readonly #listeners: (() => void)[] = [];
  /** What listeners were told last. */
  #toldState: string;

  constructor(settings: GuardSettings, dependencies: GuardDependencies) {
    const { library, log, clock, random = Math.random } = dependencies;
    const after = afterReading(dependencies.after ?? afterTimer);
    const { readLimitMs, attemptSeconds } = settings;
    const faultText = faultTextWithout(settings.secrets);
    this.#name = settings.name;
    const connection = new Connection(
      { library, attemptSeconds, faultText, log, clock, after, random },
      {
        opened: () => this.#connectionChanged(),
        away: () => this.#connectionChanged(),
        pinged: (milliseconds) => this.#flow.pinged(milliseconds),
      },
    );
    const server = (): string => connection.server;
    const changed = (): void => this.#changed();
    const flow = new Flow({ readLimitMs, server, log, after, changed });
    this.#connection = connection;
    this.#flow = flow;
    this.#calls = new Calls({ connection, flow, clock, after, readLimitMs, faultText });
    this.#toldState = this.#state();
  }

  get connection(): EngineConnection {
    return this.#connection.state;
  }

  get reads(): EngineFlow {
    return this.#flow.reads;
  }

  get writes(): EngineFlow {
    return this.#flow.writes;
  }

  start(): void {
    this.#connection.start();
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  report(): EngineReport {
    const { state, server, sinceSeconds, reconnects, reason } = this.#connection;
    return {
      name: this.#name,
      server,
      connection: state,
      reads: this.reads,
      writes: this.writes,
      reason: state === 'up' ? this.#flow.reason : reason,
      sinceSeconds,
      latencyMs: this.#calls.latencies.percentiles(),
      counts: { ...this.#calls.counts, reconnects },
    };
  }

  closeNow(): void {
    this.#connection.close();
    this.#flow.close();
    this.#changed();
  }

  get(keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    return this.#calls.begin({
      kind: 'read',
      command: 'GETRANGE',
      part: partOf(keys),
      commands: keys.length,
      bytes: bytesOf(keys),
      send: (commands) => Promise.all(keys.map((key) => commands.get(key))),
    });
  }

  set(key: string, value: Buffer, expiresAtMs: number): Promise<void> {
    return this.#calls.begin({
      kind: 'write',
      command: 'SET',
      part: partOf([key]),
      commands: 1,
      bytes: bytesOf([key]) + value.length,
      send: (commands) => commands.set(key, value, expiresAtMs),
    });
  }

  async unlink(keys: readonly string[]): Promise<void> {
    await this.#calls.begin({
      kind: 'write',
      command: 'UNLINK',
      part: partOf(keys),
      commands: keys.length,
      bytes: bytesOf(keys),
      send: (commands) => Promise.all(keys.map((key) => commands.unlink(key))),
    });
  }

  timeMs(): Promise<number> {
    return this.#other('TIME', [], 0, (commands) => commands.time());
  }

  async fields(key: string, most: number): Promise<Map<string, Buffer>> {
    const found = await this.#other('HSCAN', [key], 0, (commands) => commands.hscan(key, most));
    return found.size > most ? new Map([...found].slice(0, most)) : found;
  }

  putFieldOnce(key: string, field: string, value: Buffer): Promise<boolean> {
    return this.#other('HSETNX', [key], value.length, (commands) =>
      commands.hsetnx(key, field, value),
    );
  }

  putField(key: string, field: string, value: Buffer): Promise<void> {
    return this.#other('HSET', [key], value.length, (commands) => commands.hset(key, field, value));
  }

  async removeFields(key: string, fields: readonly string[]): Promise<void> {
    if (fields.length > 0) {
      await this.#other('HDEL', [key], bytesOf(fields), (commands) => commands.hdel(key, fields));
    }
  }

  expireAt(key: string, expiresAtMs: number): Promise<void> {
    return this.#other('PEXPIREAT', [key], 0, (commands) => commands.pexpireat(key, expiresAtMs));
  }

  info(section: InfoSection): Promise<string> {
    return this.#other('INFO', [], 0, (commands) => commands.info(section));
  }

  #other<Result>(
    command: string,
    keys: readonly string[],
    bytes: number,
    send: (commands: EngineCommands) => Promise<Result>,
  ): Promise<Result> {
    return this.#calls.begin({
      kind: 'other',
      command,
      part: partOf(keys),
      commands: 1,
      bytes: bytes + commandBytes,
      send,
    });
  }

  #connectionChanged(): void {
    this.#calls.connectionChanged();
    this.#flow.connectionChanged();
    this.#changed();
  }

  #changed(): void {
    const state = this.#state();
    if (state !== this.#toldState) {
      this.#toldState = state;
      for (const listener of this.#listeners) {
        listener();
      }
    }
  }

  #state(): string {
    return `${this.connection} ${this.reads} ${this.writes}`;
  }
}

/** Of so many commands, with a word each. */
function bytesOf(words: readonly string[]): number {
  return words.reduce((sum, word) => sum + commandBytes + word.length, 0);
}

/** Of our keys, all of which begin with it. */
function partOf([key = '']: readonly string[]): string {
  return key.split(':', 1)[0]!;
}
