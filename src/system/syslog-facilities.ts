/**
 * The values of syslog_facility with their numbers. `kern` is 0. libc takes 0 as
 * "not given", so such messages are logged with the facility mail.
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
