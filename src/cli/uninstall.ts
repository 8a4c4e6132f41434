/**
 * tlsmgr uninstall: puts back what was there before `tlsmgr install`. A
 * master.cf that nobody has changed since is put back as a whole, byte for byte;
 * of any other only the line of the service. It needs no running Postfix. What
 * is put back stays so whatever happens afterwards; a daemon that then doesn't
 * answer is told as TlsmgrError `UNAVAILABLE`.
 */
import { TlsmgrError, messageOf } from '../errors.ts';
import { masterEntry } from './findings/master-entry.ts';
import { secondsOf } from './install.ts';
import { type Consent, exitStatusUnlessAgreed, requireRoot } from './install/agree.ts';
import { Launcher } from './postfix/launcher.ts';
import { type InstallRecord, MasterCfCopy } from './install/master-cf-copy.ts';
import {
  announcementFor,
  isOurs,
  lineText,
  type MasterLine,
  originalLine,
  parseLine,
} from './postfix/master-line.ts';
import { waitForAnswer, whoAnswersIfAny } from './probe.ts';
import { restartWith } from './install/restart.ts';
import { abortOnSignals } from './install/signals.ts';
import type { CliIo } from './io.ts';
import type { Given, uninstallOptions } from './options.ts';
import { Postfix } from './postfix/postfix.ts';
import { forgetStarts } from './starts.ts';

type Step =
  /** master.cf as a whole. */
  | { kind: 'whole' }
  /** The line alone. */
  | { kind: 'line'; line: MasterLine }
  /** master.cf no longer starts ours. */
  | { kind: 'nothing' };

export async function runUninstall(
  { values }: Given<typeof uninstallOptions>,
  io: CliIo,
): Promise<number> {
  const waitSeconds = secondsOf(values.wait);
  requireRoot(values);
  const postfix = new Postfix(values.config, io.environment);
  const copy = new MasterCfCopy(postfix.directory);
  const record = copy.record();
  let launcher: Launcher;
  let current: MasterLine | undefined;
  try {
    launcher = new Launcher(postfix.parameter('daemon_directory'));
    current = masterEntry(postfix);
  } catch (thrown) {
    return putBackBlindly(thrown, record, copy, values, io);
  }
  const step = stepOf(current, record, copy);
  if (step.kind === 'nothing' && record === undefined && !launcher.serves(postfix.directory)) {
    io.out('not installed: nothing to do\n');
    return 0;
  }
  io.out(planText(step, current, record, copy));
  const status = await exitStatusUnlessAgreed(values, io);
  if (status !== undefined) {
    return status;
  }
  await carryOut(step, postfix, copy, waitSeconds, io);
  const others = launcher.unregister(postfix.directory);
  if (others.length > 0) {
    io.out(`${launcher.path} stays for ${others.join(', ')}\n`);
  }
  return 0;
}

/** Postfix's commands don't work, for a broken main.cf maybe: the file can be put back all the same. */
async function putBackBlindly(
  thrown: unknown,
  record: InstallRecord | undefined,
  copy: MasterCfCopy,
  consent: Consent,
  io: CliIo,
): Promise<number> {
  if (record === undefined || !copy.isUntouched(record)) {
    throw thrown;
  }
  io.out(`put back ${copy.masterCf} as it was, from ${copy.backup}\n`);
  const status = await exitStatusUnlessAgreed(consent, io);
  if (status !== undefined) {
    return status;
  }
  copy.putBack();
  copy.forget();
  throw restWaits(thrown);
}

function restWaits(reason: unknown): TlsmgrError {
  return new TlsmgrError(
    'UNAVAILABLE',
    `master.cf is put back, but the rest waits for a Postfix that works; then run tlsmgr uninstall again: ${messageOf(reason)}`,
    { cause: reason },
  );
}

function stepOf(
  current: MasterLine | undefined,
  record: InstallRecord | undefined,
  copy: MasterCfCopy,
): Step {
  if (record !== undefined && copy.isUntouched(record)) {
    return { kind: 'whole' };
  }
  if (current === undefined || !isOurs(current)) {
    return { kind: 'nothing' };
  }
  return {
    kind: 'line',
    line: record === undefined ? originalLine(current) : parseLine(record.line),
  };
}

function planText(
  step: Step,
  current: MasterLine | undefined,
  record: InstallRecord | undefined,
  { masterCf, backup }: MasterCfCopy,
): string {
  if (step.kind === 'nothing') {
    return `${masterCf} doesn't start this tlsmgr any more: only what install has left is removed\n`;
  }
  const line = step.kind === 'line' ? step.line : parseLine(record!.line);
  const how =
    step.kind === 'whole'
      ? `put back ${masterCf} as it was, from ${backup}:`
      : `${masterCf} has been changed since: put back only the line`;
  return `${how}\n  - ${current === undefined ? '' : lineText(current)}\n  + ${lineText(line)}\n`;
}

async function carryOut(
  step: Step,
  postfix: Postfix,
  copy: MasterCfCopy,
  limitSeconds: number,
  io: CliIo,
): Promise<void> {
  const change = (): void => {
    if (step.kind === 'whole') {
      copy.putBack();
    } else if (step.kind === 'line') {
      postfix.setService(`${step.line.service}/${step.line.type}`, lineText(step.line));
    }
    copy.forget();
  };
  forgetStarts(postfix.parameter('queue_directory'));
  const announcement = announcementFor(postfix.version);
  const { socketPath, isRunning } = postfix;
  if (!isRunning) {
    change();
    io.out('done; Postfix is not running\n');
    return;
  }
  if (postfix.refusal !== undefined) {
    // No reload can be asked for: master(8) goes on with our line, which needs the launcher.
    change();
    throw restWaits(new TlsmgrError('UNAVAILABLE', postfix.refusal));
  }
  const signals = abortOnSignals();
  try {
    const earlier = await whoAnswersIfAny({ socketPath, announcement });
    await restartWith(change, { postfix, copy, answering: earlier !== undefined });
    await waitForAnswer({
      socketPath,
      announcement,
      expect: 'original',
      before: undefined,
      limitSeconds,
      signal: signals.signal,
    });
  } catch (thrown) {
    throw new TlsmgrError(
      'UNAVAILABLE',
      `master.cf is put back, but Postfix's own tlsmgr doesn't answer: ${messageOf(thrown)}`,
      { cause: thrown },
    );
  } finally {
    signals.release();
  }
  io.out("Postfix's own tlsmgr answers\n");
}
