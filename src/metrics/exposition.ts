/**
 * The table of metrics as text, in Prometheus' format (version 0.0.4) or as
 * OpenMetrics 1.0.0. prom-client writes it; the counts are made elsewhere and
 * put in whole at each scrape.
 */
import promClient from 'prom-client';
import type { HistogramReading, Metric, Readings } from './metric.ts';
import { metrics } from './table.ts';

const { Counter, Gauge, Histogram, Registry, openMetricsContentType, prometheusContentType } =
  promClient;

export type Format = 'text' | 'openmetrics';

/** One format. prom-client renames counters for OpenMetrics, so each has metrics of its own. */
export class Exposition {
  readonly contentType: string;
  readonly #registry;
  readonly #fill: ((readings: Readings) => void)[];

  constructor(format: Format) {
    const type = format === 'openmetrics' ? openMetricsContentType : prometheusContentType;
    this.contentType = type;
    this.#registry = new Registry<promClient.RegistryContentType>();
    this.#registry.setContentType(type);
    this.#fill = metrics.map((metric) => declare(metric, this.#registry));
  }

  render(readings: Readings): Promise<string> {
    for (const fill of this.#fill) {
      fill(readings);
    }
    return this.#registry.metrics();
  }
}

/** @returns what puts its values in. */
function declare(metric: Metric, registry: promClient.Registry<promClient.RegistryContentType>) {
  const { name, help } = metric;
  const common = { name, help, labelNames: [...metric.labels], registers: [registry] };
  if (metric.type === 'histogram') {
    const histogram = new CountedHistogram({ name, help, registers: [registry] });
    return (readings: Readings): void => histogram.take(metric.read(readings));
  }
  const { type } = metric;
  const counter = type === 'counter' ? new Counter(common) : undefined;
  const gauge = type === 'gauge' ? new Gauge(common) : undefined;
  const bare = metric.labels.length === 0;
  return (readings: Readings): void => {
    const samples = metric.read(readings);
    (counter ?? gauge)?.reset();
    if (bare && samples.length === 0) {
      // prom-client would show a metric without labels as 0.
      (counter ?? gauge)?.remove();
    }
    for (const { labels, value } of samples) {
      counter?.inc(labels, value);
      gauge?.set(labels, value);
    }
  };
}

/** A histogram that was counted elsewhere: prom-client's own only takes single observations. */
class CountedHistogram extends Histogram {
  #name: string;
  #help: string;
  #reading: HistogramReading = { buckets: [], sumSeconds: 0, samples: 0 };

  constructor(options: promClient.HistogramConfiguration<string>) {
    super(options);
    this.#name = options.name;
    this.#help = options.help;
  }

  take(reading: HistogramReading): void {
    this.#reading = reading;
  }

  /** Follows the shape that Registry.metrics() reads. */
  getForPromString(): Promise<object> {
    const { buckets, sumSeconds, samples } = this.#reading;
    let within = 0;
    const values = buckets.map((bucket) => {
      within += bucket.samples;
      const le = bucket.upToSeconds ?? '+Inf';
      return { metricName: `${this.#name}_bucket`, labels: { le }, value: within };
    });
    return Promise.resolve({
      name: this.#name,
      help: this.#help,
      type: 'histogram',
      values: [
        ...values,
        { metricName: `${this.#name}_sum`, labels: {}, value: sumSeconds },
        { metricName: `${this.#name}_count`, labels: {}, value: samples },
      ],
    });
  }
}
