/**
 * The form of a message to syslogd, as glibc's syslog(3) writes RFC 3164:
 *
 *   <facility * 8 + level>Nov  3 07:08:09 tag[pid]: message
 *
 * No host name, no terminator. Follows src/util/msg_syslog.c.
 */
import type { Severity } from './logger.ts';
import { shortTime, withSeverity } from './line.ts';
import type { LineFormat } from './outlet.ts';

/** Where syslogd listens, outside the chroot and inside. */
export const syslogPath = '/dev/log';

/**
 * The values of syslog_facility with their numbers. `kern` is 0, which libc
 * takes for "none given": such messages go out as mail.
 */
export const syslogFacilities: ReadonlyMap<string, number> = new Map([
  ['kern', 2],
  ['user', 1],
  ['mail', 2],
  ['daemon', 3],
  ['auth', 4],
  ['syslog', 5],
  ['lpr', 6],
  ['news', 7],
  ['uucp', 8],
  ['cron', 9],
  ['authpriv', 10],
  ['ftp', 11],
  ['local0', 16],
  ['local1', 17],
  ['local2', 18],
  ['local3', 19],
  ['local4', 20],
  ['local5', 21],
  ['local6', 22],
  ['local7', 23],
]);

const mailFacility = 2;

const levels: Record<Severity, number> = { info: 6, warning: 4, error: 3, fatal: 2, panic: 2 };

/** `tag` is printable; an unknown facility counts as mail. */
export function syslogFormat(tag: string, facility: string, now = () => new Date()): LineFormat {
  const base = (syslogFacilities.get(facility) ?? mailFacility) * 8;
  return (severity, text) =>
    Buffer.from(
      `<${base + levels[severity]}>${shortTime(now(), ' ')} ${tag}[${process.pid}]: ${withSeverity(severity, text)}`,
    );
}
