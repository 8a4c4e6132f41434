/**
 * A network namespace of a test file's own, in which several hosts have an address
 * each. Nothing of this machine's network changes, and ports are always free.
 */
import { spawnSync } from 'node:child_process';

/** On the loopback interface there. Postfix takes only addresses that are the machine's own. */
export const hostAddresses = ['127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;

/** Of a mail server that isn't local: sessions with a loopback address are never shared. */
export const elsewhereAddress = '192.0.2.25';

const marker = 'TLSMGR_TEST_OWN_NETWORK';

const inside = process.env[marker] !== undefined;

const script = `
ip link set lo up
for address in ${[...hostAddresses, elsewhereAddress].join(' ')}; do
  ip address add "$address/32" dev lo
done
exec "$@"
`;

/** Why there can't be one, or false. */
export const skipWithoutOwnNetwork = reasonToSkip();

function reasonToSkip(): string | false {
  if (inside) {
    return false;
  }
  if (process.getuid?.() !== 0) {
    return 'only root can make a network namespace';
  }
  const { status, stderr, error } = spawnSync(
    'unshare',
    ['--net', 'ip', 'link', 'set', 'lo', 'up'],
    {
      encoding: 'utf8',
    },
  );
  return status === 0 ? false : `no network namespace: ${error?.message ?? stderr.trim()}`;
}

/**
 * Whether this process runs in such a namespace. If not, runs the file once more in
 * one, to its end; what that says is this process's, and so is its exit status. The
 * caller then does nothing more.
 */
export function inOwnNetwork(file: string): boolean {
  if (inside) {
    return true;
  }
  const node = [process.execPath, ...process.execArgv, file, ...process.argv.slice(2)];
  // It ends when this process is ended from outside, and then ends what it has started.
  const words = [
    '--net',
    'sh',
    '-e',
    '-c',
    script,
    'sh',
    'setpriv',
    '--pdeathsig',
    'TERM',
    ...node,
  ];
  const { status } = spawnSync('unshare', words, {
    stdio: 'inherit',
    env: { ...process.env, [marker]: '1' },
  });
  process.exitCode = status ?? 1;
  return false;
}
