/**
 * Finds what is wrong at this moment, worst first. `tlsmgr status` shows it in
 * its first line, /healthz answers with it, and the page shows it at its top.
 * Past faults are in the log only.
 */
import type { CacheName } from '../config/cache-names.ts';
import type { ParameterFault } from '../config/config.ts';
import { parameterOf } from '../sessions/caches.ts';
import { fleetProblems } from './fleet-health.ts';
import type { CacheReport, Problem, Report } from './report.ts';

/** The members of the report that health depends on, and what else it depends on. */
export type Vitals = Pick<Report, 'caches' | 'prng' | 'fleet'> & {
  /** How many valid sessions were removed for lack of room within five minutes. */
  evictedOfLate(label: CacheName): number;
  /** Why a cache can't be opened; empty when it could be, or wasn't to be. */
  cacheFault(label: CacheName): string;
  /** Our own parameters whose value in main.cf can't be used: each has its default. */
  faults: readonly ParameterFault[];
  /** Why cache files can't be encrypted; empty when they can be, or needn't be. */
  keyFault: string;
  /** Where and why metrics can't be read; empty when they can be, or nobody asked for them. */
  metricsFault: string;
};

export function problemsOf(vitals: Vitals): Problem[] {
  const problems = [
    ...vitals.faults.map((fault) => refusal(fault)),
    ...poolProblems(vitals.prng),
    ...keyProblems(vitals.keyFault),
    ...cacheProblems(vitals),
    ...metricsProblems(vitals.metricsFault),
    ...fleetProblems(vitals.fleet),
  ];
  for (const [label, cache] of Object.entries(vitals.caches)) {
    const evicted = vitals.evictedOfLate(label);
    if (evicted > 0) {
      problems.push({
        severity: 'warning',
        name: 'cache-too-small',
        text: `${label} cache is too small: ${evicted} valid sessions had to go within five minutes (${limitOf(cache, label)})`,
      });
    }
  }
  return problems.toSorted((one, other) => rank(one) - rank(other));
}

function refusal({ name, message }: ParameterFault): Problem {
  return {
    severity: 'error',
    name: 'parameter-refused',
    text: `${message}: its default is used (${name})`,
  };
}

function rank({ severity }: Problem): number {
  return severity === 'error' ? 0 : 1;
}

/** The parameter whose limit such a cache has reached. */
function limitOf({ entries = 0, entryLimit = 0 }: CacheReport, label: CacheName): string {
  const which = entryLimit > 0 && entries >= entryLimit ? 'entry' : 'size';
  return `${label}_tls_session_cache_${which}_limit`;
}

function poolProblems(prng: Report['prng']): Problem[] {
  const problems: Problem[] = [];
  if (prng.source === '') {
    problems.push({
      severity: 'warning',
      name: 'source-none',
      text: 'no entropy source (tls_random_source is empty)',
    });
  } else if (!prng.sourceHealthy) {
    problems.push({
      severity: 'warning',
      name: 'source-failing',
      text: `entropy source ${prng.source} fails: seeds come from the pool and the system (tls_random_source)`,
    });
  }
  if (!prng.exchangeHealthy) {
    problems.push({
      severity: 'warning',
      name: 'exchange-failing',
      text: `exchange file ${prng.exchangeFile} can't be written (tls_random_exchange_name)`,
    });
  }
  return problems;
}

function keyProblems(fault: string): Problem[] {
  return fault === ''
    ? []
    : [
        {
          severity: 'error',
          name: 'key-file-unusable',
          text: `${fault}: session caches with a file are in memory only`,
        },
      ];
}

function metricsProblems(fault: string): Problem[] {
  return fault === ''
    ? []
    : [
        {
          severity: 'warning',
          name: 'metrics-missing',
          text: `metrics are not served: ${fault} (tlsmgr_metrics_listen)`,
        },
      ];
}

function cacheProblems(vitals: Vitals): Problem[] {
  const { caches, keyFault } = vitals;
  const problems: Problem[] = [];
  for (const [label, cache] of Object.entries(caches)) {
    const { enabled, database, lifetimeSeconds, fileHealthy } = cache;
    const fault = vitals.cacheFault(label) || "it can't be used";
    if (!enabled && database !== '' && lifetimeSeconds > 0) {
      problems.push({
        severity: 'error',
        name: 'cache-off',
        text: `${label} cache is off: ${database}: ${fault} (${parameterOf(label)})`,
      });
    } else if (fileHealthy === false && keyFault === '') {
      problems.push({
        severity: 'warning',
        name: 'cache-in-memory',
        text: `${label} cache is in memory only: its file can't be written (${parameterOf(label)})`,
      });
    }
  }
  return problems;
}
