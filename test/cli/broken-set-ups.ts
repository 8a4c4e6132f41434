/** Five set-ups that administrators really make, broken, as docs/check.md shows them. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { launcherText } from '../../src/cli/postfix/launcher.ts';
import type { CheckSetUp } from './check-set-up.ts';

const ourLine = 'tlsmgr unix - - y 1000? 1 node-tlsmgr/tlsmgr';

export interface BrokenSetUp {
  /** The heading in the document. */
  title: string;
  parameters: Record<string, string>;
  line: string;
  /** What to put where before. */
  prepare?: (setUp: CheckSetUp) => void;
  cleanUp?: (setUp: CheckSetUp) => void;
}

export const brokenSetUps: readonly BrokenSetUp[] = [
  {
    title: 'Caches that meet',
    parameters: {
      smtpd_tls_session_cache_database: 'btree:/etc/tls_scache',
      smtp_tls_session_cache_database: 'btree:$data_directory/tls_scache',
    },
    line: ourLine,
  },
  {
    title: 'Node.js is gone',
    parameters: {},
    line: ourLine,
    prepare: (setUp) => putLauncher(setUp, '/opt/node-20/bin/node'),
    cleanUp: (setUp) => putLauncher(setUp, process.execPath),
  },
  {
    title: 'A misspelt parameter, and a process limit that was raised',
    parameters: { tlsmgr_conection_limit: '10000' },
    line: ourLine.replace(' 1 ', ' 10 '),
  },
  {
    title: "A key file of root's",
    parameters: {
      tlsmgr_session_cache_persistent: 'yes',
      tlsmgr_session_cache_key_file: '$data_directory/cache-key',
      smtp_tls_session_cache_database: 'btree:$data_directory/smtp_scache',
    },
    line: ourLine,
    prepare: (setUp) => setUp.writeData('cache-key', 'a'.repeat(64), { owner: 0 }),
    cleanUp: (setUp) => rmSync(setUp.path('data/cache-key')),
  },
  {
    title: 'A master.cf from long ago',
    parameters: { tls_random_source: 'dev:/dev/arandom' },
    line: 'tlsmgr fifo - - n 300 1 tlsmgr',
    prepare: (setUp) => writeFileSync(setUp.path('master.cf'), 'tlsmgr fifo - - n 300 1 tlsmgr\n'),
  },
];

/** A launcher that starts a program which is there. */
export function putLauncher(setUp: CheckSetUp, node: string): void {
  const program = setUp.path('program/main.js');
  mkdirSync(setUp.path('program'), { recursive: true });
  writeFileSync(program, '');
  mkdirSync(setUp.path('sbin/node-tlsmgr'), { recursive: true });
  const launcher = setUp.path('sbin/node-tlsmgr/tlsmgr');
  writeFileSync(
    launcher,
    launcherText({
      node,
      program,
      original: setUp.path('sbin/tlsmgr'),
      postlog: '/usr/sbin/postlog',
    }),
  );
  chmodSync(launcher, 0o755);
}

/** The places of a usual installation for those of the scratch directory. */
export function asUsual(text: string): string {
  return text
    .replaceAll('DIR/data', '/var/lib/postfix')
    .replaceAll('DIR/sbin', '/usr/lib/postfix/sbin')
    .replaceAll('DIR', '/etc/postfix')
    .replaceAll(/(mail_owner|chown|-o) nobody/gu, '$1 postfix');
}
