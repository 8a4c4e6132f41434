/**
 * A real systemd as process 1, in namespaces of its own, on a throw-away copy
 * of this host's files: it boots in a second, and leaves nothing behind. The
 * package is in it as `npm install -g` would put it there.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { notBuilt } from '../cli/standalone.ts';
import { poll } from '../postfix/poll.ts';

const root = join(import.meta.dirname, '../..');
const builder = join(import.meta.dirname, 'throw-away-root.sh');
const systemd = '/lib/systemd/systemd';
const namespaces = ['--mount', '--pid', '--ipc', '--uts', '--net', '--cgroup'];

export interface Said {
  status: number | null;
  /** stdout and stderr. */
  output: string;
}

export class Machine {
  /** Where npm would have put the package. */
  static readonly package = '/usr/local/lib/node_modules/tlsmgr';
  readonly #group = join(unifiedGroups()!, `tlsmgr-test-${process.pid}`);
  readonly #scratch = mkdtempSync(join(tmpdir(), 'tlsmgr-machine-'));
  #process: ChildProcess | undefined;
  #pid = '';
  #said = '';

  static async boot(): Promise<Machine> {
    const machine = new Machine();
    try {
      await machine.#boot();
    } catch (thrown) {
      await machine.end();
      throw thrown;
    }
    return machine;
  }

  async #boot(): Promise<void> {
    mkdirSync(this.#group);
    const inside = Machine.package;
    const binds = [
      [process.execPath, '/usr/local/bin/node'],
      ...['bin', 'dist', 'docs', 'systemd', 'node_modules', 'package.json'].map((name) => [
        join(root, name),
        `${inside}/${name}`,
      ]),
    ];
    // None of this host's services, and only what a start of the system needs.
    const start = [
      'rm -rf /etc/systemd/system/*.wants',
      `ln -sf ${inside}/bin/tlsmgr /usr/local/bin/tlsmgr`,
      `exec env -i container=test ${systemd} --unit=basic.target --show-status=no`,
    ].join('\n');
    const script = `echo 0 > ${this.#group}/cgroup.procs; exec "$@"`;
    const words = ['unshare', ...namespaces, '--fork', '--kill-child', builder, '/', this.#scratch];
    this.#process = spawn('/bin/sh', ['-c', script, 'sh', ...words, '/bin/sh', '-c', start], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        CONTROL_GROUPS: 'yes',
        BINDS: binds.map((pair) => pair.join(' ')).join('\n'),
      },
    });
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#said += text;
      });
    }
    const outside = this.#process.pid!;
    await poll('systemd to start', () => this.#isSystemd(outside), { detail: () => this.#said });
    await poll('systemd to have started', () => this.#isRunning(), { detail: () => this.#said });
  }

  #isSystemd(outside: number): boolean {
    if (this.#process!.exitCode !== null) {
      throw new Error(`ended: ${this.#said}`);
    }
    [this.#pid = ''] = readFileSync(`/proc/${outside}/task/${outside}/children`, 'utf8').split(' ');
    return this.#pid !== '' && readFileSync(`/proc/${this.#pid}/comm`, 'utf8') === 'systemd\n';
  }

  #isRunning(): boolean {
    return /^(?:running|degraded)/u.test(this.run('systemctl is-system-running').output);
  }

  /** Runs a script of bash in it, as root. */
  run(script: string): Said {
    // In a session of its own: a signal to its group must not reach the tests.
    const words = ['nsenter', '--target', this.#pid, ...namespaces];
    const { status, stdout, stderr } = spawnSync('setsid', ['-w', ...words, 'bash', '-c', script], {
      encoding: 'utf8',
      timeout: 60_000,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin', LC_ALL: 'C' },
    });
    return { status, output: stdout + stderr };
  }

  /** The same. @throws Error with what was said, and the log, unless the status is 0. */
  must(script: string): string {
    const { status, output } = this.run(script);
    if (status !== 0) {
      const log = this.run('journalctl --no-pager -n 30').output;
      throw new Error(`${script}: exit status ${status}\n${output}\n${log}`);
    }
    return output.trim();
  }

  async end(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await poll('the control groups to be empty', () => removeGroups(this.#group));
    rmdirSync(this.#scratch);
  }
}

/** @returns false while there is a process in one of them. */
function removeGroups(group: string): boolean {
  if (!existsSync(group)) {
    return true;
  }
  const below = readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  if (!below.every(({ name }) => removeGroups(join(group, name)))) {
    return false;
  }
  try {
    rmdirSync(group);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EBUSY') {
      return false;
    }
    throw thrown;
  }
}

/** Where the one tree of control groups (version 2) is. */
function unifiedGroups(): string | undefined {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[1];
}

function whyNot(): string | false {
  if (process.getuid!() !== 0) {
    return 'not root';
  }
  if (!existsSync(systemd)) {
    return `no ${systemd}`;
  }
  if (unifiedGroups() === undefined) {
    return 'no control groups of version 2';
  }
  const script =
    'mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w && mount -t overlay -o lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w overlay /mnt';
  const tried = spawnSync('unshare', [...namespaces, '--fork', 'sh', '-c', script], {
    encoding: 'utf8',
  });
  return (
    tried.status !== 0 && `no namespaces with overlayfs: ${tried.stderr || tried.error?.message}`
  );
}

/** Why no systemd can be started here, or false. */
export const noMachine = notBuilt || whyNot();
