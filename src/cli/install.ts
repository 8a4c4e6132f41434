/**
 * tlsmgr install: puts this tlsmgr in the place of Postfix's own.
 *
 *     1  examine the host, main.cf, master.cf, node: an error ends it here
 *     2  show what will change, and ask
 *     3  write the launcher, and let the daemon start once by it
 *     4  keep a copy of master.cf, change its line, reload
 *     5  ask the new daemon through its socket, and smtpd for a TLS connection
 *        where it made one before
 *
 * What goes wrong after the second step is rolled back: all files are put back
 * as they were, byte for byte, and the daemon from before is asked. None of
 * Postfix's own files but master.cf is touched, so an upgrade of its package
 * changes nothing here. Throws TlsmgrError `UNAVAILABLE` after a rollback.
 */
import { TlsmgrError, messageOf } from '../errors.ts';
import { printable } from '../log/printable.ts';
import { version } from '../version.ts';
import { metricsPortFindings } from './check/metrics-port.ts';
import { type Finding, findingText, forInstance } from './findings/finding.ts';
import { configChoice } from './config-options.ts';
import { requireRoot, exitStatusUnlessAgreed } from './install/agree.ts';
import { makeCodeCache } from './install/code-cache.ts';
import { addressText, findTlsServer, waitForTls } from './install/handshake.ts';
import { announcementFor, isOurs, lineText, parseLine } from './postfix/master-line.ts';
import { isDone, makePlan, type Plan } from './install/plan.ts';
import { type Answer, waitForAnswer, whoAnswersIfAny } from './probe.ts';
import { rehearse } from './install/rehearsal.ts';
import { restartWith } from './install/restart.ts';
import { abortOnSignals } from './install/signals.ts';
import { smtpAddresses, type SmtpAddress } from './install/smtpd-services.ts';
import { type CliIo, UsageError } from './io.ts';
import { decimalNumber } from './numbers.ts';
import type { Given, installOptions } from './options.ts';
import { Postfix } from './postfix/postfix.ts';
import { forgetStarts, reasonForOriginal, rehearseNextStart } from './starts.ts';

/** The new process may have to wait for the old one to end. */
const usualWaitSeconds = 20;

export async function runInstall(
  { values }: Given<typeof installOptions>,
  io: CliIo,
): Promise<number> {
  const waitSeconds = secondsOf(values.wait);
  requireRoot(values);
  const postfix = new Postfix(values.config, io.environment);
  const { overrides } = configChoice(values);
  const plan = makePlan(postfix, { node: values.node, overrides }, io);
  const faults = plan.findings.filter(({ severity }) => severity === 'error');
  const others = plan.findings.filter(({ severity }) => severity === 'warning');
  const tell = (findings: Finding[]): void =>
    io.err(
      forInstance(findings, postfix.directory)
        .map((one) => findingText(one))
        .join(''),
    );
  tell([...faults, ...others]);
  if (faults.length > 0) {
    throw new TlsmgrError('UNAVAILABLE', 'not installed, and nothing was changed');
  }
  const answer = await whoIsThere(plan);
  tell(await takenPortFindings(plan, answer));
  const failed = reasonForOriginal(postfix.parameter('queue_directory'));
  const stale = whatStillRuns(plan, answer);
  if (isDone(plan) && failed === undefined && stale === undefined) {
    io.out('installed already: nothing to do\n');
    return 0;
  }
  io.out(planText(plan, failed, stale));
  const status = await exitStatusUnlessAgreed(values, io);
  if (status !== undefined) {
    return status;
  }
  await carryOut(plan, waitSeconds, io);
  return 0;
}

/** A number of seconds as `--wait` takes it. */
export function secondsOf(text: string | undefined): number {
  const seconds = text === undefined ? usualWaitSeconds : decimalNumber(text);
  if (!(seconds >= 1 && seconds <= 3600)) {
    throw new UsageError(`--wait takes seconds, 1 to 3600: ${text}`);
  }
  return seconds;
}

