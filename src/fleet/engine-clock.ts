/**
 * The engine's clock, which all hosts of a fleet have in common, and how far this
 * host's own clock is from it. A host whose clock is wrong changes its ticket keys
 * at other times than the others, and its sessions live shorter elsewhere.
 */
import type { Logger } from '../log/logger.ts';
import type { Clock } from '../system/clock.ts';
import type { Engine } from './engine/engine.ts';

/** The rules for ticket keys were tried with clocks that are 60 s off. */
const mostDifferenceMs = 30_000;
/** A clock that is corrected slowly shouldn't be told of twice. */
const fineDifferenceMs = 25_000;
/** Our clock tells whole seconds. */
const halfSecondMs = 500;

export interface EngineClockOptions {
  engine: Pick<Engine, 'timeMs'>;
  clock: Clock;
  log: Logger;
}

export class EngineClock {
  readonly #engine: Pick<Engine, 'timeMs'>;
  readonly #clock: Clock;
  readonly #log: Logger;
  #measured: { engineMs: number; atMs: number } | undefined;
  /** In words, while the difference is too large; empty otherwise. */
  #warning = '';

  constructor({ engine, clock, log }: EngineClockOptions) {
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
  }

  /** This clock less the engine's; null until the engine has told its time. */
  get differenceMs(): number | null {
    return this.#measured === undefined ? null : Math.round(this.#ownMs() - this.nowMs());
  }

  get warning(): string {
    return this.#warning;
  }

  /** The engine's time, milliseconds since 1970; our own until it is known. */
  nowMs(): number {
    const measured = this.#measured;
    return measured === undefined
      ? this.#ownMs()
      : Math.round(measured.engineMs + this.#clock.monotonicMs() - measured.atMs);
  }

  /** Asks the engine. @returns its time. Rejects with EngineError. */
  async measure(): Promise<number> {
    const askedAtMs = this.#clock.monotonicMs();
    const engineMs = await this.#engine.timeMs();
    const atMs = this.#clock.monotonicMs();
    // The engine has read its clock in the middle of the round trip.
    this.#measured = { engineMs: engineMs + (atMs - askedAtMs) / 2, atMs };
    this.#judge(this.differenceMs!);
    return this.nowMs();
  }

  #ownMs(): number {
    return this.#clock.nowSeconds() * 1000 + halfSecondMs;
  }

  #judge(differenceMs: number): void {
    const size = Math.abs(differenceMs);
    const wasWrong = this.#warning !== '';
    if (size > mostDifferenceMs || (wasWrong && size > fineDifferenceMs)) {
      const where = differenceMs > 0 ? 'ahead of' : 'behind';
      this.#warning = `clock is ${Math.round(size / 1000)}s ${where} the engine's`;
      if (!wasWrong) {
        this.#log.warning(`fleet: ${this.#warning}`);
      }
    } else if (wasWrong) {
      this.#warning = '';
      this.#log.info("fleet: clock agrees with the engine's again");
    }
  }
}
