/**
 * tlsmgr install: puts this tlsmgr in the place of Postfix's own, in master.cf
 * alone, and asks it a question through its socket. What comes back wrong is
 * rolled back. What the daemon would refuse is found before anything changes.
 *
 * master(8) looks for commands below daemon_directory alone, so a symbolic link
 * to the launcher goes into a folder of ours there; its name has to be tlsmgr,
 * for the log. The line that was there is kept in master.cf.tlsmgr, for `tlsmgr
 * uninstall`. None of Postfix's own files is replaced: an upgrade of its package
 * changes nothing here.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { TlsmgrClient } from '../client/client.ts';
import { loadConfig } from '../config/load.ts';
import { FatalError, TlsmgrError, messageOf } from '../errors.ts';
import { version } from '../version.ts';
import type { CliIo } from './io.ts';
import { Postfix } from './postfix.ts';

const service = 'tlsmgr/unix';

/** Fields of a line of master.cf before the command. */
const fieldsBeforeCommand = 7;

const keptName = 'master.cf.tlsmgr';

/** Below daemon_directory. */
const linkFolder = 'node-tlsmgr';
const command = `${linkFolder}/tlsmgr`;

/** The new process may have to wait for the old one to end. */
const answerLimitMs = 20_000;

const options = {
  config: { type: 'string', short: 'c' },
  'dry-run': { type: 'boolean' },
  yes: { type: 'boolean' },
} as const;

export async function runInstall(args: readonly string[], io: CliIo): Promise<number> {
  const { values } = parseArgs({ args: [...args], options });
  const postfix = new Postfix(values.config);
  const launcher = launcherPath(io.environment);
  const old = currentLine(postfix);
  const announcement = announcementFor(postfix.parameter('mail_version'));
  const fresh = newLine(old, announcement);
  const link = join(postfix.parameter('daemon_directory'), command);
  if (old === fresh && leadsTo(link, launcher)) {
    io.out('installed already: nothing to do\n');
    return 0;
  }
  requireStartable(values.config, announcement, io);
  if (!(await agreed(old, fresh, values, io))) {
    return 1;
  }
  const kept = join(postfix.parameter('config_directory'), keptName);
  if (!existsSync(kept)) {
    writeFileSync(kept, `${old}\n`, { mode: 0o644 });
    chmodSync(kept, 0o644);
  }
  makeLink(link, launcher);
  postfix.setService(service, fresh);
  try {
    await takeEffect(postfix, announcement, true, io);
  } catch (thrown) {
    postfix.setService(service, old);
    rmSync(kept);
    removeLink(postfix);
    if (postfix.isRunning) {
      postfix.reload();
    }
    throw new TlsmgrError('UNAVAILABLE', `rolled back: ${messageOf(thrown)}`, { cause: thrown });
  }
  return 0;
}

/** tlsmgr uninstall: puts back the line that was there. */
export async function runUninstall(args: readonly string[], io: CliIo): Promise<number> {
  const { values } = parseArgs({ args: [...args], options });
  const postfix = new Postfix(values.config);
  const kept = join(postfix.parameter('config_directory'), keptName);
  if (!existsSync(kept)) {
    io.out('not installed: nothing to do\n');
    return 0;
  }
  const old = readFileSync(kept, 'utf8').trim();
  if (!(await agreed(currentLine(postfix), old, values, io))) {
    return 1;
  }
  postfix.setService(service, old);
  rmSync(kept);
  removeLink(postfix);
  await takeEffect(postfix, announcementFor(postfix.parameter('mail_version')), false, io);
  return 0;
}

/** Clients of Postfix 3.6 and later wait for an announcement, those before can't bear one. */
export function announcementFor(mailVersion: string): boolean {
  const [major = 0, minor = 0] = mailVersion.split(/[.-]/u).map(Number);
  return major > 3 || (major === 3 && minor >= 6);
}

