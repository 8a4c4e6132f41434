/** A host of a simulated fleet: the real keys, a clock that is off, and a process of smtpd. */
import { SharedKeys } from '../../../src/fleet/keys/shared-keys.ts';
import type { Clock } from '../../../src/system/clock.ts';
import { isLater, type MaybeLater } from '../../../src/system/later.ts';
import { OpenSeals } from '../open-seals.ts';
import { TwoSlots } from '../two-slots.ts';
import type { VirtualTime } from '../virtual-time.ts';
import type { Network } from './network.ts';
import type { SimulatedRandom } from './random.ts';

export interface HostOptions {
  readonly number: number;
  readonly lifetimeSeconds: number;
  readonly time: VirtualTime;
  readonly network: Network;
  readonly random: SimulatedRandom;
  /** Seconds by which its clock is ahead. */
  readonly offset: number;
  readonly derivedFallback: boolean;
  readonly demandReads: number;
}

const seals = new OpenSeals();

export class SimulatedHost {
  readonly number: number;
  readonly #options: HostOptions;
  readonly #clock: Clock;
  #keys: SharedKeys | undefined;
  #smtpd: TwoSlots;

  constructor(options: HostOptions) {
    this.number = options.number;
    this.#options = options;
    this.#clock = options.time.clock(options.offset);
    this.#smtpd = new TwoSlots(options.lifetimeSeconds);
  }

  /** Whether it runs, and has read the engine since its start. */
  get hasRead(): boolean {
    const state = this.#keys?.fleetState ?? 'starting';
    return state !== 'starting' && state !== 'alone';
  }

  get isRunning(): boolean {
    return this.#keys !== undefined;
  }

  /** A start, or postfix reload: nothing is remembered. */
  restart(): void {
    const { number, derivedFallback, demandReads, lifetimeSeconds, network, random, time } =
      this.#options;
    this.#keys?.wipe();
    this.#keys = new SharedKeys({
      lifetimeSeconds,
      keySet: 'smtpd',
      host: `mx${number}`,
      derivedFallback,
      demandReads,
      engine: network.engineOf(number),
      seals,
      pool: {
        fill: (target, start, end) => random.fill(target, start, end),
        stirTime: () => {},
        stirData: () => {},
      },
      clock: this.#clock,
      after: time.after,
      random: random.next,
      log: { verbose: 0, info: () => {}, warning: () => {}, error: () => {} },
      readLimitMs: 50,
    });
    this.#keys.start();
    this.replaceSmtpd();
  }

  /** The process has ended, as it does after a while, and another one begins. */
  replaceSmtpd(): void {
    this.#smtpd = new TwoSlots(this.#options.lifetimeSeconds);
  }

  /** @returns the name of the key that a process seals a ticket with now. */
  seal(): string {
    const held = this.#smtpd.sealing(this.#clock.nowSeconds());
    if (held !== undefined) {
      return held;
    }
    const key = this.#keys!.current();
    if (isLater(key)) {
      throw new TypeError('the first exchange has not ended yet');
    }
    return this.#smtpd.take(key);
  }

  /** Whether a process opens a ticket that was sealed with the key of this name. */
  opens(name: string): MaybeLater<boolean> {
    if (this.#smtpd.opens(name, this.#clock.nowSeconds())) {
      return true;
    }
    const key = this.#keys!.named(Buffer.from(name, 'base64url'), 0);
    return isLater(key) ? this.#takeLater(key) : this.#take(key);
  }

  /** Whether the key may be known to others; false for one that was just made here. */
  isPublished(name: string): boolean {
    const key = this.#keys!.rules!.named(name);
    return key === undefined || key.confirmed || key.firstSeenMs !== undefined;
  }

  async #takeLater(key: Promise<Buffer | undefined>): Promise<boolean> {
    return this.#take(await key);
  }

  #take(key: Buffer | undefined): boolean {
    if (key === undefined) {
      return false;
    }
    this.#smtpd.take(key);
    return true;
  }
}
