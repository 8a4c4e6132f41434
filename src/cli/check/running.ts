/** Who answers on the socket, and what it says of itself. */
import type { Config } from '../../config/config.ts';
import type { Problem } from '../../daemon/health.ts';
import type { Report } from '../../daemon/report.ts';
import { messageOf } from '../../errors.ts';
import { cacheLabels } from '../../sessions/session-cache.ts';
import { version } from '../../version.ts';
import { type Answer, noSeeds, whoAnswers } from '../install/question.ts';
import { queueDirectoryOf, reasonForOriginal } from '../starts.ts';
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
        text: `no tlsmgr answers: ${messageOf(thrown)}`,
        remedy: 'see in the log why: lines of tlsmgr and of master; then postfix reload',
      },
    ];
  }
  if (ours !== undefined && ours !== (answer.kind === 'ours')) {
    return [ours ? handedOverFinding(socketPath) : otherFinding(false)];
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

/** The launcher has done so, or Postfix hasn't been reloaded since it was installed. */
function handedOverFinding(socketPath: string): Finding {
  const reason = reasonForOriginal(queueDirectoryOf(socketPath));
  if (reason === undefined) {
    return otherFinding(true);
  }
  return {
    severity: 'error',
    name: 'handed-over',
    text: `Postfix's own tlsmgr serves in place of this one, which can't start: ${reason}`,
    remedy: 'mend that; then postfix reload, or, after three starts that failed, tlsmgr install',
  };
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
  for (const { severity, name, text } of problemsOf(report)) {
    findings.push({
      severity,
      name,
      text: `the running daemon says: ${text}`,
      remedy: 'see in the log why: lines of tlsmgr; then postfix reload',
    });
  }
  for (const label of cacheLabels) {
    const cache = report.caches[label];
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

/** Those that main.cf doesn't tell of by itself. An earlier version tells of none. */
function problemsOf(report: Partial<Report>): Problem[] {
  return (report.problems ?? []).filter(({ name }) => name !== 'source-none');
}
