/**
 * The form of a message to syslogd, as glibc's syslog(3) writes RFC 3164:
 *
 *   <facility * 8 + level>Nov  3 07:08:09 tag[pid]: message
 *
 * No host name, no terminator. Follows src/util/msg_syslog.c.
 */
import { syslogFacilities } from '../system/syslog-facilities.ts';
import type { Severity } from './logger.ts';
import { headEachSecond, type LineHead, shortTime, withSeverity } from './line.ts';

/** Where syslogd listens, outside the chroot and inside. */
export const syslogPath = '/dev/log';

const mailFacility = 2;

const levels: Record<Severity, number> = { info: 6, warning: 4, error: 3, fatal: 2, panic: 2 };

/** `tag` is printable; an unknown facility counts as mail. */
export function syslogHead(tag: string, facility: string, nowMs?: () => number): LineHead {
  const base = (syslogFacilities.get(facility) ?? mailFacility) * 8;
  return headEachSecond((date, severity) => {
    const priority = base + levels[severity];
    return `<${priority}>${shortTime(date, ' ')} ${tag}[${process.pid}]: ${withSeverity(severity, '')}`;
  }, nowMs);
}
