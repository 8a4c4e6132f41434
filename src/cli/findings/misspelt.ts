/** Names in main.cf and in master.cf's line that look like parameters of ours, and are none. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Setting } from '../../config/main-cf.ts';
import { fromByteText } from '../../config/byte-text.ts';
import type { MainCf } from '../../config/settings.ts';
import type { CacheName } from '../../config/cache-names.ts';
import { findParameter, parameters, parametersFor } from '../../config/parameters.ts';
import { cacheOfParameter } from '../../config/parameters/caches.ts';
import { nearestOf } from '../nearest.ts';
import { isTaken } from './corrected-value.ts';
import type { Finding } from './finding.ts';
import { type Origins, withoutOption } from './origin.ts';
import { shellWord } from './shell-word.ts';

/** Postfix's own of this prefix. */
const postfixNames = new Set(['tlsmgr_service_name']);

const ours = parameters.filter((parameter) => parameter.ours === true).map(({ name }) => name);
/** Further apart, a parameter of another cache is more likely than a mistake. */
const misspeltBy = 2;
const patterns = [/^tlsmgr_/u, /_tls_session_cache_\w*limit$/u];

/**
 * A byte order mark or a no-break space for one: no white space to Postfix, and
 * nothing to the eye. With one the name is another, which nobody asks for.
 */
const oddBytes = /[^\x21-\x7e]/gu;

/** @param caches the names of those that there are. */
export function misspeltFindings(
  mainCf: MainCf,
  origins: Origins,
  caches: readonly CacheName[] = [],
): Finding[] {
  const added = new Set(parametersFor(caches).map(({ name }) => name));
  const isUnknown = (name: string): boolean => isNone(name) && !added.has(name);
  const inMainCf = [...mainCf.settings.keys()].filter(
    (name) =>
      name.search(oddBytes) < 0 &&
      isUnknown(name) &&
      (patterns.some((pattern) => pattern.test(name)) || isOfNoCache(name)),
  );
  const odd = [...mainCf.settings.keys()].filter((name) => name.search(oddBytes) >= 0);
  const unknown = (settings: readonly Setting[]): Setting[] =>
    settings.filter(({ name }) => isUnknown(name));
  return [
    ...odd.map((name) => oddFinding(name, join(mainCf.directory, 'main.cf'))),
    ...inMainCf.map((name) =>
      finding(name, {
        where: 'main.cf',
        without: `postconf -X ${name}; postfix reload`,
        meant: renaming(name, fromByteText(mainCf.settings.get(name)!), mainCf.settings),
        set: (setting) => `postconf ${shellWord(setting)}`,
      }),
    ),
    ...unknown(origins.masterCf).map(({ name, value }) =>
      finding(name, {
        where: 'the tlsmgr line of master.cf',
        without: withoutOption(origins.service, name),
        meant: renaming(name, value, namesOf(origins.masterCf)),
        set: (setting) => `postconf -P ${shellWord(`${origins.service}/${setting}`)}`,
      }),
    ),
    ...unknown(origins.command).map(({ name }) =>
      finding(name, { where: 'an -o of this command', without: '' }),
    ),
  ];
}

/** One of a cache that the list of caches doesn't name; programs of Postfix have a loglevel too. */
function isOfNoCache(name: string): boolean {
  return cacheOfParameter(name) !== undefined && !name.endsWith('_loglevel');
}

function isNone(name: string): boolean {
  return findParameter(name) === undefined && !postfixNames.has(name);
}

function oddFinding(name: string, path: string): Finding {
  const without = name.replaceAll(oddBytes, '');
  const number = lineOf(name, path);
  const where = number === undefined ? '' : `, line ${number}`;
  return {
    severity: 'warning',
    name: 'parameter-unknown',
    text: `${fromByteText(name)} in main.cf${where}: a name with bytes that are not printable ASCII is no parameter of Postfix: it has no effect`,
    remedy:
      number === undefined || !/^\w+$/u.test(without)
        ? `# type the name of that line anew`
        : `LC_ALL=C sed -i '${number}s/${bytesText(name)}/${without}/' ${shellWord(path)}; postfix reload`,
  };
}

/** Where main.cf begins with the name; undefined when it has been written otherwise since. */
function lineOf(name: string, path: string): number | undefined {
  const lines = readFileSync(path, 'latin1').split('\n');
  const index = lines.findIndex((line) => line.replace(/\s*=.*$/su, '') === name);
  return index < 0 ? undefined : index + 1;
}

/** As GNU sed(1) takes bytes in an expression. */
function bytesText(name: string): string {
  return name.replaceAll(
    oddBytes,
    (byte) => String.raw`\x` + byte.charCodeAt(0).toString(16).padStart(2, '0'),
  );
}

interface Place {
  where: string;
  /** The command that takes the name away; empty where there is none. */
  without: string;
  /** `NAME=VALUE`, with the name that was meant; undefined when none can be set. */
  meant?: string | undefined;
  /** The command that makes a setting there. */
  set?: (setting: string) => string;
}

function namesOf(settings: readonly Setting[]): Map<string, string> {
  return new Map(settings.map(({ name, value }) => [name, value]));
}

/** The value stays, under the name that was meant, where nothing is set and that takes it. */
function renaming(
  name: string,
  value: string,
  set: ReadonlyMap<string, string>,
): string | undefined {
  const nearest = nearestOf(name, ours);
  return nearest !== undefined &&
    value !== '' &&
    !set.has(nearest) &&
    (value.includes('$') || isTaken(findParameter(nearest)!, value))
    ? `${nearest}=${value}`
    : undefined;
}

function finding(name: string, { where, without: remedy, meant, set }: Place): Finding {
  const cache = findParameter(name) === undefined ? cacheOfParameter(name) : undefined;
  if (cache !== undefined && nearestOf(name, ours, misspeltBy) === undefined) {
    return {
      severity: 'warning',
      name: 'parameter-unknown',
      text: `${name} in ${where}: tlsmgr_session_caches names no cache ${cache}: it has no effect`,
      remedy: `${remedy}  # or add ${cache} to tlsmgr_session_caches`.trim(),
    };
  }
  const nearest = nearestOf(name, ours);
  const question = nearest === undefined ? '' : `  # ${nearest} was meant?`;
  const kept = meant === undefined || set === undefined ? '' : `${set(meant)}; `;
  return {
    severity: 'warning',
    name: 'parameter-unknown',
    text: `${name} in ${where}: tlsmgr has no such parameter: it has no effect`,
    remedy: `${kept}${remedy}${question}`.trim() || '# leave it out',
  };
}
