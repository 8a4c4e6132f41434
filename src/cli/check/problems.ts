/**
 * What the running daemon says is wrong with it, each with what mends it. What
 * main.cf and the files have told of already is left out: one cause, one finding.
 */
import { dirname, resolve } from 'node:path';
import { serverCacheName } from '../../config/cache-names.ts';
import type { Config } from '../../config/config.ts';
import type { Problem } from '../../report/report.ts';
import type { Report } from '../../report/report.ts';
import { databaseOf } from '../../sessions/database.ts';
import { redirectTable } from '../../system/data-redirect.ts';
import { unheard } from '../findings/cache-files.ts';
import type { Finding } from '../findings/finding.ts';
import { fleetRemedy } from './fleet-remedy.ts';
import { shellWord } from '../findings/shell-word.ts';

/** @param known findings about the set-up itself. */
export function problemFindings(
  report: Report,
  config: Config | undefined,
  known: readonly Finding[],
): Finding[] {
  return problemsOf(report)
    .filter((problem) => !isKnown(problem, known))
    .map((problem) => ({
      severity: problem.severity,
      name: problem.name,
      text: `the running daemon says: ${problem.text}`,
      remedy: remedyFor(problem, report, config),
    }));
}

/** An earlier version tells of none. */
function problemsOf(report: Partial<Report>): Problem[] {
  return report.problems ?? [];
}

function isKnown({ name, text }: Problem, known: readonly Finding[]): boolean {
  const isAmong = (...names: string[]): boolean => known.some((one) => names.includes(one.name));
  switch (name) {
    case 'parameter-refused': {
      const message = text.replace(/: its default is used \(\w+\)$/u, '');
      return known.some((one) => one.name === 'config-fault' && one.text.startsWith(message));
    }
    case 'cache-off': {
      const parameter = parameterIn(text);
      return known.some(
        (one) => one.text.startsWith(parameter) && one.text.endsWith(': this cache is off'),
      );
    }
    // Main.cf tells of an empty one by itself, also where nobody serves.
    case 'source-none':
      return true;
    // Main.cf tells of an address that is somebody else's.
    case 'metrics-missing':
      return isAmong('metrics-port-taken');
    case 'source-failing':
      return isAmong('source-missing', 'source-kind');
    // The file that it can't use has a finding of its own.
    case 'fleet-off':
      return isAmong('fleet-secret-open', 'fleet-secret-unusable', 'fleet-engine-unusable');
    default:
      return false;
  }
}

function remedyFor(problem: Problem, report: Report, config: Config | undefined): string {
  const { name, text } = problem;
  switch (name) {
    case 'cache-in-memory': {
      // Whoever answers there may name none of its caches.
      const label = Object.keys(report.caches).find((one) => text.startsWith(`${one} `));
      return roomRemedy(
        cacheFolder(report.caches[label ?? serverCacheName]!.database, config),
        'the sessions that are only in memory would be lost',
      );
    }
    case 'exchange-failing':
      return roomRemedy(
        dirname(resolve(config?.queueDirectory ?? '/', report.prng.exchangeFile)),
        "the pool's state that couldn't be saved would be lost",
      );
    case 'engine-away':
    case 'engine-paused':
    case 'engine-refuses-writes':
    case 'fleet-differs':
    case 'fleet-clock':
      return fleetRemedy(problem, report, config);
    case 'cache-too-small':
      return `postconf ${parameterIn(text)}  # raise it, then postfix reload`;
    case 'source-failing':
      return `ls -lL ${shellWord(report.prng.source.replace(/^(?:dev|egd):/u, ''))}  # nothing needs a reload: it is tried again by itself`;
    default:
      return `postconf ${parameterIn(text)}  # what is set: correct what the lines of tlsmgr in the log name, then postfix reload`;
  }
}

/** A reload ends the process, and with it what could not be written. */
function roomRemedy(folder: string, loss: string): string {
  const word = shellWord(folder);
  return `df -h ${word}; df -i ${word}; ls -ld ${word}  # make room, or give it back to mail_owner: it is tried again by itself; no reload before, or ${loss}`;
}

function cacheFolder(database: string, config: Config | undefined): string {
  const found = databaseOf(database, config?.defaultDatabaseType ?? '');
  const named = found.kind === 'file' ? found.path : database;
  const path = resolve(config?.queueDirectory ?? '/', named);
  return dirname(config === undefined ? path : redirectTable(database, path, config, unheard));
}

/** The parameter that the daemon names at the end; `-n`, those of main.cf, when it says something else. */
function parameterIn(text: string): string {
  return /\((\w+)\)$/u.exec(text)?.[1] ?? '-n';
}
