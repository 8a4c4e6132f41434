/**
 * The exchange of ticket keys with the engine. Everything that is read is asked for
 * at once: the time and the keys of five periods. Then the keys that are due are made,
 * and what the engine lacks is put there. A set of keys is a hash:
 *
 *     k:SET:P:n      field: name in base64url      value: key-value.ts, sealed
 *
 * There is one exchange at a time. The next one always follows, sooner while this
 * host has no confirmed key, and after a failure.
 */
import { messageOf } from '../../errors.ts';
import type { Logger } from '../../log/logger.ts';
import type { Clock } from '../../system/clock.ts';
import type { Timer } from '../../system/timers.ts';
import { type Engine, EngineError } from '../engine/engine.ts';
import type { FleetKeysReport } from '../report.ts';
import { mostForged, type Seals } from '../seals.ts';
import { type KeyRules, takenAtMost } from './key-rules.ts';
import { type KeyValue, nameOfField, readKeyValue, writeKeyValue } from './key-value.ts';
import type { KnownKey } from './known-key.ts';
import type { UnopenedValues } from './unopened-values.ts';

const usualSeconds = 30;
const soonSeconds = 5;

/** Fields of a set that are read. All hosts then take the same few of them. */
const mostFields = 256;

export interface KeyExchangeParts {
  readonly rules: KeyRules;
  readonly engine: Engine;
  readonly seals: Seals;
  readonly keySet: string;
  readonly clock: Clock;
  readonly after: (seconds: number, task: () => void) => Timer;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly counts: FleetKeysReport['counts'];
  readonly unopened: UnopenedValues;
  /** Called when the engine has been read, before anything is put there. */
  readonly onRead: () => void;
  /** Called after each exchange. */
  readonly onEnd: (failed: boolean) => void;
}

interface ReadKey {
  readonly field: string;
  readonly value: KeyValue;
  /** Holds the value. */
  readonly bytes: Buffer;
}

export class KeyExchange {
  readonly #parts: KeyExchangeParts;
  #running: Promise<void> | undefined;
  #timer: Timer | undefined;
  #stopped = false;
  /** Something has changed since the exchange that is under way has begun. */
  #repeats = false;
  #failures = 0;
  /** Of seals.forged: when it is reached, nothing more of this exchange is opened. */
  #forgedUntil = 0;
  #toldFailure = '';
  /** When the engine was read last, on the monotonic clock. */
  readAtMs: number | undefined;
  /** This host's clock less the engine's, milliseconds. */
  clockDifferenceMs: number | undefined;

  constructor(parts: KeyExchangeParts) {
    this.#parts = parts;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Begins an exchange, or joins the one that is under way. Never rejects. */
  now(): Promise<void> {
    if (this.#stopped) {
      return Promise.resolve();
    }
    this.#timer?.cancel();
    this.#running ??= this.#run();
    return this.#running;
  }

  /** The engine can be reached now: an exchange that was under way has failed, or will. */
  engineIsUp(): void {
    this.#repeats = this.isRunning;
    void this.now();
  }

  /** For good. An exchange that is under way changes nothing any more. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #run(): Promise<void> {
    const { counts, engine, onEnd, unopened } = this.#parts;
    let failed = false;
    try {
      await this.#exchange();
    } catch (error) {
      failed = true;
      this.#tell(error);
    }
    this.#running = undefined;
    if (this.#stopped) {
      return;
    }
    this.#failures = failed ? this.#failures + 1 : 0;
    counts.exchanges += failed ? 0 : 1;
    // Before the first connection there was nothing to exchange with.
    counts.failedExchanges += failed && engine.connection !== 'opening' ? 1 : 0;
    unopened.tell();
    this.#arm();
    onEnd(failed);
  }

  async #exchange(): Promise<void> {
    const { clock, engine, onRead, rules, seals } = this.#parts;
    rules.turn();
    const { period } = rules;
    const periods = [-2, -1, 0, 1, 2].map((distance) => period + distance);
    const [engineMs, sets] = await Promise.all([
      engine.timeMs(),
      Promise.all(periods.map((m) => engine.fields(this.#hashOf(m), mostFields))),
    ]);
    if (this.#stopped) {
      return;
    }
    this.readAtMs = clock.monotonicMs();
    this.clockDifferenceMs = clock.nowSeconds() * 1000 - engineMs;
    const found = new Map(periods.map((m, index) => [m, sets[index]!]));
    this.#forgedUntil = seals.forged + mostForged;
    for (const [m, fields] of found) {
      this.#takeSet(m, fields, engineMs);
    }
    rules.turn();
    rules.makeDue(period);
    rules.turn();
    onRead();
    const lacking = rules.lacking(period, ({ period: m, field }) => found.get(m)!.has(field));
    await this.#put(lacking, engineMs);
  }

  /** All hosts take the same keys of a set that has too many: those that were put first. */
  #takeSet(period: number, fields: ReadonlyMap<string, Buffer>, engineMs: number): void {
    const keys = [...fields]
      .flatMap(([field, sealed]) => this.#open(period, field, sealed) ?? [])
      .toSorted(
        (one, other) =>
          one.value.putAtMs - other.value.putAtMs || (one.field < other.field ? -1 : 1),
      );
    for (const [index, { field, value, bytes }] of keys.entries()) {
      if (index < takenAtMost) {
        this.#parts.rules.take(period, field, value, engineMs);
      }
      bytes.fill(0);
    }
  }

  #open(period: number, field: string, sealed: Buffer): ReadKey | undefined {
    const { clock, keySet, rules, seals, unopened } = this.#parts;
    if (seals.forged >= this.#forgedUntil) {
      return undefined;
    }
    const name = nameOfField(field);
    const nowMs = clock.nowSeconds() * 1000;
    const place = name && { set: keySet, periodSeconds: rules.periods.seconds, period, name };
    const opened = place && seals.openKey(place, sealed, nowMs);
    const value = opened && readKeyValue(opened.bytes, period, field);
    if (value === undefined) {
      opened?.bytes.fill(0);
      // A clock that is ahead of the engine's finds keys whose time is over.
      if (!seals.hasExpired(sealed, nowMs)) {
        unopened.add(`${period} ${field}`);
      }
      return undefined;
    }
    return { field, value, bytes: opened!.bytes };
  }

