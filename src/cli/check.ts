/**
 * tlsmgr check: what is wrong, or could be better, with a set-up: main.cf, the
 * line of master.cf, directories and files, the program that master(8) starts,
 * and the daemon that answers. Each finding has a severity, what it means and
 * what mends it. Changes nothing.
 *
 * Exit status by the worst: 0 nothing or notes, 1 a warning, 2 an error; 3 when
 * check itself fails. What can't be examined, for want of a Postfix, is left out,
 * with a note.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Setting } from '../config/main-cf.ts';
import { FatalError, TlsmgrError, messageOf } from '../errors.ts';
import { postfixFaults } from './findings/config-fault.ts';
import { examineSetUp, type Examined } from './findings/examine.ts';
import {
  type Finding,
  findingText,
  forInstance,
  sorted,
  statusOfWorst,
  summary,
} from './findings/finding.ts';
import { fleetEngineFindings } from './check/fleet-engine.ts';
import { fleetServiceFindings } from './check/fleet-services.ts';
import { installedFindings } from './check/installed.ts';
import {
  entryFindings,
  masterEntry,
  ourEntryFindings,
  postlogFindings,
  versionFindings,
} from './findings/master-entry.ts';
import { metricsPortFindings } from './check/metrics-port.ts';
import { postfixTlsFindings } from './check/postfix-tls.ts';
import { referenceFindings } from './check/references.ts';
import { runningFindings } from './check/running.ts';
import { configChoice } from './config-options.ts';
import {
  announcementFor,
  isOurs,
  type MasterLine,
  overridesOf,
  parseLine,
  referencesOf,
} from './postfix/master-line.ts';
import type { CliIo } from './io.ts';
import type { Given, checkOptions } from './options.ts';
import { Postfix, PostfixFault } from './postfix/postfix.ts';
import { namedSocket } from './reach.ts';

type Choice = ReturnType<typeof configChoice>;

export async function runCheck({ values }: Given<typeof checkOptions>, io: CliIo): Promise<number> {
  const postfix = new Postfix(values.config, io.environment);
  const all = await allFindings(postfix, configChoice(values), values.socket, io);
  const found = forInstance(sorted(all), postfix.directory);
  if (values.json === true) {
    io.out(`${JSON.stringify(found, undefined, 2)}\n`);
  } else {
    io.out(found.map((one) => findingText(one)).join(''));
    io.out(found.length === 0 ? 'nothing to find fault with\n' : `${summary(found)}\n`);
  }
  return statusOfWorst(found);
}

async function allFindings(
  postfix: Postfix,
  { overrides }: Choice,
  socket: string | undefined,
  io: CliIo,
): Promise<Finding[]> {
  const masterCf = join(postfix.directory, 'master.cf');
  const common = { configDirectory: postfix.directory, environment: io.environment };
  const origins = { service: 'tlsmgr/unix', masterCf: [], command: overrides };
  const mainCfAlone = (): Examined =>
    examineSetUp({ ...common, origins, serviceName: 'tlsmgr', chrooted: undefined });
  if (socket !== undefined) {
    const known = existsSync(join(postfix.directory, 'main.cf'))
      ? examineSetUp({
          ...common,
          origins,
          serviceName: 'tlsmgr',
          chrooted: undefined,
          standalone: true,
        }).findings
      : [];
    const asked = { socketPath: resolve(namedSocket(socket)), announcement: true, ours: undefined };
    return [...known, ...(await runningFindings(asked, undefined, known))];
  }
  const without = (reason: string): Finding[] => [
    ...mainCfAlone().findings,
    { severity: 'note', name: 'only-main-cf', ...reasonAndRemedy(reason) },
  ];
  const faulty = ({ said }: PostfixFault): Finding[] => {
    const examined = mainCfAlone();
    return [
      ...examined.findings,
      ...postfixFaults(postfix.refusal, said, examined),
      {
        severity: 'note',
        name: 'only-main-cf',
        text: 'postconf itself ends with an error: only main.cf was examined',
        remedy: '# correct it, then tlsmgr check again',
      },
    ];
  };
  let findings: Finding[];
  try {
    findings = existsSync(masterCf)
      ? await postfixFindings(postfix, { overrides }, io)
      : without(`there is no ${masterCf}`);
  } catch (thrown) {
    if (!(thrown instanceof TlsmgrError && thrown.code === 'UNAVAILABLE')) {
      throw thrown;
    }
    findings = thrown instanceof PostfixFault ? faulty(thrown) : without(messageOf(thrown));
  }
  if (process.getuid?.() !== 0) {
    findings.push({
      severity: 'note',
      name: 'not-root',
      text: 'this is not root: files in data_directory and the running daemon were not examined',
      remedy: '# run tlsmgr check as root',
    });
  }
  return findings;
}

function reasonAndRemedy(reason: string): { text: string; remedy: string } {
  return {
    text: `${reason}: only main.cf was examined`,
    remedy: '# name the directory of main.cf and master.cf with -c, where Postfix is installed',
  };
}

/** With a Postfix and a master.cf. */
async function postfixFindings(postfix: Postfix, choice: Choice, io: CliIo): Promise<Finding[]> {
  const mailVersion = postfix.version;
  const line = masterEntry(postfix);
  const entry = argumentsOf(line);
  const examined: Examined = examineSetUp({
    configDirectory: postfix.directory,
    environment: io.environment,
    origins: {
      service: `${postfix.serviceName}/unix`,
      masterCf: entry.overrides,
      command: choice.overrides,
    },
    serviceName: postfix.serviceName,
    chrooted: line === undefined ? undefined : line.chroot === 'y',
  });
  const { config } = examined;
  const services = postfix.services().map((text) => parseLine(text));
  const findings = [
    ...examined.findings,
    ...postfixFaults(postfix.refusal, undefined, examined),
    ...entry.findings,
    ...versionFindings(mailVersion),
    ...entryFindings(postfix, line, config),
    ...postlogFindings(services, postfix.parameter('maillog_file')),
    ...(config === undefined ? [] : postfixTlsFindings(postfix, config)),
    ...(config === undefined ? [] : fleetServiceFindings(services, config)),
  ];
  if (line === undefined) {
    return findings;
  }
  findings.push(...installedFindings(postfix, line));
  if (config !== undefined) {
    findings.push(...ourEntryFindings(line, config, mailVersion));
  }
  if (entry.findings.length === 0) {
    const names = [...(examined.mainCf?.settings.keys() ?? [])];
    findings.push(...referenceFindings(referencesOf(line, names)));
  }
  if (postfix.refusal === undefined && postfix.isRunning) {
    const ours = isOurs(line);
    const announcement =
      ours && config !== undefined ? config.announce : announcementFor(mailVersion);
    const running = { socketPath: postfix.socketPath, announcement, ours };
    findings.push(...(await runningFindings(running, config, findings)));
    if (!ours && config !== undefined) {
      // So that it is known before install.
      findings.push(...(await metricsPortFindings(config, undefined)));
    }
  } else if (config !== undefined) {
    findings.push(...(await metricsPortFindings(config, undefined)));
  }
  if (config !== undefined) {
    findings.push(...(await fleetEngineFindings(config, findings)));
  }
  return findings.some(({ name }) => originalServes.has(name))
    ? withoutLeftovers(findings)
    : findings;
}

/** Findings by which Postfix's own serves, or will when Postfix is started. */
const originalServes = new Set([
  'not-installed',
  'handed-over',
  'original-meanwhile',
  'other-answers',
]);

/** Its databases are its own then, also while it is stopped. */
function withoutLeftovers(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ name }) => name !== 'cache-leftover');
}

/** What the line sets by `-o`, or what is wrong with its arguments. */
function argumentsOf(line: MasterLine | undefined): { overrides: Setting[]; findings: Finding[] } {
  try {
    return { overrides: line === undefined ? [] : overridesOf(line), findings: [] };
  } catch (thrown) {
    if (!(thrown instanceof FatalError)) {
      throw thrown;
    }
    const finding: Finding = {
      severity: 'error',
      name: 'master-arguments',
      text: `the tlsmgr line of master.cf: ${thrown.message}: the daemon can't start`,
      remedy: `postconf -M ${line!.service}/${line!.type}  # correct what follows the command there, then postfix reload`,
    };
    return { overrides: [], findings: [finding] };
  }
}
