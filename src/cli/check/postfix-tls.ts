/**
 * What Postfix's own TLS parameters make of the caches: whether anything can be
 * resumed at all. Read through postconf(1), as they aren't the daemon's.
 */
import type { Config } from '../../config/config.ts';
import { databaseOf } from '../../sessions/database.ts';
import type { Postfix } from '../postfix/postfix.ts';
import { databaseRemedy } from '../findings/cache-files.ts';
import type { Finding } from '../findings/finding.ts';

/** Types of Berkeley DB, which distributions drop. */
const berkeleyTypes = new Set(['btree', 'hash']);

export function postfixTlsFindings(postfix: Postfix, config: Config): Finding[] {
  return [
    ...serverFindings(postfix, config),
    ...clientFindings(postfix, config),
    ...tableTypeFindings(postfix, config),
  ];
}

function serverFindings(postfix: Postfix, config: Config): Finding[] {
  const { database, lifetimeSeconds } = config.caches.get('smtpd')!;
  if (!usesTls(postfix, 'smtpd') || lifetimeSeconds === 0) {
    return [];
  }
  const noTickets = /\bNO_TICKET\b/iu.test(postfix.parameter('tls_ssl_options'));
  if (noTickets && database === '') {
    return [
      {
        severity: 'warning',
        name: 'server-resumes-nothing',
        text: 'tls_ssl_options has NO_TICKET and smtpd_tls_session_cache_database is empty: no client can resume a session with this server',
        remedy: databaseRemedy('smtpd'),
      },
    ];
  }
  return noTickets || database === ''
    ? []
    : [
        {
          severity: 'note',
          name: 'server-cache-spare',
          text: 'smtpd_tls_session_cache_database is set, and smtpd gives tickets to the clients that take them, which are nearly all: the cache serves the few others, and may be left out',
          remedy: "postconf 'smtpd_tls_session_cache_database='; postfix reload",
        },
      ];
}

function clientFindings(postfix: Postfix, config: Config): Finding[] {
  const { database, lifetimeSeconds } = config.caches.get('smtp')!;
  return !usesTls(postfix, 'smtp') || database !== '' || lifetimeSeconds === 0
    ? []
    : [
        {
          severity: 'note',
          name: 'client-resumes-nothing',
          text: 'the SMTP client uses TLS and smtp_tls_session_cache_database is empty: it resumes no session, and every delivery pays for a full handshake',
          remedy: databaseRemedy('smtp'),
        },
      ];
}

function usesTls(postfix: Postfix, label: 'smtpd' | 'smtp'): boolean {
  const level = postfix.parameter(`${label}_tls_security_level`);
  return level === ''
    ? postfix.parameter(`${label}_use_tls`) === 'yes' ||
        postfix.parameter(`${label}_enforce_tls`) === 'yes'
    : level !== 'none';
}

function tableTypeFindings(postfix: Postfix, config: Config): Finding[] {
  // postconf(1) ends too, then.
  if (postfix.refusal !== undefined) {
    return [];
  }
  const known = new Set(postfix.tableTypes());
  const missing = [...config.caches.values()]
    .map(({ database }) => databaseOf(database, config.defaultDatabaseType))
    .filter(({ kind, type }) => kind === 'file' && berkeleyTypes.has(type) && !known.has(type))
    .map(({ type }) => type);
  return missing.length === 0
    ? []
    : [
        {
          severity: 'note',
          name: 'no-berkeley-db',
          text: `this Postfix is built without ${[...new Set(missing)].join(' and ')}: this tlsmgr needs no Berkeley DB for its caches, Postfix's own can't open them`,
          remedy:
            'postconf -m  # shows the types that it has: choose one before you go back to the original',
        },
      ];
}
