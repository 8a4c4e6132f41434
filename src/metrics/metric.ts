/** What a metric is, and functions that make one of each usual kind. */
import type { CacheReport, Report } from '../report/report.ts';
import type { LoopDelay } from './event-loop-delay.ts';

/** What a scrape reads. */
export interface Readings {
  report: Report;
  loopDelay: LoopDelay | undefined;
  openFiles: number | undefined;
}

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

export interface HistogramReading {
  /** Upper bounds in seconds and the samples within, not counting those of the bounds before. */
  buckets: readonly { upToSeconds: number | null; samples: number }[];
  sumSeconds: number;
  samples: number;
}

export type Metric = { name: string; help: string; labels: readonly string[] } & (
  | { type: 'counter' | 'gauge'; read(readings: Readings): Sample[] }
  | { type: 'histogram'; read(readings: Readings): HistogramReading }
);

export type Value = number | boolean | null | undefined;

/** A metric of one value. */
export function single(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  value: (readings: Readings) => Value,
): Metric {
  return { name, type, help, labels: [], read: (readings) => sample({}, value(readings)) };
}

/** A metric of one value for each cache. */
export function perCache(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  value: (cache: CacheReport) => Value,
): Metric {
  return {
    name,
    type,
    help,
    labels: ['cache'],
    read: ({ report }) =>
      Object.entries(report.caches).flatMap(([cache, figures]) =>
        sample({ cache }, value(figures)),
      ),
  };
}

/** A metric of one value for each of a fixed set. */
export function each(
  type: 'counter' | 'gauge',
  name: string,
  label: string,
  help: string,
  values: (report: Report) => Record<string, Value>,
): Metric {
  return {
    name,
    type,
    help,
    labels: [label],
    read: ({ report }) =>
      Object.entries(values(report)).flatMap(([key, value]) => sample({ [label]: key }, value)),
  };
}

export function sample(labels: Record<string, string>, value: Value): Sample[] {
  return value === undefined || value === null ? [] : [{ labels, value: Number(value) }];
}
