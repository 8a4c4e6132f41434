/** Hosts that share ticket keys through an engine that is a Map, in time that a test passes. */
import { randomFillSync } from 'node:crypto';
import { EngineError } from '../../src/fleet/engine/engine.ts';
import { writeKeyValue } from '../../src/fleet/keys/key-value.ts';
import { SharedKeys } from '../../src/fleet/keys/shared-keys.ts';
import type { Seals } from '../../src/fleet/seals.ts';
import type { Logger } from '../../src/log/logger.ts';
import type { RandomPool } from '../../src/prng/random.ts';
import { EngineStore, MapEngine } from './map-engine.ts';
import { OpenSeals } from './open-seals.ts';
import { VirtualTime } from './virtual-time.ts';

export const lifetimeSeconds = 3600;
export const periodSeconds = lifetimeSeconds / 2;
/** The period in which each test begins, 600 s after its begin. */
export const firstPeriod = 1_000_000;
export const beginSeconds = firstPeriod * periodSeconds + 600;

export const pool: RandomPool = {
  fill: (target, start, end) => void randomFillSync(target, start, end - start),
  stirTime: () => {},
  stirData: () => {},
};

export interface HostOptions {
  lifetimeSeconds?: number;
  derivedFallback?: boolean;
  keySet?: string;
  seals?: Seals;
  /** Seconds by which the host's clock is ahead. */
  ahead?: number;
  engine?: 'answers' | 'fails' | 'hangs';
  demandReads?: number;
}

export class TestFleet {
  readonly time: VirtualTime;
  readonly store = new EngineStore();
  readonly seals = new OpenSeals();

  constructor(seconds = beginSeconds) {
    this.time = new VirtualTime(seconds);
  }

  host(name: string, options: HostOptions = {}): TestHost {
    return new TestHost(this, name, options);
  }

  /** Puts the value of a key into the engine, under any place that a test likes. */
  put(period: number, key: Buffer, { origin = period, putAt = this.time.seconds } = {}): void {
    const place = { set: 'smtpd', periodSeconds, period, name: key.subarray(0, 16) };
    const value = writeKeyValue({ origin, putAtMs: putAt * 1000, key, maker: 'mx9' });
    const sealed = this.seals.sealKey(place, (period + 3) * periodSeconds * 1000, value);
    this.putSealed(period, key.toString('base64url', 0, 16), sealed);
  }

  putSealed(period: number, field: string, sealed: Buffer): void {
    this.store.putOnce(hashOf(period), field, sealed, this.time.seconds * 1000);
  }
}

export class TestHost {
  readonly keys: SharedKeys;
  readonly engine: MapEngine;
  readonly lines: string[] = [];
  /** When the engine was asked for the time: at each exchange. */
  readonly exchangesAt: number[] = [];
  is: 'answers' | 'fails' | 'hangs';
  #hanging: (() => void)[] = [];

  constructor(fleet: TestFleet, name: string, options: HostOptions) {
    const { time } = fleet;
    const { ahead = 0, derivedFallback = false, engine = 'answers', ...others } = options;
    this.is = engine;
    this.engine = new MapEngine({
      store: () => fleet.store,
      nowMs: () => time.seconds * 1000,
      pass: (call) => {
        if (call === 'time') {
          this.exchangesAt.push(time.seconds);
        }
        if (this.is === 'fails') {
          throw new EngineError('no answer');
        }
        return this.is === 'hangs' ? this.#hang() : undefined;
      },
    });
    this.keys = new SharedKeys({
      lifetimeSeconds,
      keySet: 'smtpd',
      seals: fleet.seals,
      ...others,
      host: name,
      derivedFallback,
      engine: this.engine,
      pool,
      clock: time.clock(ahead),
      after: time.after,
      random: () => 0.5,
      log: logTo(this.lines),
      readLimitMs: 50,
    });
  }

  /** What hangs is answered now. */
  release(): void {
    this.is = 'answers';
    this.#hanging.splice(0).forEach((answer) => answer());
  }

  #hang(): Promise<void> {
    return new Promise((resolve) => {
      this.#hanging.push(resolve);
    });
  }
}

export function logTo(lines: string[]): Logger {
  return {
    verbose: 0,
    info: (text) => void lines.push(text),
    warning: (text) => void lines.push(`warning: ${text}`),
    error: (text) => void lines.push(`error: ${text}`),
  };
}

export function hashOf(period: number, set = 'smtpd'): string {
  return `k:${set}:${periodSeconds}:${period}`;
}

/** A good ticket key of random bytes; 88 of them. */
export function randomKey(): Buffer {
  const key = Buffer.alloc(88);
  randomFillSync(key, 0, 80);
  return key;
}
