/**
 * Loads what serves the metrics, when tlsmgr_metrics_listen asks for them: a
 * daemon without them starts as fast as ever. Call it before the chroot.
 */
import type { Config } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import type { MetricsEndpoint } from './endpoint.ts';

/**
 * @param portBound called when its port has been bound.
 * @returns an endpoint that doesn't listen yet; undefined when main.cf wants none.
 */
export async function openMetricsEndpoint(
  config: Config,
  log: Logger,
  portBound?: () => void,
): Promise<MetricsEndpoint | undefined> {
  if (config.metricsListen === undefined) {
    return undefined;
  }
  const endpoint = await import('./endpoint.ts');
  return new endpoint.MetricsEndpoint({
    address: config.metricsListen,
    hostname: config.log.hostname,
    log,
    portBound,
  });
}
