/** The installed Postfix, through its own commands. Throws TlsmgrError with their words. */
import { execFileSync } from 'node:child_process';
import { TlsmgrError, messageOf } from '../errors.ts';

/** Postfix's commands may stand outside a user's PATH. */
const path = '/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin';

export class Postfix {
  readonly #directory: string | undefined;

  /** @param directory with main.cf and master.cf; Postfix's own if not given. */
  constructor(directory: string | undefined) {
    this.#directory = directory;
  }

  /** The value of a parameter, expanded. */
  parameter(name: string): string {
    return this.#run('postconf', '-x', '-h', name).trim();
  }

  /** The line of a service in master.cf, in one piece; undefined when there is none. */
  service(name: string): string | undefined {
    const line = this.#run('postconf', '-M', name).trim();
    return line === '' ? undefined : line.replaceAll(/\s+/gu, ' ');
  }

  setService(name: string, line: string): void {
    this.#run('postconf', '-M', `${name}=${line}`);
  }

  get isRunning(): boolean {
    try {
      this.#run('postfix', 'status');
      return true;
    } catch {
      // `postfix status` says no by its exit status.
      return false;
    }
  }

  reload(): void {
    this.#run('postfix', 'reload');
  }

  #run(command: 'postconf' | 'postfix', ...args: string[]): string {
    const all = this.#directory === undefined ? args : ['-c', this.#directory, ...args];
    try {
      return execFileSync(command, all, {
        encoding: 'utf8',
        env: { ...process.env, PATH: path },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    } catch (thrown) {
      const said = (thrown as { stderr?: string }).stderr?.trim();
      const reason = said === undefined || said === '' ? messageOf(thrown) : said;
      throw new TlsmgrError('UNAVAILABLE', `${command}: ${reason}`, { cause: thrown });
    }
  }
}