/**
 * @param failed why the launcher has started Postfix's own, if it has.
 * @param stale who serves that a restart is to end.
 */
function planText(plan: Plan, failed: string | undefined, stale: string | undefined): string {
  const { postfix, mailVersion, launcher, paths, script, copy, old, fresh } = plan;
  const lines = [`tlsmgr ${version} for Postfix ${mailVersion} in ${postfix.directory}:`];
  if (launcher.text !== script) {
    lines.push(`  write  ${launcher.path}`, `         which starts ${paths.node} ${paths.program}`);
  }
  if (!launcher.serves(postfix.directory)) {
    lines.push(`  note   beside the launcher that ${postfix.directory} uses it`);
  }
  if (copy.record() === undefined) {
    lines.push(
      isOurs(old)
        ? `  write  ${copy.recordPath} anew: uninstall will put back the line alone`
        : `  keep   ${copy.backup}`,
    );
  }
  if (lineText(old) === lineText(fresh)) {
    lines.push(`  leave  ${copy.masterCf} as it is: it starts this tlsmgr already`);
  } else {
    lines.push(
      `  change ${copy.masterCf}`,
      `         - ${lineText(old)}`,
      `         + ${lineText(fresh)}`,
    );
  }
  if (failed !== undefined) {
    lines.push(`  forget the starts that have failed: ${printable(failed)}`);
  }
  if (stale !== undefined) {
    lines.push(`  end    ${printable(stale)}, which still runs`);
  }
  if (postfix.isRunning) {
    lines.push('  then   postfix reload, and ask the new daemon');
  }
  return `${lines.join('\n')}\n`;
}

async function carryOut(plan: Plan, waitSeconds: number, io: CliIo): Promise<void> {
  const { postfix, launcher, copy, fresh } = plan;
  const signals = abortOnSignals();
  const putBack = rememberAll(plan);
  let hasChanged = false;
  try {
    launcher.write(plan.script);
    await makeCodeCache(plan.paths);
    rehearse(launcher.path, fresh, postfix.directory);
    signals.signal.throwIfAborted();
    hasChanged = true;
    launcher.register(postfix.directory);
    await takeEffect(plan, waitSeconds, signals.signal, io);
    io.out(`tlsmgr uninstall puts back ${copy.masterCf} as it was\n`);
  } catch (thrown) {
    const why = reasonForOriginal(postfix.parameter('queue_directory'));
    const reason = [messageOf(thrown), ...(why === undefined ? [] : [why])].join(': ');
    if (!hasChanged) {
      putBack();
      throw new TlsmgrError('UNAVAILABLE', `not installed: ${reason}`, { cause: thrown });
    }
    const after = await rollBack(plan, putBack, waitSeconds);
    throw new TlsmgrError('UNAVAILABLE', `rolled back: ${reason}; ${after}`, { cause: thrown });
  } finally {
    signals.release();
  }
}

function rememberAll({ launcher, copy, postfix }: Plan): () => void {
  const putBackMasterCf = copy.remember();
  const script = launcher.text;
  const served = launcher.serves(postfix.directory);
  return () => {
    putBackMasterCf();
    if (script !== undefined) {
      launcher.write(script);
    }
    if (!served) {
      launcher.unregister(postfix.directory);
    }
  };
}

function changeMasterCf({ copy, postfix, old, fresh, original }: Plan): void {
  const record = copy.record();
  const known = record === undefined ? !isOurs(old) : copy.isUntouched(record);
  if (record === undefined && known) {
    copy.keep();
  }
  if (lineText(old) !== lineText(fresh)) {
    postfix.setService(`${fresh.service}/${fresh.type}`, lineText(fresh));
  }
  copy.note(original, known);
}

