/** The engine of a simulated fleet, and who reaches it when. */
import { EngineError } from '../../../src/fleet/engine/engine.ts';
import { EngineStore, MapEngine } from '../map-engine.ts';
import type { VirtualTime } from '../virtual-time.ts';
import type { SimulatedRandom } from './random.ts';

type Span = readonly [from: number, to: number];

const rememberedSeconds = 4 * 3600;

export class Network {
  readonly #time: VirtualTime;
  readonly #random: SimulatedRandom;
  #store = new EngineStore();
  /** While the engine is split, what the hosts of one half reach. */
  #other: EngineStore | undefined;
  #otherHosts: ReadonlySet<number> = new Set();
  readonly #outages: Span[] = [];
  readonly #isolated = new Map<number, Span[]>();
  #history: { readonly at: number; readonly store: EngineStore }[] = [];
  /** The share of exchanges, and of keys that are put, that is lost. */
  loss = 0;

  constructor(time: VirtualTime, random: SimulatedRandom) {
    this.#time = time;
    this.#random = random;
  }

  cutOff(from: number, to: number): void {
    this.#outages.push([from, to]);
  }

  isolate(host: number, from: number, to: number): void {
    const spans = this.#isolated.get(host) ?? [];
    spans.push([from, to]);
    this.#isolated.set(host, spans);
  }

  empty(): void {
    this.#store.clear();
  }

  remember(): void {
    const at = this.#time.seconds;
    this.#history.push({ at, store: this.#store.copy() });
    this.#history = this.#history.filter((one) => one.at > at - rememberedSeconds);
  }

  /** The engine has again what it had so long ago, or a little longer. */
  goBack(seconds: number): void {
    const older = this.#history.filter(({ at }) => at <= this.#time.seconds - seconds);
    this.#store.takeOver(older.at(-1)?.store ?? new EngineStore());
  }

  split(otherHosts: readonly number[]): void {
    this.#other = this.#store.copy();
    this.#otherHosts = new Set(otherHosts);
  }

  heal(keepsOther: boolean): void {
    if (keepsOther && this.#other !== undefined) {
      this.#store = this.#other;
    }
    this.#other = undefined;
    this.#otherHosts = new Set();
  }

  engineOf(host: number): MapEngine {
    let isRead = true;
    return new MapEngine({
      store: () =>
        this.#other !== undefined && this.#otherHosts.has(host) ? this.#other : this.#store,
      nowMs: () => this.#time.seconds * 1000,
      pass: (call) => {
        this.#time.isUnsettled = true;
        // One message has the time and all reads: it arrives as a whole.
        if (call === 'time') {
          isRead = this.#reaches(host) && !this.#loses();
        }
        const passes =
          call === 'time' || call === 'read' ? isRead : this.#reaches(host) && !this.#loses();
        if (!passes) {
          throw new EngineError('no answer');
        }
      },
    });
  }

  #reaches(host: number): boolean {
    const now = this.#time.seconds;
    const covers = ([from, to]: Span): boolean => from <= now && now < to;
    return !this.#outages.some(covers) && !this.#isolated.get(host)?.some(covers);
  }

  #loses(): boolean {
    return this.loss > 0 && this.#random.next() < this.loss;
  }
}
