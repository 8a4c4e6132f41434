/**
 * Keeps the keys of a scope up to date: asks when the newest ends to seal, when
 * none seals (as after a change of the clock), when a ticket names a key that
 * isn't known, and again after a failure. While no server answers the last key
 * seals to its end, then none does; nothing of this ever fails a handshake.
 */
import type { Clock } from '../system/clock.ts';
import { after, type Timer, within } from '../system/timers.ts';
import type { ScopedKey } from '../tickets/scoped-key.ts';
import { fetchKeys } from './fetch-keys.ts';
import { HeldKeys, wipeKey } from './held-keys.ts';
import type { TicketClient } from './ticket-client.ts';

/** `waiting` for the first key, `sealing`, `expired` without a valid key, `closed` for good: docs/node-tls.md. */
export type RingState =
  /** No key has come yet: the server goes by Node's own. */
  | 'waiting'
  /** A key seals. */
  | 'sealing'
  /** No key seals any more, as the server gives none: no tickets until one comes. */
  | 'expired'
  /** All keys are overwritten. */
  | 'closed';

export interface RingOptions {
  client: TicketClient;
  scope: string;
  clock: Clock;
  /** Called when another key seals than before, or none. */
  changed: () => void;
}

/** For one round of questions. */
const askLimitMs = 5000;
/** Between two rounds that unknown names bring about. */
const unknownPauseMs = 1000;
const firstRetrySeconds = 0.1;
const longestRetrySeconds = 5;
/** All processes ask at the same moment otherwise; less than the time that the old key seals longer. */
const spreadSeconds = 0.5;
/** Unknown names that are asked for in one round. */
const mostNames = 4;

export class TicketRing {
  readonly #options: RingOptions;
  readonly #held: HeldKeys;
  #state: RingState = 'waiting';
  #sealingName: Buffer | undefined;
  #asking = false;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #failuresInARow = 0;
  #unknownNames: Buffer[] = [];
  #nextAsk: Timer | undefined;
  #nextChange: Timer | undefined;
  readonly counts = { fetched: 0, failed: 0, refusedKeys: 0 };

  constructor(options: RingOptions) {
    this.#options = options;
    this.#held = new HeldKeys(options.clock);
    void this.#ask();
  }

  get state(): RingState {
    return this.#state;
  }

  get keyCount(): number {
    return this.#held.count;
  }

  get lifetimeSeconds(): number | undefined {
    return this.#held.lifetimeSeconds;
  }

  sealing(): ScopedKey | undefined {
    const key = this.#held.sealing();
    if (key === undefined && this.#state === 'sealing') {
      // Its end has come before the timer: the clock was set forward, or the machine has slept.
      this.#update();
      void this.#ask();
    }
    return key;
  }

  named(name: Buffer): ScopedKey | undefined {
    return this.#held.named(name);
  }

  /** A ticket names a key that isn't known: it is fetched behind, not at once for each. */
  missed(name: Buffer): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#unknownNames.length < mostNames) {
      this.#unknownNames.push(Buffer.from(name));
    }
    if (!this.#asking && nowMs - this.#askedAtMs >= unknownPauseMs) {
      void this.#ask();
    }
  }

  close(): void {
    this.#enter('closed');
    this.#nextAsk?.cancel();
    this.#nextChange?.cancel();
    this.#held.wipe();
    this.#unknownNames = [];
  }

  /** Never rejects. */
  async #ask(): Promise<void> {
    const { client, scope, clock } = this.#options;
    if (this.#asking || this.#state === 'closed') {
      return;
    }
    this.#asking = true;
    this.#askedAtMs = clock.monotonicMs();
    this.#nextAsk?.cancel();
    const names = this.#unknownNames;
    this.#unknownNames = [];
    const fetching = fetchKeys(client, scope, names, { deadlineMs: askLimitMs });
    try {
      const { keys, refused } = await within(fetching, askLimitMs, { unref: true });
      this.counts.refusedKeys += refused + this.#held.take(keys);
      this.counts.fetched += 1;
    } catch {
      // Its reasons are the client's to tell: here it is counted, and tried again.
      this.counts.failed += 1;
      fetching.then(({ keys }) => keys.forEach(wipeKey)).catch(() => {});
    }
    this.#asking = false;
    if (this.#stillOpen()) {
      this.#failuresInARow = this.#held.sealsForSeconds > 0 ? 0 : this.#failuresInARow + 1;
      this.#update();
      this.#nextAsk = after(this.#pauseSeconds(), () => void this.#ask());
    } else {
      this.#held.wipe();
    }
  }

  #stillOpen(): boolean {
    return this.#state !== 'closed';
  }

  #pauseSeconds(): number {
    const leftSeconds = this.#held.sealsForSeconds;
    if (leftSeconds > 0) {
      return leftSeconds + Math.random() * spreadSeconds;
    }
    const pause = firstRetrySeconds * 2 ** Math.min(this.#failuresInARow, 10);
    return Math.min(pause, longestRetrySeconds) * (0.5 + Math.random() / 2);
  }

  /** Wipes what is over, and comes back when that changes. */
  #update(): void {
    this.#held.wipeExpired();
    const sealing = this.#held.sealing();
    const isSame =
      sealing === undefined
        ? this.#sealingName === undefined
        : this.#sealingName?.equals(sealing.name) === true;
    this.#sealingName = sealing && Buffer.from(sealing.name);
    if (sealing !== undefined) {
      this.#enter('sealing');
    } else if (this.#state === 'sealing') {
      this.#enter('expired');
    }
    if (!isSame) {
      this.#options.changed();
    }
    this.#nextChange?.cancel();
    const seconds = this.#held.nextChangeSeconds;
    this.#nextChange = seconds === undefined ? undefined : after(seconds, () => this.#update());
  }

  #enter(state: RingState): void {
    if (this.#state !== 'closed') {
      this.#state = state;
    }
  }
}
