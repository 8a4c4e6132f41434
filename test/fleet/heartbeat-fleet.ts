/**
 * Hosts that send heartbeats through one engine, which is a Map here: with a clock
 * that the test sets, seals that only mark values, and a log that is kept.
 */
import { Heartbeats } from '../../src/fleet/heartbeat.ts';
import type { HostFacts } from '../../src/fleet/host-facts.ts';
import {
  type Engine,
  type EngineConnection,
  EngineError,
  type EngineReport,
} from '../../src/fleet/engine/engine.ts';
import type { OpenedValue, Seals } from '../../src/fleet/seals.ts';
import type { Logger } from '../../src/log/logger.ts';
import { TestClock, TestTimers } from '../log/scratch.ts';

type HeartbeatSeals = Pick<Seals, 'heartbeatField' | 'sealHeartbeat' | 'openHeartbeat' | 'forged'>;

/** What all hosts reach. */
export class Store {
  readonly hash = new Map<string, Buffer>();
  readonly calls = { fields: 0, put: 0, info: 0 };
  persistence = 'rdb_saves:0\r\naof_enabled:0\r\n';
  memory = 'maxmemory:0\r\nmaxmemory_policy:noeviction\r\n';
  /** Of the engine's clock, to those of the hosts. */
  aheadMs = 0;
  expiresAtMs = 0;
}

/** One host's way to it. */
export class StoreEngine implements Engine {
  readonly #store: Store;
  readonly #clock: TestClock;
  readonly #listeners: (() => void)[] = [];
  connection: EngineConnection = 'up';
  readonly reads = 'open';
  readonly writes = 'open';

  constructor(store: Store, clock: TestClock) {
    this.#store = store;
    this.#clock = clock;
  }

  become(connection: EngineConnection): void {
    this.connection = connection;
    for (const listener of this.#listeners) {
      listener();
    }
  }

  start(): void {}

  closeNow(): void {
    this.become('closed');
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  report(): EngineReport {
    return {
      name: 'redis:/x',
      server: 'engine:6379',
      connection: this.connection,
      reads: this.reads,
      writes: this.writes,
      reason: '',
      sinceSeconds: 0,
      latencyMs: null,
      counts: { reads: 0, late: 0, writes: 0, failed: 0, reconnects: 0 },
    };
  }

  get(): Promise<never> {
    return Promise.reject(new EngineError('not in this test'));
  }

  set(): Promise<never> {
    return this.get();
  }

  unlink(): Promise<never> {
    return this.get();
  }

  putFieldOnce(): Promise<never> {
    return this.get();
  }

  timeMs(): Promise<number> {
    return this.#whenUp(() => this.#clock.ms + this.#store.aheadMs);
  }

  fields(key: string, most: number): Promise<Map<string, Buffer>> {
    return this.#whenUp(() => {
      this.#store.calls.fields += 1;
      return new Map([...(key === 'h' ? this.#store.hash : [])].slice(0, most));
    });
  }

  putField(_key: string, field: string, value: Buffer): Promise<void> {
    return this.#whenUp(() => {
      this.#store.calls.put += 1;
      this.#store.hash.set(field, value);
    });
  }

  removeFields(_key: string, fields: readonly string[]): Promise<void> {
    return this.#whenUp(() => fields.forEach((field) => this.#store.hash.delete(field)));
  }

  expireAt(_key: string, expiresAtMs: number): Promise<void> {
    return this.#whenUp(() => {
      this.#store.expiresAtMs = expiresAtMs;
    });
  }

  info(section: 'memory' | 'persistence' | 'server'): Promise<string> {
    return this.#whenUp(() => {
      this.#store.calls.info += 1;
      return section === 'server' ? '' : this.#store[section];
    });
  }

  #whenUp<Value>(value: () => Value): Promise<Value> {
    return this.connection === 'up'
      ? Promise.resolve(value())
      : Promise.reject(new EngineError('the engine is away'));
  }
}

let nonce = 0;

/** With a name in the place of a secret. */
export function marks(secret: string, ...older: string[]): HeartbeatSeals {
  return {
    forged: 0,
    heartbeatField: (host) => `${secret}(${host})`,
    sealHeartbeat: (field, expiresAtMs, value) => {
      nonce += 1;
      const head = JSON.stringify({ nonce, secret, field, expiresAtMs });
      return Buffer.from(`${head}\n${value.toString()}`);
    },
    openHeartbeat: (field, sealed, nowMs): OpenedValue | undefined => {
      const [head = '', value = ''] = sealed.toString().split('\n');
      const { secret: sealer, field: place, expiresAtMs } = headIn(head);
      return [secret, ...older].includes(sealer) && place === field && nowMs < expiresAtMs
        ? { bytes: Buffer.from(value), expiresAtMs }
        : undefined;
    },
  };
}

function headIn(text: string): { secret: string; field: string; expiresAtMs: number } {
  try {
    return JSON.parse(text) as ReturnType<typeof headIn>;
  } catch {
    // Not sealed by these.
    return { secret: '', field: '', expiresAtMs: 0 };
  }
}

export class TestHost {
  readonly log: string[] = [];
  readonly engine: StoreEngine;
  readonly heartbeats: Heartbeats;

  constructor(
    { store, clock, timers }: TestFleet,
    host: string,
    facts: HostFacts,
    seals = marks('one'),
  ) {
    this.engine = new StoreEngine(store, clock);
    this.heartbeats = new Heartbeats({
      engine: this.engine,
      seals,
      host,
      facts,
      clock,
      after: timers.schedule,
      random: () => 0.5,
      log: keptLog(this.log),
    });
    this.heartbeats.start();
  }
}

export class TestFleet {
  readonly store = new Store();
  readonly clock = new TestClock();
  readonly timers = new TestTimers(this.clock);

  host(name: string, facts: HostFacts, seals?: HeartbeatSeals): TestHost {
    return new TestHost(this, name, facts, seals);
  }

  /** Lets time pass, and what it sets off come to its end. */
  async pass(seconds: number): Promise<void> {
    for (let passed = 0; passed < seconds; passed += 1) {
      this.timers.advance(1000);
      await new Promise(setImmediate);
    }
  }
}

export function keptLog(lines: string[]): Logger {
  return {
    verbose: 0,
    info: (text) => void lines.push(`info: ${text}`),
    warning: (text) => void lines.push(`warning: ${text}`),
    error: (text) => void lines.push(`error: ${text}`),
  };
}
