/**
 * The example's Containerfile, built and started as Kubernetes would start it by
 * the example's manifest: as process 1, on a read-only root, with the
 * capabilities that are named there and an empty volume.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pack } from '../package/installed-package.ts';
import { certificate } from '../postfix/certificate.ts';
import { poll } from '../postfix/poll.ts';
import { noMachine } from '../systemd/machine.ts';
import { commandOf, readStages } from './containerfile.ts';
import { build, builder, type Image, NoRootError } from './image.ts';

const example = join(import.meta.dirname, '../../examples/container');
const manifest = readFileSync(join(example, 'kubernetes.yaml'), 'utf8');
const stages = readStages(readFileSync(join(example, 'Containerfile'), 'utf8'));
const namespaces = ['--mount', '--pid', '--ipc', '--uts', '--net'];

/** What the last stage says by an instruction. */
function said(name: string): string {
  return stages.at(-1)!.instructions.find((instruction) => instruction.name === name)!.text;
}

describe('the container', { skip: noMachine, timeout: 300_000 }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'tlsmgr-container-'));
  const folder = (name: string): string => join(scratch, name);
  let noRoot: string | undefined;
  let container: ChildProcess | undefined;
  let pid = '';
  let log = '';

  before(async () => {
    for (const name of ['files', 'copied', 'tls', 'root']) {
      mkdirSync(folder(name));
    }
    const [key, chain] = (await certificate()).split(/(?=-----BEGIN CERTIFICATE)/u);
    writeFileSync(join(folder('tls'), 'tls.key'), key!, { mode: 0o400 });
    writeFileSync(join(folder('tls'), 'tls.crt'), chain!, { mode: 0o400 });
    await pack(folder('files'));
    try {
      await start(build(stages, folder('files'), folder('copied')));
    } catch (thrown) {
      if (!(thrown instanceof NoRootError)) {
        throw thrown;
      }
      noRoot = thrown.message;
    }
  });
  after(() => {
    container?.kill('SIGKILL');
    // What takes rights from itself isn't ended with its parent.
    if (pid !== '' && container!.exitCode === null) {
      process.kill(Number(pid), 'SIGKILL');
    }
    rmSync(scratch, { recursive: true });
  });

  async function start({ root, script, binds }: Image): Promise<void> {
    const [, added] = /add: \[(.*)\]/u.exec(manifest)!;
    const kept = added!.split(', ').map((name) => `,+${name.toLowerCase()}`);
    const rights = `setpriv --no-new-privs --inh-caps=-all --bounding-set=-all${kept.join('')}`;
    const lines = [
      script,
      ...said('VOLUME')
        .split(' ')
        .map((path) => `mount -t tmpfs -o mode=755 tmpfs ${path}`),
      ...['/run', '/tmp'].map((path) => `mount -o remount,ro ${path}`),
      'mount -o remount,ro,bind /',
      'hostname mail-0',
      `exec ${rights} "$@"`,
    ];
    const words = [...namespaces, '--fork', '--kill-child', builder, root, folder('root')];
    const inner = ['/bin/sh', '-c', lines.join('\n'), 'sh', ...commandOf(said('CMD'))];
    // A pipe, as of a container engine. Node's own are sockets, which nobody can open.
    const piped = 'exec "$@" > >(cat) 2>&1';
    container = spawn('bash', ['-c', piped, 'bash', 'unshare', ...words, ...inner], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, BINDS: `${binds}\n${folder('tls')} /etc/tls` },
    });
    for (const stream of [container.stdout!, container.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        log += text;
      });
    }
    const outside = container.pid!;
    await poll(
      'Postfix to start',
      () => container!.exitCode !== null || /master\[1\]: daemon started/u.test(log),
      { limitMs: 120_000, detail: () => log },
    );
    assert.equal(container.exitCode, null, log);
    // The first one is cat.
    const children = readFileSync(`/proc/${outside}/task/${outside}/children`, 'utf8');
    pid = children.trim().split(' ').at(-1)!;
  }

  /** Runs a command in it, as its health check would be. */
  function inside(words: readonly string[]): { status: number | null; output: string } {
    const entered = ['nsenter', '--target', pid, ...namespaces, ...words];
    const { status, stdout, stderr } = spawnSync('setsid', ['-w', ...entered], {
      encoding: 'utf8',
      timeout: 60_000,
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin' },
    });
    return { status, output: stdout + stderr };
  }

  function connect(...options: string[]): string {
    const words = ['s_client', '-connect', '127.0.0.1:25', '-starttls', 'smtp', '-ign_eof'];
    const run = ['--target', pid, '--net', 'openssl', ...words, ...options];
    return spawnSync('nsenter', run, { encoding: 'utf8', input: 'QUIT\n', timeout: 60_000 }).stdout;
  }

  /** A test of the container, skipped where it couldn't be made. */
  function check(name: string, body: () => void | Promise<void>): void {
    test(name, (t) => (noRoot === undefined ? body() : t.skip(noRoot)));
  }

  check('serves TLS, and a session is resumed', () => {
    const session = folder('session');
    assert.match(connect('-sess_out', session), /^New, TLSv1\.3/mu);
    assert.match(connect('-sess_in', session), /^Reused, TLSv1\.3/mu);
  });

  check("the tlsmgr in it is ours, not root's, and its health check agrees", () => {
    const [, asked] = /CMD (.+)$/u.exec(said('HEALTHCHECK'))!;
    assert.deepEqual(inside(commandOf(asked!)), { status: 0, output: '' });
    const report = JSON.parse(inside(['tlsmgr', 'status', '--json']).output) as {
      mode: string;
      pid: number;
      problems: unknown[];
    };
    assert.equal(report.mode, 'daemon');
    assert.deepEqual(report.problems, []);
    const owner = inside(['stat', '-c', '%U', `/proc/${report.pid}`]).output;
    assert.equal(owner, 'postfix\n');
  });

  check('its log is on standard output', async () => {
    const found = (): boolean => /mail-0 postfix\/smtpd\[\d+\]: connect from/u.test(log);
    await poll('the line of smtpd', found, { detail: () => log });
    assert.doesNotMatch(log, /(?:warning|error|fatal): /u);
  });

  check('its signal to stop ends it', async () => {
    process.kill(Number(pid), said('STOPSIGNAL'));
    await poll('the container to end', () => container!.exitCode !== null);
    assert.equal(container!.exitCode, 0);
  });
});

test('the manifest and the Containerfile fit together', () => {
  const mounted = [...manifest.matchAll(/mountPath: (\S+)/gu)].map(([, path]) => path);
  assert.deepEqual(mounted, [...said('VOLUME').split(' '), '/etc/tls']);
  assert.match(manifest, new RegExp(`containerPort: ${said('EXPOSE')}\\n`, 'u'));
});
