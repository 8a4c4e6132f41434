/** Who answers on the socket, and what it says of itself. */
import type { Config } from '../../config/config.ts';
import type { Report } from '../../daemon/report.ts';
import { messageOf } from '../../errors.ts';
import { cacheLabels } from '../../sessions/session-cache.ts';
import { version } from '../../version.ts';
import { type Answer, noSeeds, whoAnswers } from '../install/question.ts';
import type { Finding } from './finding.ts';

export interface Running {
  socketPath: string;
  announcement: boolean;
  /** Whether it has to be this program; undefined: whoever it is. */
  ours: boolean | undefined;
}

const patienceMs = 5000;

export async function runningFindings(
  { socketPath, announcement, ours }: Running,
  config: Config | undefined,
): Promise<Finding[]> {
  let answer: Answer;
  try {
    answer = await whoAnswers({ socketPath, announcement }, patienceMs);
  } catch (thrown) {
    return [
      {
        severity: 'error',
        name: 'not-answering',
        text: `nobody answers on ${socketPath}: ${messageOf(thrown)}`,
        remedy: 'see in the log why: lines of tlsmgr and of master; then postfix reload',
      },
    ];
  }
  if (ours !== undefined && ours !== (answer.kind === 'ours')) {
    return [otherFinding(ours)];
  }
  if (answer.kind !== 'ours') {
    return [];
  }
  const findings = reportFindings(answer.report, config);
  if (!answer.givesSeeds) {
    findings.unshift({
      severity: 'error',
      name: 'no-seeds',
      text: `the daemon on ${socketPath} answers, but ${noSeeds}`,
      remedy: 'see in the log why: lines of tlsmgr',
    });
  }
  return findings;
}

function otherFinding(ours: boolean): Finding {
  return {
    severity: 'warning',
    name: 'other-answers',
    text: ours
      ? "master.cf starts this tlsmgr, and it is Postfix's own that answers"
      : "master.cf starts Postfix's own tlsmgr, and it is this one that answers",
    remedy: 'postfix reload',
  };
}

function reportFindings(report: Report, config: Config | undefined): Finding[] {
  const findings: Finding[] = [];
  if (report.version !== version) {
    findings.push({
      severity: 'warning',
      name: 'other-version',
      text: `tlsmgr ${report.version} is running, and ${version} is installed`,
      remedy: 'postfix reload',
    });
  }
  if (!report.prng.sourceHealthy && report.prng.source !== '') {
    findings.push({
      severity: 'warning',
      name: 'source-failing',
      text: `the entropy source ${report.prng.source} is failing: the pool serves without it`,
      remedy: 'tlsmgr status tells since when, and the log why',
    });
  }
  for (const label of cacheLabels) {
    const cache = report.caches[label];
    if (!cache.enabled && cache.database !== '' && cache.lifetimeSeconds > 0) {
      findings.push({
        severity: 'error',
        name: 'cache-off',
        text: `the ${label} cache of the running daemon is off: ${cache.database} could not be opened`,
        remedy: `mend ${label}_tls_session_cache_database as said here or in the log; postfix reload`,
      });
    }
    const wanted = config?.caches[label];
    if (wanted !== undefined && wanted.database !== cache.database) {
      findings.push({
        severity: 'warning',
        name: 'not-reloaded',
        text: `${label}_tls_session_cache_database is ${wanted.database || 'empty'}, and ${cache.database || 'empty'} in the running daemon`,
        remedy: 'postfix reload',
      });
    }
  }
  return findings;
}