  /** Sends everything at once. Rejects when something wasn't put there. */
  async #put(keys: readonly KnownKey[], engineMs: number): Promise<void> {
    const { counts, engine, log, rules } = this.#parts;
    const puts = keys.map((key) =>
      engine.putFieldOnce(this.#hashOf(key.period), key.field, this.#seal(key, engineMs)),
    );
    const periods = [...new Set(keys.map(({ period }) => period))];
    const expiries = periods.map((period) =>
      engine.expireAt(this.#hashOf(period), rules.periods.keptUntil(period) * 1000),
    );
    const [results, ends] = await Promise.all([
      Promise.allSettled(puts),
      Promise.allSettled(expiries),
    ]);
    const putBack = keys.filter((key, index) => {
      const result = results[index]!;
      return result.status === 'fulfilled' && result.value && key.firstSeenMs !== undefined;
    }).length;
    if (putBack > 0) {
      counts.putBack += putBack;
      log.info(`fleet: ${putBack} ticket ${putBack === 1 ? 'key' : 'keys'} put back`);
    }
    const fault = [...results, ...ends].find(({ status }) => status === 'rejected');
    if (fault?.status === 'rejected') {
      throw fault.reason;
    }
  }

  #seal({ period, field, origin, bytes, maker }: KnownKey, engineMs: number): Buffer {
    const { keySet, rules, seals } = this.#parts;
    const value = writeKeyValue({ origin, putAtMs: Math.floor(engineMs), key: bytes, maker });
    const sealed = seals.sealKey(
      { set: keySet, periodSeconds: rules.periods.seconds, period, name: nameOfField(field)! },
      rules.periods.keptUntil(period) * 1000,
      value,
    );
    value.fill(0);
    return sealed;
  }

  #hashOf(period: number): string {
    return `k:${this.#parts.keySet}:${this.#parts.rules.periods.seconds}:${period}`;
  }

  #arm(): void {
    const { after, random, rules } = this.#parts;
    const jitter = 0.8 + 0.4 * random();
    const seconds = this.#repeats ? 0 : this.#pauseSeconds(rules) * jitter;
    this.#repeats = false;
    this.#timer = after(seconds, () => void this.now());
  }

  #pauseSeconds(rules: KeyRules): number {
    if (this.#failures > 0) {
      return Math.min(usualSeconds, 2 ** Math.min(this.#failures - 1, 10));
    }
    return rules.sealing()?.confirmed === true ? usualSeconds : soonSeconds;
  }

  /** The engine's own failures are logged where they are known. Others once, until another comes. */
  #tell(error: unknown): void {
    const text = messageOf(error);
    if (!(error instanceof EngineError) && text !== this.#toldFailure) {
      this.#toldFailure = text;
      this.#parts.log.warning(`fleet: exchange of ticket keys failed: ${text}`);
    }
  }
}