/** The line with our command in the place of the old one. */
export function newLine(old: string, announcement: boolean): string {
  const fields = old.split(' ').slice(0, fieldsBeforeCommand);
  return [
    ...fields,
    command,
    ...(announcement ? [] : ['-o', 'tlsmgr_protocol_announcement=no']),
  ].join(' ');
}

function leadsTo(link: string, launcher: string): boolean {
  return existsSync(link) && realpathSync(link) === launcher;
}

function makeLink(link: string, launcher: string): void {
  mkdirSync(dirname(link), { recursive: true, mode: 0o755 });
  chmodSync(dirname(link), 0o755);
  rmSync(link, { force: true });
  symlinkSync(launcher, link);
}

function removeLink(postfix: Postfix): void {
  rmSync(join(postfix.parameter('daemon_directory'), linkFolder), { recursive: true, force: true });
}

function launcherPath(environment: NodeJS.ProcessEnv): string {
  const started = environment['TLSMGR_ARGV0'];
  if (started === undefined) {
    throw new FatalError('start this through its launcher, bin/tlsmgr');
  }
  return realpathSync(started);
}

function currentLine(postfix: Postfix): string {
  const line = postfix.service(service);
  if (line === undefined) {
    throw new TlsmgrError('UNAVAILABLE', 'there is no tlsmgr service in master.cf');
  }
  return line;
}

function requireStartable(directory: string | undefined, announcement: boolean, io: CliIo): void {
  loadConfig({
    ...(directory === undefined ? {} : { configDirectory: directory }),
    environment: io.environment,
    overrides: announcement ? [] : [{ name: 'tlsmgr_protocol_announcement', value: 'no' }],
    programName: 'tlsmgr',
    serviceName: 'tlsmgr',
    mode: 'daemon',
    warn: (text) => io.err(`tlsmgr: warning: ${text}\n`),
  });
}

async function agreed(
  old: string,
  fresh: string,
  { 'dry-run': dryRun, yes }: { 'dry-run'?: boolean | undefined; yes?: boolean | undefined },
  io: CliIo,
): Promise<boolean> {
  io.out(`master.cf:\n  - ${old}\n  + ${fresh}\n`);
  if (dryRun === true) {
    io.out('dry run: nothing was changed\n');
    return false;
  }
  if (yes === true) {
    return true;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question('change it, and reload Postfix? [y/N] ');
  terminal.close();
  return /^y(?:es)?$/iu.test(answer.trim());
}

/** Reloads a running Postfix and asks the daemon who it is. */
async function takeEffect(
  postfix: Postfix,
  announcement: boolean,
  expectOurs: boolean,
  io: CliIo,
): Promise<void> {
  if (!postfix.isRunning) {
    io.out('Postfix is not running: it takes effect at the next start\n');
    return;
  }
  postfix.reload();
  const socketPath = join(postfix.parameter('queue_directory'), 'private/tlsmgr');
  const untilMs = performance.now() + answerLimitMs;
  for (;;) {
    const client = new TlsmgrClient({ socketPath, announcement, retries: 0, timeoutMs: 5000 });
    try {
      await client.policy('smtpd');
      // Right after a reload the old process may still answer once.
      if ((await isOurs(client)) === expectOurs) {
        io.out(`${expectOurs ? `tlsmgr ${version}` : "Postfix's own tlsmgr"} answers\n`);
        return;
      }
    } catch (thrown) {
      if (performance.now() > untilMs) {
        throw thrown;
      }
    } finally {
      client.close();
    }
    if (performance.now() > untilMs) {
      throw new TlsmgrError('UNAVAILABLE', 'the old daemon still answers');
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
  }
}

/** Only ours knows `stats`; the original doesn't answer what it doesn't know. */
async function isOurs(client: TlsmgrClient): Promise<boolean> {
  try {
    await client.stats();
    return true;
  } catch {
    return false;
  }
}
