/**
 * Defaults that are found out when somebody needs them: of myhostname,
 * mydomain and mail_version. Follows src/global/mail_params.c.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { version } from '../version.ts';

const postconf = '/usr/sbin/postconf';
const lastDomain = 'localdomain';

/** The expanded value of a parameter that is set; undefined for one that isn't. */
export type SetValue = (name: string) => string | undefined;

/** One character a byte, as all values before they are whole. */
export const foundDefaults: Readonly<Record<string, (setValue: SetValue) => string>> = {
  mail_version: () => installedVersion(),
  myhostname: (setValue) => ownHostname(setValue),
  mydomain: (setValue) => {
    const name = setValue('myhostname') ?? ownHostname(setValue);
    const dot = name.indexOf('.');
    return dot < 0 ? lastDomain : name.slice(dot + 1);
  },
};

function ownHostname(setValue: SetValue): string {
  const name = hostname();
  return name.includes('.') ? name : `${name}.${setValue('mydomain') ?? lastDomain}`;
}

let postfixVersion: string | undefined;

/** Of the Postfix on this host, asked once; else our own. */
function installedVersion(): string {
  postfixVersion ??= askPostconf();
  return postfixVersion;
}

function askPostconf(): string {
  if (!existsSync(postconf)) {
    return version;
  }
  try {
    return execFileSync(postconf, ['-d', '-h', 'mail_version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    // A postconf that can't run tells no version; the value is for show.
    return version;
  }
}
