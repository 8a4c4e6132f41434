/**
 * Health tests of SP 800-90B, 4.4, over the bytes of an entropy source, each
 * byte assumed to hold `entropyBits` of min-entropy. A source that fails is
 * still mixed in, and credited nothing. The false-alarm rate is 2^-30 a sample.
 */

/** -log2 of the false-alarm rate. */
const alarmExponent = 30;

/** Window of the adaptive proportion test for samples that aren't binary (4.4.2). */
const windowSamples = 512;

/** Repetition count (4.4.1): C = 1 + ceil(30 / H). */
export function repetitionCutoff(entropyBits: number): number {
  return 1 + Math.ceil(alarmExponent / entropyBits);
}

/**
 * Adaptive proportion (4.4.2): the smallest count that a binomial of 512 trials
 * with chance 2^-H reaches with a probability of at most 2^-30.
 */
export function proportionCutoff(entropyBits: number): number {
  const chance = 2 ** -entropyBits;
  const limit = 2 ** -alarmExponent;
  const logOdds = Math.log(chance) - Math.log1p(-chance);
  // Of the probability of exactly `count`, each made of the one before.
  let log = windowSamples * Math.log(chance);
  let tail = 0;
  for (let count = windowSamples; count > 0; count -= 1) {
    tail += Math.exp(log);
    if (tail > limit) {
      return count + 1;
    }
    log += Math.log(count) - Math.log(windowSamples - count + 1) - logOdds;
  }
  return 1;
}

export class HealthTests {
  readonly #repetitionCutoff: number;
  readonly #proportionCutoff: number;
  #last = -1;
  #run = 0;
  #first = -1;
  #seen = 0;
  #same = 0;

  constructor(entropyBits = 1) {
    this.#repetitionCutoff = repetitionCutoff(entropyBits);
    this.#proportionCutoff = proportionCutoff(entropyBits);
  }

  /** @returns false when these samples, behind all earlier ones, fail a test. */
  check(samples: Buffer): boolean {
    let healthy = true;
    for (const sample of samples) {
      this.#run = sample === this.#last ? this.#run + 1 : 1;
      this.#last = sample;
      if (this.#run >= this.#repetitionCutoff) {
        healthy = false;
      }
      if (this.#seen === 0) {
        this.#first = sample;
        this.#same = 0;
      }
      this.#seen = (this.#seen + 1) % windowSamples;
      if (sample === this.#first) {
        this.#same += 1;
        if (this.#same >= this.#proportionCutoff) {
          healthy = false;
        }
      }
    }
    return healthy;
  }
}
