/**
 * What is wrong at this moment, worst first: the first line of `tlsmgr status`,
 * the answer of /healthz, the head of the page. What the log says of the past
 * isn't here.
 */
import type { CacheName } from '../config/cache-names.ts';
import type { ParameterFault } from '../config/config.ts';
import { parameterOf } from '../sessions/caches.ts';
import type { CacheReport, Report } from './report.ts';

export interface Problem {
  /** `error`: something that main.cf asks for isn't served. */
  severity: 'error' | 'warning';
  /** For scripts: stays when the text changes. */
  name: ProblemName;
  text: string;
}

export type ProblemName =
  | 'cache-off'
  | 'cache-in-memory'
  | 'cache-too-small'
  | 'source-none'
  | 'source-failing'
  | 'exchange-failing'
  | 'parameter-refused'
  | 'key-file-unusable';

/** Which members of the report tell of health. */
export type Vitals = Pick<Report, 'caches' | 'prng'> & {
  /** Valid sessions that had to go within five minutes. */
  evictedOfLate(label: CacheName): number;
  /** Parameters of ours that have their default, as what main.cf says can't be used. */
  faults: readonly ParameterFault[];
  /** Why cache files can't be sealed; empty when they can, or needn't be. */
  keyFault: string;
};

export function problemsOf(vitals: Vitals): Problem[] {
  const problems = [
    ...vitals.faults.map((fault) => refusal(fault)),
    ...poolProblems(vitals.prng),
    ...keyProblems(vitals.keyFault),
    ...cacheProblems(vitals.caches, vitals.keyFault),
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

/** The limit that such a cache has met. */
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

function cacheProblems(caches: Report['caches'], keyFault: string): Problem[] {
  const problems: Problem[] = [];
  for (const [label, cache] of Object.entries(caches)) {
    const { enabled, database, lifetimeSeconds, fileHealthy } = cache;
    if (!enabled && database !== '' && lifetimeSeconds > 0) {
      problems.push({
        severity: 'error',
        name: 'cache-off',
        text: `${label} cache is off: ${database} can't be used (${parameterOf(label)})`,
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
