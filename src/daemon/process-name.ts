/**
 * What ps(1), pgrep(1), top(1), ss(8) and systemctl show of the process: `tlsmgr`
 * in place of `node`, and as arguments the Postfix that it belongs to and its own.
 *
 *     name = tlsmgr
 *     arguments = tlsmgr [ config_directory ] *argument
 *
 * The arguments get no more room than those of node had.
 */
import { writeFileSync } from 'node:fs';

const name = 'tlsmgr';

/** @param configDirectory of the Postfix that has started it, master(8)'s MAIL_CONFIG. */
export function nameProcess(args: readonly string[], configDirectory: string | undefined): void {
  const instance = configDirectory === undefined ? [] : [configDirectory];
  process.title = [name, ...instance, ...args].join(' ');
  try {
    // That has made the name out of the first 15 bytes of all.
    writeFileSync('/proc/self/comm', name);
  } catch {
    // Without a /proc nobody sees it, nor the name.
  }
}
