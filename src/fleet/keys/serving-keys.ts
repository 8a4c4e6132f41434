/**
 * Shared ticket keys while tickets are given out: their state, and what waits for the
 * engine. It owns the state from the first wait to the end; nothing is started again.
 */
import { TlsmgrError } from '../../errors.ts';
import type { MaybeLater } from '../../system/later.ts';
import type { Timer } from '../../system/timers.ts';
import type { KeyDescription, SourceKey } from '../../tickets/key-source.ts';
import type { FleetKeysReport, SharedKeysState } from '../report.ts';
import { DemandLimit } from './demand-limit.ts';
import { DerivedSet } from './derived-set.ts';
import { KeyAnswers } from './key-answers.ts';
import { KeyExchange } from './key-exchange.ts';
import { KeyRules } from './key-rules.ts';
import { fieldOf } from './known-key.ts';
import type { Periods } from './periods.ts';
import type { SharedKeysOptions } from './shared-keys-options.ts';
import type { UnopenedValues } from './unopened-values.ts';
import { Wait } from './wait.ts';

type ServingState = Exclude<SharedKeysState, 'off' | 'closed'>;

/** What is logged when the state begins. */
const lines: Record<Exclude<ServingState, 'starting'>, readonly ['info' | 'warning', string]> = {
  joining: ['info', 'fleet: ticket keys: joining, as not all hosts have a key of this period yet'],
  sharing: ['info', 'fleet: ticket keys: sharing'],
  continuing: [
    'info',
    'fleet: ticket keys: continuing older ones, as there is no new one of this period',
  ],
  alone: ['warning', 'fleet: ticket keys: alone, as the engine could not be read since the start'],
};

export class ServingKeys {
  readonly rules: KeyRules;
  readonly exchange: KeyExchange;
  readonly #options: SharedKeysOptions;
  readonly #answers: KeyAnswers;
  readonly #demand: DemandLimit;
  /** `reading`: the engine has been read. What is known then tells the state. */
  #phase: 'starting' | 'alone' | 'reading' | 'stopped' = 'starting';
  /** Requests wait for the first read. */
  #firstRead: Wait | undefined;
  #turning: Timer | undefined;
  #toldState: ServingState = 'starting';

  constructor(
    options: SharedKeysOptions,
    periods: Periods,
    counts: FleetKeysReport['counts'],
    unopened: UnopenedValues,
  ) {
    const { clock, demandReads, derivedFallback } = options;
    this.#options = options;
    this.#demand = new DemandLimit(clock, demandReads);
    this.rules = new KeyRules({ ...options, periods });
    this.#answers = new KeyAnswers({
      periods,
      clock,
      rules: this.rules,
      derived: derivedFallback ? new DerivedSet({ ...options, periods }) : undefined,
    });
    this.exchange = new KeyExchange({
      ...options,
      rules: this.rules,
      counts,
      unopened,
      onRead: () => this.#enter('reading'),
      onEnd: (failed) => {
        // While the first connection is being made, a failure says nothing yet.
        if (failed && options.engine.connection !== 'opening') {
          this.#giveUpWaiting();
        }
        this.#afterChange();
      },
    });
  }

  get state(): ServingState {
    if (this.#phase === 'starting' || this.#phase === 'alone') {
      return this.#phase;
    }
    const key = this.rules.sealing();
    if (key?.confirmed !== true) {
      return 'joining';
    }
    return key.origin === key.period ? 'sharing' : 'continuing';
  }

  start(): void {
    void this.exchange.now();
    this.#afterChange();
  }

  current(): MaybeLater<Buffer> {
    return this.#phase === 'starting'
      ? this.#afterFirstRead(() => ownCopy(this.#answers.current()))
      : this.#answers.current();
  }

  keys(): MaybeLater<SourceKey[]> {
    return this.#phase === 'starting'
      ? this.#afterFirstRead(() =>
          this.#answers.keys().map((key) => ({ ...key, bytes: ownCopy(key.bytes) })),
        )
      : this.#answers.keys();
  }

  named(names: Buffer, start: number): MaybeLater<Buffer | undefined> {
    const field = fieldOf(names.subarray(start));
    const key = this.#answers.named(field);
    if (key !== undefined) {
      return key;
    }
    const read = this.#phase === 'starting' ? this.#waitForFirstRead() : this.#readOnDemand();
    return read && this.#namedAfter(read, field);
  }

  describe(): KeyDescription[] {
    return this.#answers.describe();
  }

  /** For good: overwrites all keys. Requests that wait are answered with an error. */
  stop(): void {
    this.#enter('stopped');
    this.exchange.stop();
    this.#turning?.cancel();
    this.#answers.wipe();
  }

  /** The one place where the phase changes. */
  #enter(phase: 'alone' | 'reading' | 'stopped'): void {
    this.#phase = phase;
    this.#firstRead?.end();
    this.#firstRead = undefined;
  }

  #giveUpWaiting(): void {
    if (this.#phase === 'starting') {
      this.#enter('alone');
    }
  }

  /** Tells a new state, and sets the timer for the next turn of the period. */
  #afterChange(): void {
    const { state } = this;
    if (state !== 'starting' && state !== this.#toldState) {
      this.#toldState = state;
      const [severity, text] = lines[state];
      this.#options.log[severity](text);
    }
    this.#turning?.cancel();
    this.#turning = this.#options.after(Math.max(1, this.#answers.nextChangeSeconds), () => {
      this.#answers.turn();
      this.#afterChange();
    });
  }

  #waitForFirstRead(): Promise<void> {
    const { after, readLimitMs } = this.#options;
    // Told when an exchange has ended: it may be late only, as after each start.
    this.#firstRead ??= new Wait(after, readLimitMs, () => this.#giveUpWaiting());
    return this.#firstRead.over;
  }

  async #afterFirstRead<Answer>(answer: () => Answer): Promise<Answer> {
    await this.#waitForFirstRead();
    if (this.#phase === 'stopped') {
      throw new TlsmgrError('CLOSED', 'no ticket keys are given out');
    }
    return answer();
  }

  async #namedAfter(read: Promise<void>, field: string): Promise<Buffer | undefined> {
    await read;
    const key = this.#phase === 'stopped' ? undefined : this.#answers.named(field);
    return key && ownCopy(key);
  }

  /** @returns undefined when the engine isn't read: it is away or slow, or was read too often. */
  #readOnDemand(): Promise<void> | undefined {
    const { after, engine, readLimitMs } = this.#options;
    if (engine.connection !== 'up' || engine.reads === 'paused') {
      return undefined;
    }
    if (!this.exchange.isRunning && !this.#demand.take()) {
      return undefined;
    }
    const wait = new Wait(after, readLimitMs);
    void wait.endWith(this.exchange.now());
    return wait.over;
  }
}

/** What comes later belongs to the caller (tickets/key-source.ts). */
function ownCopy(key: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(key.length);
  key.copy(copy);
  return copy;
}
