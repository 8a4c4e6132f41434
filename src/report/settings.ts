/**
 * The values that a daemon goes by, as it reports them and as `tlsmgr check`
 * compares them with main.cf: what differs waits for a reload. By the names of
 * their parameters; numbers in seconds, bytes or pieces.
 */
import type { Config } from '../config/config.ts';
import { addressText } from '../config/listen-address.ts';

export type SettingsReport = Record<string, string | number>;

export function settingsOf(config: Config): SettingsReport {
  return { ...changeableOf(config), ...settingsOfStart(config) };
}

/** Those that stay until the next start, also where main.cf is read again. */
export function settingsOfStart(config: Config): SettingsReport {
  const { metricsListen, persistentCaches, cacheKeyFile, fleet } = config;
  return {
    tlsmgr_metrics_listen: metricsListen === undefined ? '' : addressText(metricsListen),
    tlsmgr_session_cache_persistent: persistentCaches ? 'yes' : 'no',
    tlsmgr_session_cache_key_file: cacheKeyFile,
    tlsmgr_ticket_keys: fleet.ticketKeys,
    tlsmgr_fleet_secret_file: fleet.secretFile,
    tlsmgr_fleet_engine: fleet.engineText,
    tlsmgr_fleet_caches: fleet.caches.join(', '),
    tlsmgr_fleet_key_set: fleet.keySet,
    tlsmgr_fleet_host: fleet.host,
  };
}

function changeableOf({ caches, limits }: Config): SettingsReport {
  const settings: SettingsReport = {
    tlsmgr_connection_limit: limits.connections,
    tlsmgr_request_size_limit: limits.requestSizeBytes,
    tlsmgr_request_time_limit: limits.requestTimeSeconds,
  };
  for (const { label, lifetimeSeconds, sizeLimitBytes, entryLimit } of caches.values()) {
    settings[`${label}_tls_session_cache_timeout`] = lifetimeSeconds;
    settings[`${label}_tls_session_cache_size_limit`] = sizeLimitBytes;
    settings[`${label}_tls_session_cache_entry_limit`] = entryLimit;
  }
  return settings;
}
