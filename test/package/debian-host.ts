/**
 * A Debian host with a Postfix of its own and no Node.js, in namespaces of its
 * own, on a throw-away copy of this host's files: dpkg and Postfix are the real
 * ones, and nothing is left of them afterwards.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificate } from '../postfix/certificate.ts';
import { poll } from '../postfix/poll.ts';
import { originalTlsmgr, skipWithoutPostfix } from '../postfix/under-test.ts';

const builder = join(import.meta.dirname, '../systemd/throw-away-root.sh');
const namespaces = ['--mount', '--pid', '--ipc', '--uts', '--net'];

/** For dpkg on a busy machine. */
const limitMs = 300_000;

/** Where the folder that is handed over is seen inside. */
export const packages = '/srv/packages';

/** Why there can be none, or false. */
export const skipWithoutHost = reasonToSkip();

export class DebianHost {
  readonly #scratch = mkdtempSync(join(tmpdir(), 'tlsmgr-debian-'));
  #process: ChildProcess | undefined;
  #pid = '';

  /** @param folder with packages. */
  static async start(folder: string): Promise<DebianHost> {
    const host = new DebianHost();
    try {
      await host.#start(folder);
    } catch (thrown) {
      host.end();
      throw thrown;
    }
    return host;
  }

  async #start(folder: string): Promise<void> {
    // The shell adopts what loses its parent, as process 1 does.
    const idle = ['/bin/bash', '-c', 'sleep infinity & wait'];
    const words = ['--fork', '--kill-child', builder, '/', this.#scratch, ...idle];
    this.#process = spawn('unshare', [...namespaces, ...words], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', BINDS: `${folder} ${packages}` },
    });
    const outside = this.#process.pid!;
    await poll('the host to have started', () => this.#isReady(outside));
    this.must(`
      ip link set lo up
      rm -f /usr/bin/node /usr/bin/nodejs /usr/local/bin/node /etc/postfix/tlsmgr-*
      cat > /etc/postfix/mx.pem << END
${await certificate()}END
      chmod 600 /etc/postfix/mx.pem
      postconf maillog_file=/var/log/maillog inet_interfaces=loopback-only inet_protocols=ipv4 \\
        mydestination= alias_maps= smtpd_tls_chain_files=/etc/postfix/mx.pem \\
        smtpd_tls_security_level=may
      postfix start`);
  }

  #isReady(outside: number): boolean {
    if (this.#process!.exitCode !== null) {
      throw new Error('the host has ended');
    }
    [this.#pid = ''] = readFileSync(`/proc/${outside}/task/${outside}/children`, 'utf8').split(' ');
    return this.#pid !== '' && readFileSync(`/proc/${this.#pid}/comm`, 'utf8') === 'bash\n';
  }

  /** Runs a script of bash in it, as root. @throws Error with what was said, unless its status is 0. */
  must(script: string): string {
    const inside = ['--target', this.#pid, ...namespaces];
    const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin';
    const clean = ['env', '-i', path, 'LC_ALL=C', 'DEBIAN_FRONTEND=noninteractive'];
    const words = ['nsenter', ...inside, ...clean, 'bash', '--norc', '-e', '-c', script];
    // In a session of its own: a signal to its group must not reach the tests.
    const { status, stdout, stderr } = spawnSync('setsid', ['-w', ...words], {
      encoding: 'utf8',
      timeout: limitMs,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (status !== 0) {
      throw new Error(`${script}: exit status ${status}\n${stdout}${stderr}`);
    }
    return stdout + stderr;
  }

  /** What runs, by its file. */
  programs(): string[] {
    return this.must('readlink /proc/[0-9]*/exe || true').split('\n');
  }

  end(): void {
    this.#process?.kill('SIGKILL');
    rmdirSync(this.#scratch);
  }
}

function reasonToSkip(): string | false {
  if (skipWithoutPostfix !== false) {
    return skipWithoutPostfix;
  }
  if (spawnSync('dpkg', ['--search', originalTlsmgr]).status !== 0) {
    return `${originalTlsmgr} isn't of a package of Debian`;
  }
  const scratch = mkdtempSync(join(tmpdir(), 'tlsmgr-debian-'));
  const words = [...namespaces, '--fork', '--kill-child', builder, '/', scratch, 'true'];
  const { status, stderr, error } = spawnSync('unshare', words, { encoding: 'utf8' });
  rmdirSync(scratch);
  if (status !== 0) {
    return `no root of its own: ${error?.message ?? stderr}`;
  }
  return spawnSync('ip', ['-V']).status === 0 ? false : 'ip(8) is missing';
}