async function takeEffect(
  plan: Plan,
  limitSeconds: number,
  signal: AbortSignal,
  io: CliIo,
): Promise<void> {
  const { postfix, copy, mailVersion } = plan;
  const earlier = await whoIsThere(plan);
  const tlsServer = postfix.isRunning
    ? await findTlsServer(smtpAddressesOf(postfix), signal)
    : undefined;
  rehearseNextStart(postfix.parameter('queue_directory'));
  const beganMs = performance.now();
  await restartWith(() => changeMasterCf(plan), {
    postfix,
    copy,
    answering: earlier !== undefined,
  });
  if (!postfix.isRunning) {
    io.out('Postfix is not running: it takes effect at the next start\n');
    return;
  }
  const answer = await waitForAnswer({
    socketPath: postfix.socketPath,
    // As the programs of this Postfix ask, whatever the line says.
    announcement: announcementFor(mailVersion),
    expect: 'ours',
    before: earlier?.kind === 'ours' ? earlier.report.pid : undefined,
    limitSeconds,
    signal,
  });
  const tookSeconds = ((performance.now() - beganMs) / 1000).toFixed(1);
  const { version: running, pid } = (answer as Extract<Answer, { kind: 'ours' }>).report;
  io.out(`tlsmgr ${running} answers (pid ${pid}), ${tookSeconds} s after the reload\n`);
  if (tlsServer === undefined) {
    io.out('no smtpd here makes TLS connections: none was tried\n');
    return;
  }
  await waitForTls(tlsServer, limitSeconds, signal);
  io.out(`smtpd at ${addressText(tlsServer.address)} makes TLS connections, as before\n`);
}

function smtpAddressesOf(postfix: Postfix): SmtpAddress[] {
  const lines = postfix.services().map((text) => parseLine(text));
  return smtpAddresses(lines, {
    inet_interfaces: postfix.parameter('inet_interfaces'),
    inet_protocols: postfix.parameter('inet_protocols'),
    smtpd_tls_wrappermode: postfix.parameter('smtpd_tls_wrappermode'),
  });
}

/** The daemon tries for a while before it tells, so `status` right after install knows nothing. */
async function takenPortFindings({ config }: Plan, answer: Answer | undefined): Promise<Finding[]> {
  const pid = answer?.kind === 'ours' ? answer.report.pid : undefined;
  return config === undefined ? [] : metricsPortFindings(config, pid);
}

/** After an upgrade of the package the version from before serves until a reload. */
function whatStillRuns(plan: Plan, answer: Answer | undefined): string | undefined {
  if (answer?.kind === 'ours') {
    const { version: running, pid } = answer.report;
    return running === version ? undefined : `tlsmgr ${running} (pid ${pid})`;
  }
  return answer !== undefined && isOurs(plan.old) ? "Postfix's own tlsmgr" : undefined;
}

async function whoIsThere({ postfix, mailVersion }: Plan): Promise<Answer | undefined> {
  const place = {
    socketPath: postfix.socketPath,
    announcement: announcementFor(mailVersion),
  };
  return postfix.isRunning ? whoAnswersIfAny(place) : undefined;
}

/** @returns what to tell of the daemon from before. */
async function rollBack(
  { postfix, mailVersion, old, config, copy }: Plan,
  putBack: () => void,
  limitSeconds: number,
): Promise<string> {
  const ours = isOurs(old);
  try {
    forgetStarts(postfix.parameter('queue_directory'));
    await restartWith(putBack, { postfix, copy, answering: false });
    if (!postfix.isRunning) {
      return 'master.cf is as it was';
    }
    await waitForAnswer({
      socketPath: postfix.socketPath,
      announcement: ours ? config!.announce : announcementFor(mailVersion),
      expect: ours ? 'ours' : 'original',
      before: undefined,
      limitSeconds: Math.max(limitSeconds, usualWaitSeconds),
      signal: new AbortController().signal,
    });
    return 'master.cf is as it was, and the daemon from before answers';
  } catch (thrown) {
    // Whatever it was that failed: the files come first.
    putBack();
    return `master.cf is as it was, but the daemon from before doesn't answer: ${messageOf(thrown)}`;
  }
}
