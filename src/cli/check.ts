/**
 * tlsmgr check: what would keep the daemon from serving well with a main.cf,
 * found without starting it. Each finding has a severity, what it means and
 * what mends it. Exit status 1 when one is an error, else 0.
 *
 * A fault of main.cf that the daemon would die of is told in the daemon's own
 * words, as `tlsmgr: fatal:` on standard error.
 */
import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { databaseOf } from '../sessions/database.ts';
import { cacheLabels } from '../sessions/session-cache.ts';
import { configChoice, configOptions } from './config-options.ts';
import type { CliIo } from './io.ts';

export interface Finding {
  severity: 'error' | 'warning' | 'note';
  /** What is so, and what follows from it. */
  text: string;
  /** A command, or what to change. */
  remedy: string;
}

export async function runCheck(args: readonly string[], io: CliIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean' },
      ...configOptions,
    },
  });
  const findings: Finding[] = [];
  const config = loadConfig({
    ...configChoice(values),
    environment: io.environment,
    programName: 'tlsmgr',
    serviceName: 'tlsmgr',
    mode: 'daemon',
    warn: (text) =>
      findings.push({ severity: 'warning', text, remedy: 'correct main.cf; postfix reload' }),
  });
  findings.push(
    ...directoryFindings(config),
    ...cacheFindings(config),
    ...sourceFindings(config),
    ...logFindings(config),
  );
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  if (values.json === true) {
    io.out(`${JSON.stringify(findings, undefined, 2)}\n`);
  } else {
    for (const { severity, text, remedy } of findings) {
      io.out(`${severity}: ${text}\n    ${remedy}\n`);
    }
    io.out(findings.length === 0 ? 'nothing to find fault with\n' : `${findings.length} found\n`);
  }
  return errors > 0 ? 1 : 0;
}

function directoryFindings({ queueDirectory, dataDirectory, mailOwner }: Config): Finding[] {
  const findings: Finding[] = [];
  if (!isDirectory(queueDirectory)) {
    findings.push({
      severity: 'error',
      text: `queue_directory ${queueDirectory} is no directory: the daemon can't start`,
      remedy: `mkdir ${queueDirectory}; postfix check`,
    });
  }
  const data = statSync(dataDirectory, { throwIfNoEntry: false });
  if (data?.isDirectory() !== true) {
    findings.push({
      severity: 'error',
      text: `data_directory ${dataDirectory} is no directory: there is no place for the exchange file, and the daemon can't start`,
      remedy: `install -d -o ${mailOwner.name} -m 0700 ${dataDirectory}`,
    });
  } else if (data.uid !== mailOwner.uid) {
    findings.push({
      severity: 'error',
      text: `data_directory ${dataDirectory} doesn't belong to mail_owner ${mailOwner.name}: the exchange file can't be made, and the daemon can't start`,
      remedy: `chown ${mailOwner.name} ${dataDirectory}`,
    });
  }
  return findings;
}

function cacheFindings(config: Config): Finding[] {
  const findings: Finding[] = [];
  const owners = new Map<string, string>();
  for (const label of cacheLabels) {
    const { database, lifetimeSeconds } = config.caches[label];
    const parameter = `${label}_tls_session_cache_database`;
    if (database === '' || lifetimeSeconds === 0) {
      continue;
    }
    const remedy = `postconf ${parameter}='btree:$data_directory/${label}_scache'`;
    const found = databaseOf(database, config.defaultDatabaseType);
    if (found.kind === 'unusable') {
      findings.push({
        severity: 'error',
        text: `${parameter} = ${database}: ${found.reason}: this cache is off`,
        remedy,
      });
    } else if (found.kind === 'file') {
      findings.push(...fileFindings(parameter, found.path, remedy, config));
      const other = owners.get(found.path);
      if (other !== undefined) {
        findings.push({
          severity: 'error',
          text: `do not use the same TLS cache file ${database} for ${other} and ${label}: the daemon can't start`,
          remedy,
        });
      }
      owners.set(found.path, label);
    }
  }
  return findings;
}

function fileFindings(parameter: string, path: string, remedy: string, config: Config): Finding[] {
  const directory = dirname(path);
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found === undefined) {
    const text = `${parameter}: there is no directory ${directory}: this cache is off`;
    return [{ severity: 'error', text, remedy }];
  }
  if (found.uid !== config.mailOwner.uid) {
    const text = `${parameter}: ${directory} doesn't belong to mail_owner: the file goes into data_directory ${config.dataDirectory}, with two warnings at each start`;
    return [{ severity: 'warning', text, remedy }];
  }
  return [];
}

function sourceFindings({ random }: Config): Finding[] {
  const { source } = random;
  if (source === '') {
    return [
      {
        severity: 'warning',
        text: "tls_random_source is empty: the pool has the operating system's generator alone, and says so at each start",
        remedy: 'postconf tls_random_source=dev:/dev/urandom',
      },
    ];
  }
  const path = source.replace(/^(?:dev|egd):/u, '');
  if (existsSync(path)) {
    return [];
  }
  return [
    {
      severity: 'warning',
      text: `tls_random_source = ${source}: there is no ${path}: the pool serves without it, with a warning`,
      remedy: 'postconf tls_random_source=dev:/dev/urandom',
    },
  ];
}

function logFindings({ log, queueDirectory }: Config): Finding[] {
  if (log.maillogFile !== '') {
    return [];
  }
  if (!existsSync('/dev/log')) {
    return [
      {
        severity: 'warning',
        text: 'there is no /dev/log, and maillog_file is empty: nobody will see what the daemon logs',
        remedy: 'start a syslogd, or postconf maillog_file=/var/log/postfix.log; postfix reload',
      },
    ];
  }
  if (existsSync(`${queueDirectory}/dev/log`)) {
    return [];
  }
  return [
    {
      severity: 'note',
      text: `there is no ${queueDirectory}/dev/log: when syslogd is restarted, a chrooted daemon can't reach it before its own next start`,
      remedy: `let syslogd listen on ${queueDirectory}/dev/log too, or set maillog_file`,
    },
  ];
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
