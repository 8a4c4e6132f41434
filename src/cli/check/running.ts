/** Who answers on the socket, and what it says of itself. */
import type { Config } from '../../config/config.ts';
import type { Report } from '../../report/report.ts';
import { settingsOf } from '../../report/settings.ts';
import { messageOf } from '../../errors.ts';
import type { CacheName } from '../../config/cache-names.ts';
import { parameterOf } from '../../sessions/wanted.ts';
import { version } from '../../version.ts';
import { requireReport } from '../report-check.ts';
import { type Answer, noSeeds, whoAnswers } from '../probe.ts';
import { queueDirectoryOf, reasonForOriginal } from '../starts.ts';
import type { Finding } from '../findings/finding.ts';
import { isSame } from '../findings/config-fault.ts';
import { metricsPortFindings } from './metrics-port.ts';
import { problemFindings } from './problems.ts';

export interface Running {
  socketPath: string;
  announcement: boolean;
  /** Whether it has to be this program; undefined: whoever it is. */
  ours: boolean | undefined;
}

const patienceMs = 5000;

/** @param config of main.cf. A daemon that only waits for a reload to end isn't compared with it. */
export async function runningFindings(
  { socketPath, announcement, ours }: Running,
  config: Config | undefined,
  known: readonly Finding[],
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
        remedy:
          'postfix stop; postfix start  # the lines of tlsmgr and of master in the log say why; master(8) leaves one that has failed alone for a minute, and a reload does not end that',
      },
    ];
  }
  if (answer.kind !== 'ours') {
    return ours === true ? [handedOverFinding(socketPath, known)] : [];
  }
  const findings = await reportedFindings(answer, { socketPath, ours }, config, known);
  return ours === false ? [otherFinding(false), ...findings] : findings;
}

/** What one of ours that answers says of itself. */
async function reportedFindings(
  answer: Extract<Answer, { kind: 'ours' }>,
  { socketPath, ours }: Pick<Running, 'socketPath' | 'ours'>,
  config: Config | undefined,
  known: readonly Finding[],
): Promise<Finding[]> {
  const compared = ours === false ? undefined : config;
  let report: Report;
  try {
    report = requireReport(answer.report);
  } catch (thrown) {
    return [
      {
        severity: 'warning',
        name: 'other-version',
        text: `the daemon on ${socketPath} can't be asked how it is: ${messageOf(thrown)}`,
        remedy: 'postfix reload',
      },
    ];
  }
  const taken = compared === undefined ? [] : await metricsPortFindings(compared, report.pid);
  const problems = problemFindings(report, config, [...known, ...taken]);
  const findings = [...reportFindings(report, compared, problems, [...known, ...taken]), ...taken];
  if (!answer.givesSeeds) {
    findings.unshift({
      severity: 'error',
      name: 'no-seeds',
      text: `the daemon on ${socketPath} answers, but ${noSeeds}`,
      remedy: '# the lines of tlsmgr in the log say why',
    });
  }
  return findings;
}

/** The launcher has done so, or Postfix hasn't been reloaded since it was installed. */
function handedOverFinding(socketPath: string, known: readonly Finding[]): Finding {
  const reason = reasonForOriginal(queueDirectoryOf(socketPath));
  if (reason === undefined) {
    return otherFinding(true);
  }
  if (known.some((one) => one.severity === 'error' && isCauseOf(reason, one))) {
    return {
      severity: 'note',
      name: 'original-meanwhile',
      text: "Postfix's own tlsmgr serves meanwhile: mail goes on",
      remedy:
        'postfix reload  # once the error is mended; after three starts that failed: tlsmgr install',
    };
  }
  return {
    severity: 'error',
    name: 'handed-over',
    text: `Postfix's own tlsmgr serves in place of this one, which can't start: ${reason}`,
    remedy: 'postfix reload  # once that is mended; after three starts that failed: tlsmgr install',
  };
}

/** The launcher names the program that is missing; the daemon's last words are the reason otherwise. */
function isCauseOf(reason: string, { name, text }: Finding): boolean {
  return /^(?:node|program)-/u.test(name)
    ? text.includes(reason.replace(/ (?:is|does) .*$/su, ''))
    : isSame(reason, text);
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

function reportFindings(
  report: Report,
  config: Config | undefined,
  problems: readonly Finding[],
  known: readonly Finding[],
): Finding[] {
  const findings: Finding[] = [];
  if (report.version !== version) {
    findings.push({
      severity: 'warning',
      name: 'other-version',
      text: `tlsmgr ${report.version} is running, and ${version} is installed`,
      remedy: 'postfix reload',
    });
  }
  const stale = Object.keys(report.caches).filter((label) => {
    const wanted = config?.caches.get(label);
    return wanted !== undefined && wanted.database !== report.caches[label]!.database;
  });
  // A reload, which ends what the old value does, is one finding.
  const isOfStale = ({ name, text }: Finding): boolean =>
    name === 'cache-off' && stale.some((label) => text.endsWith(`(${parameterOf(label)})`));
  findings.push(
    ...problems.filter((problem) => !isOfStale(problem)),
    ...(config === undefined ? [] : settingFindings(report, config, known)),
    ...stale
      .filter((label) => !known.some((one) => isFaultOf(parameterOf(label), one)))
      .map((label) => staleFinding(label, config!.caches.get(label)!.database, problems, report)),
  );
  return findings;
}

/** Whatever else the daemon goes by until a reload. An earlier version doesn't tell. */
function settingFindings(
  { settings = {} }: Partial<Report>,
  config: Config,
  known: readonly Finding[],
): Finding[] {
  return Object.entries(settingsOf(config))
    .filter(([name, wanted]) => settings[name] !== undefined && settings[name] !== wanted)
    .filter(([name]) => !known.some((one) => isFaultOf(name, one)))
    .map(([name, wanted]) => ({
      severity: 'warning',
      name: 'not-reloaded',
      text: `${name} is ${valueText(wanted)}, and ${valueText(settings[name]!)} in the running daemon`,
      remedy: 'postfix reload',
    }));
}

function valueText(value: string | number): string {
  return value === '' ? 'empty' : String(value);
}

/** What mends that asks for a reload by itself. */
function isFaultOf(parameter: string, { severity, text }: Finding): boolean {
  return severity === 'error' && text.startsWith(parameter);
}

function staleFinding(
  label: CacheName,
  wanted: string,
  problems: readonly Finding[],
  report: Report,
): Finding {
  const parameter = parameterOf(label);
  const off = problems.find(
    ({ name, text }) => name === 'cache-off' && text.endsWith(`(${parameter})`),
  );
  const { database } = report.caches[label]!;
  return {
    severity: 'warning',
    name: 'not-reloaded',
    text: `${parameter} is ${wanted || 'empty'}, and ${database || 'empty'} in the running daemon${off === undefined ? '' : ', where this cache is off'}`,
    remedy: 'postfix reload',
    ...(off === undefined ? {} : { severity: off.severity }),
  };
}
