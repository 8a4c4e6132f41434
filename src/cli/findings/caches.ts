/**
 * The session caches: databases, the files behind them after redirection into
 * data_directory, lifetimes and limits. What the daemon would refuse at start
 * is an error here. Follows src/sessions/caches.ts.
 */
import { constrainedMemory } from 'node:process';
import { totalmem } from 'node:os';
import { dirname, isAbsolute, resolve } from 'node:path';
import { serverCacheName } from '../../config/cache-names.ts';
import type { CacheSettings, Config } from '../../config/config.ts';
import { shortestCacheSeconds } from '../../config/load.ts';
import { fileSuffix } from '../../sessions/file/cache-file.ts';
import { isEnabled, parameterOf } from '../../sessions/caches.ts';
import { databaseOf } from '../../sessions/database.ts';
import { redirectTable } from '../../system/data-redirect.ts';
import { byteCount, duration } from '../output.ts';
import { examine, whyNotWritten } from './access.ts';
import { keyFileFindings } from './cache-key-file.ts';
import { isInMissingDataDirectory } from './directories.ts';
import { type CacheFile, databaseRemedy, sharedFindings, unheard } from './cache-files.ts';
import type { Finding } from './finding.ts';
import { shellWord } from './shell-word.ts';

/** RFC 8446, section 4.6.1: no ticket of TLS 1.3 is used for longer. */
const longestTicketSeconds = 7 * 86_400;

/** A larger share of the host's memory leaves too little to the mail system. */
const largestShare = 0.5;

export function cacheFindings(config: Config): Finding[] {
  const files: CacheFile[] = [];
  const findings: Finding[] = [];
  for (const [label, settings] of config.caches) {
    findings.push(...lifetimeFindings(settings, config));
    if (!isEnabled(settings)) {
      continue;
    }
    const found = databaseOf(settings.database, config.defaultDatabaseType);
    const parameter = parameterOf(label);
    if (found.kind === 'unusable') {
      findings.push({
        severity: 'error',
        name: 'cache-unusable',
        text: `${parameter} = ${settings.database}: ${found.reason}: this cache is off`,
        remedy: databaseRemedy(label),
      });
    } else if (found.kind === 'file') {
      const { database } = settings;
      // The daemon runs in queue_directory.
      const asked = resolve(config.queueDirectory, found.path);
      const path = resolve(redirectTable(database, asked, config, unheard));
      const file = { label, parameter, database, named: found.path, asked, path };
      findings.push(...fileFindings(file, config));
      files.push(file);
    }
  }
  findings.push(...sharedFindings(files, config), ...memoryFindings(config));
  return [...findings, ...keyFileFindings(config)];
}

function lifetimeFindings(settings: CacheSettings, config: Config): Finding[] {
  const { label, database, lifetimeSeconds } = settings;
  const name = `${label}_tls_session_cache_timeout`;
  const remedy = `postconf ${name}=3600s; postfix reload`;
  const text = config.text.get(name) ?? '';
  if (lifetimeSeconds === 0) {
    return database === '' && label !== serverCacheName
      ? []
      : [
          {
            severity: 'note',
            name: 'cache-timeout-zero',
            text: `${name} = ${text}: this cache is off${label === serverCacheName ? ', and so are session tickets: no client resumes a session' : ''}`,
            remedy,
          },
        ];
  }
  if (lifetimeSeconds > longestTicketSeconds) {
    return [
      {
        severity: 'warning',
        name: 'cache-timeout-long',
        text: `${name} = ${text}: sessions older than ${duration(longestTicketSeconds)} are of no use to TLS 1.3, and whoever gets at the caches or the ticket keys can read all traffic of that time`,
        remedy,
      },
    ];
  }
  if (lifetimeSeconds === shortestCacheSeconds && text !== '120' && text !== '120s') {
    return text === '2m'
      ? []
      : [
          {
            severity: 'note',
            name: 'cache-timeout-short',
            text: `${name} = ${text}: counts as ${shortestCacheSeconds} seconds`,
            remedy,
          },
        ];
  }
  return [];
}

