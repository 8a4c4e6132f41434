/**
 * How long clients wait for us, as a histogram: from the arrival of a read to
 * the write of the replies to what it brought. A clock read costs more than a
 * counter, so only one read in 32 is timed; a read of several requests counts
 * as one. What waits for another host's answer is not part of it, nor is what a
 * client that sends many requests at once waits for its own further turns.
 */
import { systemClock } from '../system/clock.ts';

/** Upper bounds of the buckets in seconds. One more bucket holds all longer times. */
export const serviceTimeBounds: readonly number[] = [
  0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25,
];

/** One read in this many is timed; a power of two. */
export const timedOneIn = 32;

export interface ServiceTimeReport {
  timedOneIn: number;
  /** Reads timed. */
  samples: number;
  /** The sum of all samples. */
  sumSeconds: number;
  /** Samples up to each bound, without those of the bounds before. The last bucket has no bound. */
  buckets: { upToSeconds: number | null; samples: number }[];
}

export class ServiceTimes {
  /** Samples in each bucket. */
  readonly counts = new Float64Array(serviceTimeBounds.length + 1);
  #reads = 0;
  #sumSeconds = 0;

  /** @returns when a read that is to be timed began; 0 for the others. */
  begin(): number {
    this.#reads = (this.#reads + 1) & (timedOneIn - 1);
    return this.#reads === 0 ? systemClock.monotonicMs() : 0;
  }

  /** @param beganMs what begin() gave, not 0. */
  end(beganMs: number): void {
    const seconds = (systemClock.monotonicMs() - beganMs) / 1000;
    this.#sumSeconds += seconds;
    let bucket = 0;
    while (bucket < serviceTimeBounds.length && seconds > serviceTimeBounds[bucket]!) {
      bucket += 1;
    }
    this.counts[bucket]! += 1;
  }

  report(): ServiceTimeReport {
    return {
      timedOneIn,
      samples: this.counts.reduce((sum, count) => sum + count, 0),
      sumSeconds: this.#sumSeconds,
      buckets: Array.from(this.counts, (samples, index) => {
        return { upToSeconds: serviceTimeBounds[index] ?? null, samples };
      }),
    };
  }
}

/**
 * The time within which this share of the samples was answered. It is the upper
 * bound of a bucket, so the true time may be as low as the bound before.
 * @param share 0.99 for the 99th percentile.
 * @returns seconds; Infinity beyond the last bound; undefined without samples.
 */
export function percentileSeconds(counts: ArrayLike<number>, share: number): number | undefined {
  let samples = 0;
  for (let index = 0; index < counts.length; index += 1) {
    samples += counts[index]!;
  }
  if (samples === 0) {
    return undefined;
  }
  let within = 0;
  for (let index = 0; index < counts.length; index += 1) {
    within += counts[index]!;
    if (within >= samples * share) {
      return serviceTimeBounds[index] ?? Number.POSITIVE_INFINITY;
    }
  }
  return Number.POSITIVE_INFINITY;
}
