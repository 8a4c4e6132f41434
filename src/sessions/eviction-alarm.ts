/**
 * Logs that a cache is too small, when valid entries must be removed to make room.
 * It logs at most one line an hour.
 */
import type { CacheSettings } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import type { Clock } from '../system/clock.ts';
import type { EvictionListener } from './memory/retention.ts';

const quietMs = 3_600_000;

export function evictionAlarm(
  settings: CacheSettings,
  clock: Clock,
  log: Logger,
): EvictionListener {
  let saidAtMs = Number.NEGATIVE_INFINITY;
  return (limit, ageSeconds) => {
    const nowMs = clock.monotonicMs();
    if (nowMs - saidAtMs < quietMs) {
      return;
    }
    saidAtMs = nowMs;
    const prefix = `${settings.label}_tls_session_cache_`;
    const which =
      limit === 'size'
        ? `${prefix}size_limit = ${settings.sizeLimitBytes}`
        : `${prefix}entry_limit = ${settings.entryLimit}`;
    log.warning(
      `${settings.label} TLS session cache is full (${which}): ` +
        `removing valid entries, ${ageSeconds} s old`,
    );
  };
}