function fileFindings(file: CacheFile, config: Config): Finding[] {
  const { label, parameter, named, asked, path } = file;
  const { mailOwner, dataDirectory } = config;
  const folder = dirname(asked);
  const counted = isAbsolute(named) ? '' : ` (${named} counts from queue_directory)`;
  if (path !== asked) {
    return [
      {
        severity: 'warning',
        name: 'cache-redirected',
        text: `${parameter}: ${folder}${counted} doesn't belong to mail_owner: the file goes into data_directory ${dataDirectory}, with two warnings at each start`,
        remedy: databaseRemedy(label),
      },
      ...ownFileFindings(file, config),
    ];
  }
  const found = examine(folder);
  if (found === undefined && isInMissingDataDirectory(folder, config)) {
    return [];
  }
  if (found === undefined || !found.isDirectory()) {
    return [
      {
        severity: 'error',
        name: 'cache-directory-missing',
        text: `${parameter} = ${file.database}: there is no directory ${folder}${counted}: this cache is off`,
        remedy: isOnePath(named)
          ? `install -d -o ${mailOwner.name} -m 0700 ${shellWord(folder)}; postfix reload`
          : databaseRemedy(label),
      },
    ];
  }
  return ownFileFindings(file, config);
}

/** No relative one, which `${x:-/y}` of a shell becomes here, and no second database behind a comma. */
function isOnePath(text: string): boolean {
  return isAbsolute(text) && !/[,\s]\w+:/u.test(text);
}

function ownFileFindings({ parameter, path }: CacheFile, { mailOwner }: Config): Finding[] {
  const findings: Finding[] = [];
  const own = path + fileSuffix;
  const found = examine(own);
  const refused = whyNotWritten(own, () => false);
  if (refused !== undefined) {
    findings.push({
      severity: 'error',
      name: 'cache-file-kind',
      text: `${parameter}: ${own} ${refused}: this cache is off`,
      remedy: `ls -ld ${shellWord(own)}  # move it away, then postfix reload`,
    });
  } else if (found !== undefined && found.uid !== mailOwner.uid) {
    findings.push({
      severity: 'error',
      name: 'cache-file-owner',
      text: `${parameter}: ${own} doesn't belong to mail_owner ${mailOwner.name}: this cache is off`,
      remedy: `chown ${mailOwner.name} ${shellWord(own)}; postfix reload`,
    });
  } else if (found !== undefined && (found.mode & 0o077) !== 0) {
    findings.push({
      severity: 'warning',
      name: 'cache-file-open',
      text: `${own} is open to its group or to others: sessions can be read there until the daemon starts again`,
      remedy: `chmod 600 ${shellWord(own)}`,
    });
  }
  const others = ['.db', '.lmdb', '.dir', '.pag']
    .map((suffix) => path + suffix)
    .filter((other) => examine(other) !== undefined);
  if (others.length > 0) {
    findings.push({
      severity: 'note',
      name: 'cache-leftover',
      text: `${others.join(' ')}: a cache of Postfix's own tlsmgr, which this one leaves alone; it holds sessions, and is of no use while this one serves`,
      remedy: `rm ${others.map((other) => shellWord(other)).join(' ')}`,
    });
  }
  return findings;
}

function memoryFindings({ caches }: Config): Finding[] {
  const wanted = [...caches.values()].filter((one) => isEnabled(one));
  const unlimited = wanted.find(({ sizeLimitBytes }) => sizeLimitBytes === 0);
  if (unlimited !== undefined) {
    return [
      {
        severity: 'warning',
        name: 'cache-unlimited',
        text: `${unlimited.label}_tls_session_cache_size_limit = 0: whoever opens enough sessions fills this host's memory`,
        remedy: `postconf ${unlimited.label}_tls_session_cache_size_limit=268435456; postfix reload`,
      },
    ];
  }
  const wantedBytes = wanted.reduce((sum, { sizeLimitBytes }) => sum + sizeLimitBytes, 0);
  const memoryBytes = memoryOfHost();
  return wantedBytes <= memoryBytes * largestShare
    ? []
    : [
        {
          severity: 'warning',
          name: 'cache-memory',
          text: `the caches may grow to ${byteCount(wantedBytes)}, and this host has ${byteCount(memoryBytes)}: the kernel may end the daemon for want of memory`,
          remedy: `postconf ${wanted.map(({ label }) => `${label}_tls_session_cache_size_limit`).join(' ')}  # lower them, then postfix reload`,
        },
      ];
}

/** In bytes; what a container is allowed, if that is less. */
function memoryOfHost(): number {
  const allowed = constrainedMemory();
  return allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
}
