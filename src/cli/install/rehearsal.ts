/**
 * Starts the daemon once as master(8) will, through all of its start-up, with
 * one request on its standard input, before anything in master.cf changes. It
 * leaves caches, exchange file and sockets alone: those may be in use, and
 * `tlsmgr check` looks at them. Throws TlsmgrError `UNAVAILABLE` with what the
 * daemon said.
 */
import { spawnSync } from 'node:child_process';
import { parameters } from '../../config/parameters.ts';
import { TlsmgrError } from '../../errors.ts';
import { type MasterLine, withoutBraces } from '../postfix/master-line.ts';

const limitMs = 30_000;
const request = 'request\0seed\0size\x0032\0\0';
const replyStart = 'status\x000\x00seed\x00';
const replyEnd = '=\x00\x00';

/** Parameters that name what a second daemon must not touch; without its list no cache is added. */
const leftAlone = parameters
  .map(({ name }) => name)
  .filter((name) =>
    /_session_cache_database$|_session_caches$|_exchange_name$|_listen$/u.test(name),
  );

export function rehearse(launcher: string, line: MasterLine, configDirectory: string): void {
  const args = [
    '-S',
    '-V',
    '-d',
    '-l',
    '-t',
    'unix',
    '-n',
    line.service,
    ...(line.unprivileged === 'n' ? [] : ['-u']),
    ...(line.chroot === 'y' ? ['-c'] : []),
    ...line.args.map((word) => withoutBraces(word)),
    ...leftAlone.flatMap((name) => ['-o', `${name}=`]),
  ];
  const { stdout, stderr, error, status } = spawnSync(launcher, args, {
    input: request,
    encoding: 'latin1',
    env: { MAIL_CONFIG: configDirectory },
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  if (status === 0 && stdout.startsWith(replyStart) && stdout.endsWith(replyEnd)) {
    return;
  }
  const said = stderr
    .split('\n')
    .filter((text) => text !== '')
    .at(-1);
  // One that ends before it has read the question tells more by its status than by the broken pipe.
  const how = status === null ? (error?.message ?? 'ended by a signal') : `exit status ${status}`;
  throw new TlsmgrError(
    'UNAVAILABLE',
    `the daemon does not start and answer: ${said === undefined ? how : `${said} (${how})`}`,
  );
}
