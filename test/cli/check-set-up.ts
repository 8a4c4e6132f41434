/**
 * A set-up for tlsmgr check in a scratch directory, with nothing to find fault
 * with: main.cf, master.cf, queue, data, and a daemon_directory. mail_owner is
 * nobody, as whoever runs the tests owns the files.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../../src/cli/findings/finding.ts';
import { shellWord } from '../../src/cli/findings/shell-word.ts';
import { runVerb } from '../../src/cli/run.ts';
import { findParameter } from '../../src/config/parameters.ts';
import { writeMainCf } from '../postfix/main-cf.ts';
import { requirePasteable } from './pasteable.ts';

export const nobody = 65_534;

export const usualLine = 'tlsmgr unix - - y 1000? 1 tlsmgr';
const postlog = 'postlog unix-dgram n - n - 1 postlogd';

export interface Checked {
  status: number;
  out: string;
  err: string;
}

export class CheckSetUp {
  readonly directory: string;

  /** @param prefix of the directory's path. */
  constructor(prefix = '/tmp/tlsmgr-check-') {
    this.directory = mkdtempSync(prefix);
    chmodSync(this.directory, 0o755);
    for (const name of ['queue', 'data', 'sbin']) {
      mkdirSync(this.path(name), { mode: name === 'data' ? 0o700 : 0o755 });
    }
    chownSync(this.path('data'), nobody, nobody);
    // What `postfix status` needs.
    for (const name of ['master', 'postfix-script']) {
      symlinkSync(join('/usr/lib/postfix/sbin', name), this.path(`sbin/${name}`));
    }
    this.writeMasterCf(usualLine);
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  writeMasterCf(...lines: string[]): void {
    writeFileSync(this.path('master.cf'), [...lines, postlog, ''].join('\n'));
  }

  /** A file of mail_owner's in data, mode 0600, unless told otherwise. */
  writeData(name: string, content = '', { mode = 0o600, owner = nobody } = {}): void {
    const path = this.path(`data/${name}`);
    writeFileSync(path, content);
    chmodSync(path, mode);
    chownSync(path, owner, owner);
  }

  /**
   * With these parameters in main.cf, in the place of the set-up's own. Paths are
   * shown as DIR; commands as they would be for Postfix's own directory.
   */
  async check(parameters: Record<string, string> = {}, ...args: string[]): Promise<Checked> {
    const all: Record<string, string> = {
      compatibility_level: '3.6',
      data_directory: this.path('data'),
      queue_directory: this.path('queue'),
      daemon_directory: this.path('sbin'),
      maillog_file: '/var/log/x',
      mail_owner: 'nobody',
      default_privs: 'daemon',
      setgid_group: 'mail',
      myhostname: 'mx.example.net',
      ...parameters,
    };
    writeMainCf(this.path('main.cf'), all);
    return this.checkAgain(...args);
  }

  /** With main.cf as it is. */
  async checkAgain(...args: string[]): Promise<Checked> {
    let out = '';
    let err = '';
    const status = await runVerb('check', ['-c', this.directory, ...args], {
      out: (text) => void (out += text),
      err: (text) => void (err += text),
      screen: (text) => void (out += text),
      environment: {},
    });
    if (args.includes('--json')) {
      for (const { remedy } of JSON.parse(out) as Finding[]) {
        requirePasteable(remedy);
      }
    } else {
      for (const [, remedy] of out.matchAll(/^ {4}(.+)$/gmu)) {
        requirePasteable(remedy!);
      }
    }
    const option = ` -c ${shellWord(this.directory)}`;
    const shown = (text: string): string =>
      text.replaceAll(option, '').replaceAll(this.directory, 'DIR');
    return { status, out: shown(out), err: shown(err) };
  }

  /** The findings, but that ours isn't installed. */
  async findings(parameters: Record<string, string> = {}, ...args: string[]): Promise<Finding[]> {
    const { out } = await this.check(parameters, '--json', ...args);
    const found = JSON.parse(out) as Finding[];
    for (const { remedy } of found) {
      requireChange(remedy, parameters);
    }
    return found.filter(({ name }) => name !== 'not-installed');
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** No remedy sets a parameter to what it is already. */
function requireChange(remedy: string, parameters: Readonly<Record<string, string>>): void {
  for (const [, name, value] of remedy.matchAll(/postconf '?(\w+)=([^';]*)/gu)) {
    const set = parameters[name!] ?? findParameter(name!)?.default;
    assert.notEqual(value, set, remedy);
  }
}
