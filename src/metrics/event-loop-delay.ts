/**
 * Measures how late the event loop runs its timers. Every client waits that long
 * in addition to its own request. There are twenty samples a second, and a
 * result for each whole window of half a minute. So several readers see the same
 * result, and none resets what another has not read. It doesn't keep the process
 * alive.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Coarse: each sample is a wake-up. */
const resolutionMs = 50;

const windowMs = 30_000;

export interface LoopDelay {
  meanSeconds: number;
  p99Seconds: number;
  maxSeconds: number;
}

export class EventLoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  #last: LoopDelay | undefined;

  constructor() {
    this.#histogram.enable();
    setInterval(() => {
      this.#last = this.#read();
      this.#histogram.reset();
    }, windowMs).unref();
  }

  /** Of the last whole window, of the first one so far; undefined before any sample. */
  read(): LoopDelay | undefined {
    return this.#last ?? this.#read();
  }

  #read(): LoopDelay | undefined {
    const { count, mean, max } = this.#histogram;
    if (count === 0) {
      return undefined;
    }
    return {
      meanSeconds: late(mean),
      p99Seconds: late(this.#histogram.percentile(99)),
      maxSeconds: late(max),
    };
  }
}

/** The histogram has the time between two samples, which includes the resolution. */
function late(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - resolutionMs / 1000);
}
