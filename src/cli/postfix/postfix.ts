/**
 * The installed Postfix, through its own commands. Throws TlsmgrError
 * `UNAVAILABLE` with their words.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { commandPath } from '../../config/installed-defaults.ts';
import { TlsmgrError, messageOf } from '../../errors.ts';

const builtInDirectory = '/etc/postfix';

/** Of Postfix 3.4, which had no parameter for it yet. */
const usualServiceName = 'tlsmgr';

/** Asked for at once: each question is a process. */
const parameterNames = [
  'command_directory',
  'daemon_directory',
  'inet_interfaces',
  'inet_protocols',
  'maillog_file',
  'queue_directory',
  'smtp_enforce_tls',
  'smtp_tls_security_level',
  'smtp_use_tls',
  'smtpd_enforce_tls',
  'smtpd_tls_security_level',
  'smtpd_tls_wrappermode',
  'smtpd_use_tls',
  'tls_ssl_options',
  'tlsmgr_service_name',
] as const;

export type PostfixParameter = (typeof parameterNames)[number];

/** A command of Postfix has ended with an error. */
export class PostfixFault extends TlsmgrError {
  /** Its own words. */
  readonly said: string;

  constructor(command: string, said: string, options: ErrorOptions) {
    super('UNAVAILABLE', `${command}: ${said}`, options);
    this.said = said;
  }
}

export class Postfix {
  /** With main.cf and master.cf; absolute. */
  readonly directory: string;
  /** Name to expanded value, of all that is asked for here; filled at the first question. */
  #parameters: Map<string, string> | undefined;
  #version: string | undefined;
  #refusal: { said: string | undefined } | undefined;

  /** @param asked Postfix's own directory if undefined and MAIL_CONFIG isn't set. */
  constructor(asked: string | undefined, environment: NodeJS.ProcessEnv) {
    this.directory = resolve(asked ?? environment['MAIL_CONFIG'] ?? builtInDirectory);
  }

  /** The value of a parameter, expanded; empty for one that this Postfix doesn't know. */
  parameter(name: PostfixParameter): string {
    this.#parameters ??= this.#readParameters();
    return this.#parameters.get(name) ?? '';
  }

  /** Of the programs that are installed, whatever main.cf says of mail_version: many hide it. */
  get version(): string {
    this.#version ??= this.#run('postconf', '-d', '-h', 'mail_version').trim();
    return this.#version;
  }

  /** The service that Postfix's programs ask. */
  get serviceName(): string {
    const found = this.parameter('tlsmgr_service_name');
    return found === '' ? usualServiceName : found;
  }

  /** Where Postfix's programs look for it. */
  get socketPath(): string {
    return join(this.parameter('queue_directory'), 'private', this.serviceName);
  }

  /** The line of a service in master.cf, `tlsmgr/unix` for one; undefined when there is none. */
  service(name: string): string | undefined {
    const line = this.#run('postconf', '-M', name).trim();
    return line === '' ? undefined : line;
  }

  /** All lines of master.cf, one a service. */
  services(): string[] {
    return this.#run('postconf', '-M')
      .split(/\n(?=\S)/u)
      .map((line) => line.trim())
      .filter((line) => line !== '');
  }

  setService(name: string, line: string): void {
    this.#run('postconf', '-M', `${name}=${line}`);
  }

  removeService(name: string): void {
    this.#run('postconf', '-MX', name);
  }

  /** Types of lookup tables. */
  tableTypes(): string[] {
    return this.#run('postconf', '-m').split(/\s+/u);
  }

  /**
   * What keeps every program of Postfix from starting; undefined when nothing does.
   * postmap(1) reads what all of them read, and only tells what it is asked. Asked
   * once, as each of them waits a second before it ends so.
   */
  get refusal(): string | undefined {
    this.#refusal ??= this.#askPostmap();
    return this.#refusal.said;
  }

  /**
   * By the process that master(8) has noted, as `postfix reload` finds it: `postfix
   * status` ends with an error for a fault in main.cf, too, though master(8) goes on.
   */
  get isRunning(): boolean {
    const queue = this.parameter('queue_directory');
    try {
      const pid = Number(readFileSync(join(queue, 'pid/master.pid'), 'latin1').trim());
      // Another process may have got its number. One that has ended, and waits to be reaped, has no cwd.
      const [there, here] = [statSync(`/proc/${pid}/cwd`), statSync(queue)];
      return (
        there.dev === here.dev &&
        there.ino === here.ino &&
        readFileSync(`/proc/${pid}/comm`, 'latin1').trim() === 'master'
      );
    } catch {
      // None yet, none any more, or not for this user, who can't ask for a reload either.
      return false;
    }
  }

  reload(): void {
    this.#run('postfix', 'reload');
  }

  #askPostmap(): { said: string | undefined } {
    try {
      this.#run('postmap', '-q', 'x', 'static:x');
      return { said: undefined };
    } catch (thrown) {
      if (thrown instanceof PostfixFault) {
        return thrown;
      }
      throw thrown;
    }
  }

  #readParameters(): Map<string, string> {
    const lines = this.#run('postconf', '-x', ...parameterNames).split('\n');
    return new Map(
      lines.map((line) => {
        const [name, ...rest] = line.split(' =');
        return [name!.trim(), rest.join(' =').trim()];
      }),
    );
  }

  #run(command: 'postconf' | 'postfix' | 'postmap', ...args: string[]): string {
    try {
      return execFileSync(command, ['-c', this.directory, ...args], {
        encoding: 'utf8',
        env: { ...process.env, PATH: commandPath },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') {
        throw new TlsmgrError('UNAVAILABLE', `Postfix is not installed: there is no ${command}`, {
          cause: thrown,
        });
      }
      const said = wordsOf((thrown as { stderr?: string }).stderr ?? '');
      throw new PostfixFault(command, said === '' ? messageOf(thrown) : said, { cause: thrown });
    }
  }
}

/** What its commands log before they end, in one line; of a fault alone where it is one. */
function wordsOf(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.replace(/^\S*post\w+: /u, '').trim())
    .filter((line) => line !== '');
  const at = lines.findLastIndex((line) => line.startsWith('fatal: '));
  // What is wrong in a value stands in the warning before.
  const first = lines[at]?.endsWith('macro processing error') === true ? Math.max(0, at - 1) : at;
  return lines
    .slice(Math.max(0, first))
    .map((line) => line.replace(/^(?:fatal|warning): /u, ''))
    .join('; ');
}
