/** Whether anybody will see what the daemon logs. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import type { Finding } from './finding.ts';

/** @param chrooted whether master.cf says so; undefined when that isn't known. */
export function logFindings(
  { log, queueDirectory }: Config,
  chrooted: boolean | undefined,
): Finding[] {
  if (log.maillogFile !== '') {
    return [];
  }
  if (!existsSync('/dev/log')) {
    return [
      {
        severity: 'warning',
        name: 'log-nowhere',
        text: 'there is no /dev/log, and maillog_file is empty: nobody will see what the daemon logs',
        remedy: 'postconf maillog_file=/var/log/postfix.log; postfix reload  # or start a syslogd',
      },
    ];
  }
  // A queue_directory that isn't there is a finding of its own.
  const isThere = !existsSync(queueDirectory) || existsSync(join(queueDirectory, 'dev/log'));
  if (chrooted === false || isThere) {
    return [];
  }
  return [
    {
      severity: 'note',
      name: 'log-chroot',
      text: `there is no ${queueDirectory}/dev/log: when syslogd is restarted, a chrooted daemon can't reach it before its own next start`,
      remedy: `# let syslogd listen on ${queueDirectory}/dev/log too, or set maillog_file`,
    },
  ];
}
