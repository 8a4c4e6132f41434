/**
 * What is wrong at this moment, worst first: the first line of `tlsmgr status`,
 * the answer of /healthz, the head of the page. What the log says of the past
 * isn't here.
 */
import { parameterOf } from '../sessions/caches.ts';
import { cacheLabels } from '../sessions/session-cache.ts';
import type { Report } from './report.ts';

export interface Problem {
  /** `error`: something that main.cf asks for isn't served. */
  severity: 'error' | 'warning';
  text: string;
}

/** Which members of the report tell of health. */
export type Vitals = Pick<Report, 'caches' | 'prng'> & { evictedOfLate: number };

export function problemsOf(vitals: Vitals): Problem[] {
  const problems = [...poolProblems(vitals.prng), ...cacheProblems(vitals.caches)];
  if (vitals.evictedOfLate > 0) {
    problems.push({
      severity: 'warning',
      text: `${vitals.evictedOfLate} valid sessions had to make room within five minutes: a cache is too small (tlsmgr_cache_size_limit)`,
    });
  }
  return problems.toSorted((one, other) => rank(one) - rank(other));
}

function rank({ severity }: Problem): number {
  return severity === 'error' ? 0 : 1;
}

function poolProblems(prng: Report['prng']): Problem[] {
  const problems: Problem[] = [];
  if (prng.source === '') {
    problems.push({ severity: 'warning', text: 'no entropy source (tls_random_source is empty)' });
  } else if (!prng.sourceHealthy) {
    problems.push({
      severity: 'warning',
      text: `entropy source ${prng.source} fails: seeds come from the pool and the system (tls_random_source)`,
    });
  }
  if (!prng.exchangeHealthy) {
    problems.push({
      severity: 'warning',
      text: `exchange file ${prng.exchangeFile} can't be written (tls_random_exchange_name)`,
    });
  }
  return problems;
}

function cacheProblems(caches: Report['caches']): Problem[] {
  const problems: Problem[] = [];
  for (const label of cacheLabels) {
    const { enabled, database, lifetimeSeconds, fileHealthy } = caches[label];
    if (!enabled && database !== '' && lifetimeSeconds > 0) {
      problems.push({
        severity: 'error',
        text: `${label} cache is off: ${database} can't be used (${parameterOf(label)})`,
      });
    } else if (fileHealthy === false) {
      problems.push({
        severity: 'warning',
        text: `${label} cache is in memory only: its file can't be written (${parameterOf(label)})`,
      });
    }
  }
  return problems;
}
