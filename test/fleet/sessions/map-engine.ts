/** An engine made of a Map, for tests of what the hosts of a fleet do with one. */
import type {
  Engine,
  EngineConnection,
  EngineFlow,
  EngineReport,
} from '../../../src/fleet/engine/engine.ts';
import { EngineError } from '../../../src/fleet/engine/engine.ts';
import type { Clock } from '../../../src/system/clock.ts';

/** What all hosts reach. */
export class MapServer {
  readonly values = new Map<string, { value: Buffer; expiresAtMs: number }>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: string): Buffer | undefined {
    const found = this.values.get(key);
    return found !== undefined && this.#clock.nowSeconds() * 1000 < found.expiresAtMs
      ? Buffer.from(found.value)
      : undefined;
  }
}

export interface EngineState {
  connection: EngineConnection;
  reads: EngineFlow;
  writes: EngineFlow;
}

export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** One host's way to the server. */
export class MapEngine implements Engine {
  connection: EngineConnection = 'up';
  reads: EngineFlow = 'open';
  writes: EngineFlow = 'open';
  /** What each command waits for before it reaches the server. */
  travel: () => Promise<void> = turn;
  /** Commands that have come to an end. */
  readonly done: string[] = [];
  /** Commands that were sent and failed. */
  readonly failed: string[] = [];
  underWay = 0;
  mostUnderWay = 0;
  /** The last command, until its end. */
  #last: Promise<unknown> = Promise.resolve();
  readonly #server: MapServer;
  readonly #listeners: (() => void)[] = [];

  constructor(server: MapServer) {
    this.#server = server;
  }

  become(state: Partial<EngineState>): void {
    Object.assign(this, state);
    for (const listener of this.#listeners) {
      listener();
    }
  }

  start(): void {}

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  report(): EngineReport {
    const { connection, reads, writes } = this;
    return {
      name: 'map:',
      server: 'here',
      connection,
      reads,
      writes,
      reason: '',
      sinceSeconds: 0,
      latencyMs: null,
      counts: { reads: 0, late: 0, writes: 0, failed: 0, reconnects: 0 },
    };
  }

  closeNow(): void {
    this.become({ connection: 'closed' });
  }

  get(keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    return this.#command('get', () => keys.map((key) => this.#server.get(key)));
  }

  set(key: string, value: Buffer, expiresAtMs: number): Promise<void> {
    if (!Number.isInteger(expiresAtMs)) {
      return Promise.reject(new TypeError(`not an integer: ${expiresAtMs}`));
    }
    return this.#command('set', () => {
      this.#server.values.set(key, { value: Buffer.from(value), expiresAtMs });
    });
  }

  unlink(keys: readonly string[]): Promise<void> {
    return this.#command('unlink', () => {
      for (const key of keys) {
        this.#server.values.delete(key);
      }
    });
  }

  timeMs(): Promise<number> {
    return this.#notHere();
  }

  fields(): Promise<Map<string, Buffer>> {
    return this.#notHere();
  }

  putFieldOnce(): Promise<boolean> {
    return this.#notHere();
  }

  putField(): Promise<void> {
    return this.#notHere();
  }

  removeFields(): Promise<void> {
    return this.#notHere();
  }

  expireAt(): Promise<void> {
    return this.#notHere();
  }

  info(): Promise<string> {
    return this.#notHere();
  }

  /** No command overtakes another, as on one connection, though `travel` has changed between them. */
  #command<Result>(name: string, task: () => Result): Promise<Result> {
    const result = this.#send(name, task, this.#last);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #send<Result>(name: string, task: () => Result, before: Promise<unknown>): Promise<Result> {
    this.#refuseWhileAway();
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    try {
      await this.travel();
      await before;
      this.#refuseWhileAway();
      const result = task();
      this.done.push(name);
      return result;
    } catch (error) {
      this.failed.push(name);
      throw error;
    } finally {
      this.underWay -= 1;
    }
  }

  #refuseWhileAway(): void {
    if (this.connection !== 'up') {
      throw new EngineError(this.connection);
    }
  }

  #notHere(): Promise<never> {
    return Promise.reject(new EngineError('sessions need no such command'));
  }
}
