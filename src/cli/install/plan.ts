/**
 * What install is going to do, and whether it may: the host is examined, and
 * nothing is changed. Throws TlsmgrError `UNAVAILABLE` where there is nothing to
 * begin with; every other fault is a finding.
 */
import { existsSync, lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import type { Setting } from '../../config/main-cf.ts';
import { openMainCf } from '../../config/settings.ts';
import { findParameter } from '../../config/parameters.ts';
import { cacheOfParameter } from '../../config/parameters/caches.ts';
import { FatalError, TlsmgrError } from '../../errors.ts';
import { replaceableBy } from '../findings/access.ts';
import { appArmorFindings } from '../findings/apparmor.ts';
import { postfixFaults } from '../findings/config-fault.ts';
import { confinementFindings } from '../findings/confinement.ts';
import { examineSetUp } from '../findings/examine.ts';
import type { Finding } from '../findings/finding.ts';
import {
  entryFindings,
  masterEntry,
  ourEntryFindings,
  versionFindings,
} from '../findings/master-entry.ts';
import { programFindings } from '../findings/program.ts';
import { type CliIo, UsageError } from '../io.ts';
import type { Postfix } from '../postfix/postfix.ts';
import { Launcher, type LauncherPaths, launcherText, originalsOf } from '../postfix/launcher.ts';
import { MasterCfCopy } from './master-cf-copy.ts';
import {
  announcementFor,
  isOurs,
  lineText,
  type MasterLine,
  originalLine,
  ourLine,
  overridesOf,
  withReferences,
  wakingLine,
} from '../postfix/master-line.ts';

export interface Plan {
  postfix: Postfix;
  mailVersion: string;
  copy: MasterCfCopy;
  launcher: Launcher;
  paths: LauncherPaths;
  script: string;
  /** The line as it is, and as it is going to be. */
  old: MasterLine;
  fresh: MasterLine;
  /** What uninstall is to put back. */
  original: string;
  /** Undefined: there is an error among the findings. */
  config: Config | undefined;
  findings: Finding[];
}

/** Where a name stays when the version behind it changes. */
const usualNodes = ['/usr/bin/node', '/usr/local/bin/node'];

export function makePlan(
  postfix: Postfix,
  asked: { node: string | undefined; overrides: readonly Setting[] },
  io: CliIo,
): Plan {
  requireKnown(asked.overrides);
  const mailVersion = postfix.version;
  const old = masterEntry(postfix);
  if (old === undefined) {
    const [missing] = entryFindings(postfix, old, undefined);
    throw new TlsmgrError('UNAVAILABLE', `${missing!.text}; ${missing!.remedy}`);
  }
  const line = withReferences(
    ourLine(old, {
      announcement: announcementFor(mailVersion),
      overrides: asked.overrides,
    }),
    namesInMainCf(postfix, io),
  );
  const examined = examineSetUp({
    configDirectory: postfix.directory,
    environment: io.environment,
    origins: {
      service: `${old.service}/${old.type}`,
      masterCf: overridesOf(line),
      command: asked.overrides,
    },
    serviceName: postfix.serviceName,
    chrooted: old.chroot === 'y',
  });
  const { config } = examined;
  const fresh = config?.metricsListen === undefined ? line : wakingLine(line);
  const copy = new MasterCfCopy(postfix.directory);
  const launcher = new Launcher(postfix.parameter('daemon_directory'));
  const paths = {
    node: nodePath(asked.node),
    program: programPath(),
    ...originalsOf(postfix),
  };
  return {
    postfix,
    mailVersion,
    copy,
    launcher,
    paths,
    script: launcherText(paths),
    old,
    fresh,
    original: copy.record()?.line ?? lineText(isOurs(old) ? originalLine(old) : old),
    config,
    findings: [
      ...examined.findings,
      ...postfixFaults(postfix.refusal, undefined, examined),
      ...versionFindings(mailVersion),
      // The command is what is going to change.
      ...entryFindings(postfix, old, undefined).filter(({ name }) => name !== 'master-command'),
      ...(config === undefined ? [] : ourEntryFindings(fresh, config, mailVersion)),
      ...programFindings(paths),
      ...confinementFindings(postfix.parameter('queue_directory')),
      ...appArmorFindings(launcher.path, paths, postfix.parameter('queue_directory')),
      ...placeFindings(launcher, copy),
    ],
  };
}

/** Whether all is as install would make it. */
export function isDone({ copy, launcher, script, old, fresh, postfix }: Plan): boolean {
  return (
    lineText(old) === lineText(fresh) &&
    copy.record() !== undefined &&
    launcher.text === script &&
    launcher.serves(postfix.directory)
  );
}

/** A main.cf that can't be read is a finding of the examination. */
function namesInMainCf(postfix: Postfix, io: CliIo): string[] {
  try {
    const { settings } = openMainCf({
      configDirectory: postfix.directory,
      environment: io.environment,
      programName: 'tlsmgr',
      mode: 'print',
      warn: () => undefined,
    });
    return [...settings.keys()];
  } catch (thrown) {
    if (thrown instanceof FatalError) {
      return [];
    }
    throw thrown;
  }
}

function requireKnown(overrides: readonly Setting[]): void {
  for (const { name } of overrides) {
    const found = findParameter(name);
    const isKnown = found === undefined ? cacheOfParameter(name) !== undefined : !found.readOnly;
    if (!isKnown) {
      throw new UsageError(`tlsmgr has no parameter ${name}: tlsmgr config lists them`);
    }
  }
}

function nodePath(asked: string | undefined): string {
  if (asked !== undefined) {
    return resolve(asked);
  }
  const same = (path: string): boolean =>
    existsSync(path) && realpathSync(path) === process.execPath;
  return usualNodes.find(same) ?? process.execPath;
}

/** The built program that is running now. */
function programPath(): string {
  const path = realpathSync(process.argv[1] ?? '');
  if (basename(path) !== 'main.js' || basename(dirname(path)) !== 'program') {
    throw new TlsmgrError('UNAVAILABLE', 'start this through its launcher, bin/tlsmgr');
  }
  return path;
}

function placeFindings(launcher: Launcher, { masterCf }: MasterCfCopy): Finding[] {
  const findings: Finding[] = [];
  const unsafe = replaceableBy(launcher.path);
  if (unsafe !== undefined) {
    findings.push({
      severity: 'error',
      name: 'launcher-unsafe',
      text: `${unsafe.part} ${unsafe.reason}, and master(8) would start ${launcher.path} as root`,
      remedy: `chown root ${unsafe.part}; chmod o-w ${unsafe.part}`,
    });
  }
  if (lstatSync(masterCf).isSymbolicLink()) {
    findings.push({
      severity: 'error',
      name: 'master-cf-link',
      text: `${masterCf} is a symbolic link to ${realpathSync(masterCf)}, and postconf would put a file in its place`,
      remedy: 'change the file itself with what manages it, or replace the link by the file',
    });
  }
  return findings;
}
