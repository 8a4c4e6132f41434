/**
 * Samples the counters every five seconds and keeps the samples of five minutes,
 * and of an hour what each minute amounts to.
 * Rates and plots are made from them. The daemon keeps them, so that `tlsmgr
 * status` shows rates at once, and a page that has just been opened shows a plot.
 */
import type { CacheName } from '../config/cache-names.ts';
import type { CountsByStatus } from '../requests/request-counts.ts';
import { percentileSeconds } from '../socket/service-times.ts';
import type { Clock } from '../system/clock.ts';

const everySeconds = 5;
const mostSamples = 61;
const rateSeconds = 60;
const minuteSeconds = 60;
const samplesInAMinute = minuteSeconds / everySeconds;
const mostMinutes = 60;
/** Three requests in the first hundredth of a second are no 300 a second. */
const leastRateSeconds = 1;

/** Counters at one moment: they only grow. */
export interface Counters {
  requests: number;
  byName: Record<string, CountsByStatus>;
  hits: number;
  misses: number;
  evicted: Readonly<Record<CacheName, number>>;
  accepted: number;
  /** As ServiceTimes keeps them; copied here. */
  serviceTimes: ArrayLike<number>;
}

export interface HistoryPoint {
  /** How long ago these five seconds ended. */
  ageSeconds: number;
  requestsPerSecond: number;
  connectionsPerSecond: number;
  /** 0 to 1, of all caches together; null without look-ups. */
  hitRatio: number | null;
  /** The upper bound of its bucket; null without samples, and beyond the last bound. */
  p99Seconds: number | null;
}

export interface RateReport {
  /** The rates are means over this time: the last minute, or less after a start; 1 at least. */
  overSeconds: number;
  requestsPerSecond: number;
  connectionsPerSecond: number;
  byName: Record<string, number>;
  /** In the time of overSeconds; null without look-ups. */
  hitRatio: number | null;
  p50Seconds: number | null;
  p99Seconds: number | null;
}

/** The same of longer intervals: the values of all of them in a list each, oldest first. */
export interface HourReport {
  everySeconds: number;
  /** How long ago the newest interval ended; each one before is everySeconds older. */
  ageSeconds: number;
  requestsPerSecond: number[];
  connectionsPerSecond: number[];
  hitRatio: (number | null)[];
  p99Seconds: (number | null)[];
}

export interface HistoryReport {
  everySeconds: number;
  /** Oldest first. */
  points: HistoryPoint[];
  hour: HourReport;
}

type Values = Omit<HistoryPoint, 'ageSeconds'>;

interface Sample extends Counters {
  atMs: number;
}

export class History {
  readonly #read: () => Counters;
  readonly #clock: Clock;
  readonly #samples: Sample[] = [];
  /** Whole minutes, oldest first. */
  readonly #minutes: Values[] = [];
  #minuteEndMs: number;
  #samplesSinceMinute = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(read: () => Counters, clock: Clock) {
    this.#read = read;
    this.#clock = clock;
    this.#samples.push(this.#now());
    this.#minuteEndMs = this.#samples[0]!.atMs;
  }

  /** Samples from now on. Never keeps the process alive. */
  start(): void {
    this.#timer = setInterval(() => this.sample(), everySeconds * 1000).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  sample(): void {
    this.#samples.push(this.#now());
    if (this.#samples.length > mostSamples) {
      this.#samples.shift();
    }
    this.#samplesSinceMinute += 1;
    if (this.#samplesSinceMinute === samplesInAMinute) {
      this.#endMinute();
    }
  }

  #endMinute(): void {
    const from = this.#samples.at(-1 - samplesInAMinute)!;
    const to = this.#samples.at(-1)!;
    this.#minutes.push(valuesBetween(from, to));
    if (this.#minutes.length > mostMinutes) {
      this.#minutes.shift();
    }
    this.#minuteEndMs = to.atMs;
    this.#samplesSinceMinute = 0;
  }

  rates(): RateReport {
    const now = this.#now();
    const from =
      this.#samples.find(({ atMs }) => now.atMs - atMs <= rateSeconds * 1000) ??
      this.#samples.at(-1)!;
    const seconds = Math.max(leastRateSeconds, secondsBetween(from, now));
    const times = difference(from.serviceTimes, now.serviceTimes);
    return {
      overSeconds: rounded(seconds),
      requestsPerSecond: rounded((now.requests - from.requests) / seconds),
      connectionsPerSecond: rounded((now.accepted - from.accepted) / seconds),
      byName: Object.fromEntries(
        Object.entries(now.byName).map(([name, counts]) => {
          const before = from.byName[name];
          return [name, rounded((sum(counts) - (before ? sum(before) : 0)) / seconds)];
        }),
      ),
      hitRatio: hitRatio(from, now),
      p50Seconds: finite(percentileSeconds(times, 0.5)),
      p99Seconds: finite(percentileSeconds(times, 0.99)),
    };
  }

  report(): HistoryReport {
    const nowMs = this.#clock.monotonicMs();
    return {
      everySeconds,
      points: this.#samples.slice(1).map((to, index) => ({
        ageSeconds: rounded((nowMs - to.atMs) / 1000),
        ...valuesBetween(this.#samples[index]!, to),
      })),
      hour: {
        everySeconds: minuteSeconds,
        ageSeconds: rounded((nowMs - this.#minuteEndMs) / 1000),
        requestsPerSecond: this.#minutes.map(({ requestsPerSecond }) => requestsPerSecond),
        connectionsPerSecond: this.#minutes.map(({ connectionsPerSecond }) => connectionsPerSecond),
        hitRatio: this.#minutes.map((minute) => minute.hitRatio),
        p99Seconds: this.#minutes.map(({ p99Seconds }) => p99Seconds),
      },
    };
  }

  /** Entries removed from a cache while valid, within these five minutes. */
  evictedOfLate(label: CacheName): number {
    const of = ({ evicted }: Counters): number =>
      Object.hasOwn(evicted, label) ? evicted[label]! : 0;
    return of(this.#read()) - of(this.#samples[0]!);
  }

  #now(): Sample {
    const counters = this.#read();
    return {
      ...counters,
      serviceTimes: Float64Array.from(counters.serviceTimes),
      atMs: this.#clock.monotonicMs(),
    };
  }
}

function valuesBetween(from: Sample, to: Sample): Values {
  const seconds = secondsBetween(from, to);
  return {
    requestsPerSecond: rounded((to.requests - from.requests) / seconds),
    connectionsPerSecond: rounded((to.accepted - from.accepted) / seconds),
    hitRatio: hitRatio(from, to),
    p99Seconds: finite(percentileSeconds(difference(from.serviceTimes, to.serviceTimes), 0.99)),
  };
}

/** At least a millisecond: two samples may be taken at once. */
function secondsBetween(from: Sample, to: Sample): number {
  return Math.max(0.001, (to.atMs - from.atMs) / 1000);
}

function sum({ ok, error, fail }: CountsByStatus): number {
  return ok + error + fail;
}

function hitRatio(from: Counters, to: Counters): number | null {
  const hits = to.hits - from.hits;
  const all = hits + to.misses - from.misses;
  return all === 0 ? null : rounded(hits / all);
}

function difference(from: ArrayLike<number>, to: ArrayLike<number>): Float64Array {
  return Float64Array.from(to, (count, index) => count - from[index]!);
}

function finite(seconds: number | undefined): number | null {
  return seconds === undefined || seconds === Number.POSITIVE_INFINITY ? null : seconds;
}

/** To three decimals: more would only make the report longer. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
