/** A daemon whose only name server never answers, in a mount namespace of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { notBuilt } from './cli/standalone.ts';

/** Why there can be none; false when there can. Only root may have port 53. */
export const skipWithoutSilence =
  notBuilt ||
  (process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0
    ? false
    : 'a mount namespace is to be had by root alone');

export interface SilentDaemon {
  daemon: ChildProcess;
  /** What it has said until now. */
  said: () => string;
  close: () => void;
}

/**
 * Starts `tlsmgr serve` there.
 * @param folder for its files.
 * @param address of 127.0.0.0/8, one for each test.
 * @param parameters `NAME=VALUE`.
 */
export async function serveInSilence(
  folder: string,
  address: string,
  parameters: readonly string[],
): Promise<SilentDaemon> {
  const silent = createSocket('udp4').bind(53, address);
  await once(silent, 'listening');
  const resolvConf = join(folder, 'resolv.conf');
  writeFileSync(resolvConf, `nameserver ${address}\n`);
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  const launcher = join(import.meta.dirname, '../bin/tlsmgr');
  const options = parameters.flatMap((parameter) => ['-o', parameter]);
  const daemon = spawn(
    'unshare',
    ['-m', 'sh', '-c', script, resolvConf, launcher, 'serve', ...options],
    { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  daemon.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  return { daemon, said: () => said, close: () => silent.close() };
}
