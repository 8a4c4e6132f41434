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

export interface Known {
  /** Whether main.cf or an option sets the parameter. */
  isSet(name: string): boolean;
  /** Its expanded value. */
  expanded(name: string): string;
}

export const foundDefaults: Readonly<Record<string, (known: Known) => string>> = {
  mail_version: () => installedVersion(),
  myhostname: (known) => {
    const name = hostname();
    if (name.includes('.')) {
      return name;
    }
    return `${name}.${known.isSet('mydomain') ? known.expanded('mydomain') : lastDomain}`;
  },
  mydomain: (known) => {
    const name = known.expanded('myhostname');
    const dot = name.indexOf('.');
    return dot < 0 ? lastDomain : name.slice(dot + 1);
  },
};

/** Of the Postfix on this host, else our own. */
function installedVersion(): string {
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
