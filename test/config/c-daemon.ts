/**
 * What Postfix's own tlsmgr says of a main.cf and of options: `-V` makes it log
 * to standard error, `-S` lets it run without master(8).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { FatalError } from '../../src/errors.ts';
import { loadConfig } from '../../src/config/load.ts';
import { openMainCf } from '../../src/config/settings.ts';
import { parseDaemonOptions } from '../../src/daemon/options.ts';

const program = '/usr/lib/postfix/sbin/tlsmgr';

/** Why tests beside it are skipped; false when they are not. */
export const noCDaemon = !existsSync(program)
  ? 'Postfix is not installed: no tlsmgr to compare with'
  : process.getuid!() === 0
    ? false
    : "not root: Postfix's tlsmgr wants to be started by it";

export interface Said {
  warnings: string[];
  /** Undefined when it would have started. */
  fatal: string | undefined;
}

/** Postfix's daemon, up to its fatal error or to the end of its empty input. */
export function askCDaemon(
  directory: string,
  args: readonly string[] = ['-d', '-S'],
): Promise<Said> {
  return askDaemon(program, directory, args);
}

/** The same of any daemon that takes the options. */
export async function askDaemon(
  daemon: string,
  directory: string,
  args: readonly string[],
): Promise<Said> {
  const child = spawn(daemon, ['-V', ...args], {
    env: { MAIL_CONFIG: directory },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
    if (/: fatal: .*\n/u.test(errors)) {
      // All is said; what is left is a second of sleep.
      child.kill('SIGKILL');
    }
  });
  await once(child, 'close');
  const texts = (severity: string): string[] =>
    [...errors.matchAll(new RegExp(`^\\S*: ${severity}: (.*)$`, 'gmu'))].map((match) => match[1]!);
  return {
    // It has no connection to look at on standard input.
    warnings: texts('warning').filter((text) => !text.startsWith('cannot examine read buffer')),
    fatal: texts('fatal')[0],
  };
}

/** Ours, with the same steps in the same order as the daemon's start. */
export function askOurs(directory: string, args: readonly string[] = ['-d', '-S']): Said {
  const warnings: string[] = [];
  const common = {
    environment: { MAIL_CONFIG: directory },
    programName: 'tlsmgr',
    mode: 'daemon' as const,
    warn: (text: string) => void warnings.push(text),
  };
  try {
    const mainCf = openMainCf(common);
    const options = parseDaemonOptions(args, common.environment);
    loadConfig({
      ...common,
      mainCf,
      overrides: options.overrides,
      serviceName: options.serviceName ?? 'tlsmgr',
    });
    return { warnings, fatal: undefined };
  } catch (thrown) {
    if (thrown instanceof FatalError) {
      return { warnings, fatal: thrown.message };
    }
    throw thrown;
  }
}
