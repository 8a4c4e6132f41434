/**
 * Faults of main.cf that end a start: the daemon's, in its own words, and those
 * that Postfix's programs die of before the daemon is asked anything. Each is
 * told once, with what mends it.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { findParameter } from '../../config/parameters.ts';
import type { ParameterFault } from '../../config/config.ts';
import type { MainCf } from '../../config/settings.ts';
import { fromByteText } from '../../config/byte-text.ts';
import { printableText } from '../../log/line.ts';
import { correctedValue, inBytes } from './corrected-value.ts';
import type { Finding } from './finding.ts';
import { fleetFaultRemedy } from './fleet-fault.ts';
import { type Origins, originRemedy, originText } from './origin.ts';
import { shellWord } from './shell-word.ts';

/** What of a set-up's faults is known already, and where to look for what they name. */
export interface Known {
  /** Undefined when it can't be read. */
  mainCf: MainCf | undefined;
  findings: readonly Finding[];
}

const ending = ": the daemon can't start";

const kinds = {
  fault: { severity: 'error', name: 'config-fault' },
  warning: { severity: 'warning', name: 'config-warning' },
} as const;

/** Postconf(1) itself ends with these, of whatever parameter it is asked. */
const unreadable = /macro processing error|malformed compatibility level/u;

/** In the daemon's own words: a fault that it can't start with, or a warning. */
export function configFinding(
  kind: keyof typeof kinds,
  message: string,
  mainCf: MainCf | undefined,
  origins?: Origins,
): Finding {
  const parameter = nameIn(message, mainCf);
  const isFault = kind === 'fault';
  const postconfReads = !isFault || !unreadable.test(message);
  return {
    ...kinds[kind],
    text: `${message}${originText(parameter, origins)}${isFault ? ending : ''}`,
    remedy: originRemedy(parameter, origins) ?? remedyFor(message, mainCf, postconfReads),
  };
}

/**
 * Of a parameter of ours: the daemon serves with its default.
 * @param faulty all parameters of ours that have a fault.
 */
export function parameterFault(
  { name, text }: ParameterFault,
  faulty: readonly string[],
  mainCf: MainCf | undefined,
  origins: Origins,
): Finding {
  return {
    severity: 'error',
    name: 'config-fault',
    text: `${text}${originText(name, origins)}`,
    remedy:
      originRemedy(name, origins) ?? fleetFaultRemedy(text, faulty) ?? valueRemedy(name, mainCf),
  };
}

/** What was chosen stays, corrected where that can be guessed. */
function valueRemedy(name: string, mainCf: MainCf | undefined): string {
  const given = fromByteText(mainCf?.settings.get(name) ?? '');
  const value = correctedValue(name, given, mainCf?.directory ?? '/');
  return value === undefined
    ? `postconf ${name}; postconf -d ${name}  # what is set, and the default: correct it, or go back to the default with postconf -X ${name}; then postfix reload`
    : `postconf ${shellWord(`${name}=${value}`)}; postfix reload`;
}

/**
 * What Postfix's programs say before they end, where the daemon hasn't said it.
 * @param said of postmap(1), which reads what all of them read.
 * @param postconfSaid undefined while postconf(1) still reads it.
 */
export function postfixFaults(
  said: string | undefined,
  postconfSaid: string | undefined,
  { mainCf, findings }: Known,
): Finding[] {
  const told = findings.filter(({ name }) => name === 'config-fault').map(({ text }) => text);
  const news = [said, postconfSaid].filter((text) => text !== undefined);
  const [first, ...others] = news.filter((text) => !told.some((other) => isSame(text, other)));
  const texts =
    first === undefined ? [] : [first, ...others.filter((text) => !isSame(text, first))];
  return texts.map((text) => ({
    severity: 'error',
    name: 'postfix-fault',
    text: `Postfix's programs end with: ${text}: none of them starts, whoever serves as tlsmgr`,
    // What has died of it master(8) leaves alone for a minute, and a reload doesn't end that.
    remedy: remedyFor(text, mainCf, postconfSaid === undefined).replace(
      'postfix reload',
      'postfix stop; postfix start',
    ),
  }));
}

/** Postfix puts a ? for what it can't print, and tells of a fault in a value without the parameter. */
export function isSame(one: string, other: string): boolean {
  const [left, right] = [one, other].map((text) => printableText(text, false).replace(ending, ''));
  const macro = 'macro processing error';
  return (
    left!.includes(right!) ||
    right!.includes(left!) ||
    (left!.includes(macro) && right!.includes(macro))
  );
}

/** @param postconfReads whether postconf(1) can show what is set. */
function remedyFor(message: string, mainCf: MainCf | undefined, postconfReads: boolean): string {
  const line =
    /^(?:open |file )?(?<path>\/\S*\.cf)(?:[,:] line (?<number>\d+))?: (?!parameter)/u.exec(
      message,
    )?.groups;
  const twice = /: overriding earlier entry: (\w+)=/u.exec(message)?.[1];
  if (line !== undefined && twice !== undefined) {
    return `grep -n '^${twice}\\b' ${shellWord(line['path']!)}  # the last one counts: delete the others, then postfix reload`;
  }
  if (line?.['number'] !== undefined) {
    return `sed -n ${line['number']}p ${shellWord(line['path']!)}  # the line to correct, then postfix reload`;
  }
  if (line !== undefined) {
    return '# name the directory of main.cf with -c';
  }
  const name = nameIn(message, mainCf);
  if (name === undefined) {
    return '# correct what it names in main.cf, then postfix reload';
  }
  const special = specialRemedy(name, message, mainCf);
  if (special !== undefined) {
    return special;
  }
  return postconfReads
    ? `postconf ${name}; postconf -d ${name}  # what is set, and the default: correct it, then postfix reload`
    : `postconf -d ${name}  # the default: correct it in main.cf, then postfix reload`;
}

/** The parameter that a message is about, when it tells: by name, or by a value that nothing else has. */
function nameIn(message: string, mainCf: MainCf | undefined): string | undefined {
  if (message.includes('malformed compatibility level')) {
    return 'compatibility_level';
  }
  const words = message.match(/\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b|\b[a-z]{6,}\b/gu) ?? [];
  const named = words.find(
    (word) => findParameter(word) !== undefined || mainCf?.settings.has(word) === true,
  );
  return named ?? settingWith(/^(?:open )?(\/[^:]+): /u.exec(message)?.[1], mainCf)?.[0];
}

function settingWith(
  value: string | undefined,
  mainCf: MainCf | undefined,
): [string, string] | undefined {
  return value === undefined
    ? undefined
    : [...(mainCf?.settings ?? [])].find(([, set]) => fromByteText(set) === value);
}

function specialRemedy(
  name: string,
  message: string,
  mainCf: MainCf | undefined,
): string | undefined {
  const value = fromByteText(mainCf?.settings.get(name) ?? '');
  const bytes = inBytes(value);
  if (message.startsWith('bad numerical configuration') && bytes !== undefined) {
    return `postconf ${name}=${bytes}; postfix reload  # in bytes, without a unit`;
  }
  if (name === 'inet_interfaces') {
    return 'postconf inet_interfaces=loopback-only; postfix stop; postfix start  # or addresses of this host, which ip address shows';
  }
  if (value.startsWith('/') && message.includes(`${value}: `)) {
    return name === 'myorigin'
      ? `${folderMade(value)}hostname --fqdn > ${shellWord(value)}; postfix reload  # or the domain that mail from here is to have`
      : `ls -l ${shellWord(value)}  # main.cf names it in ${name}: put it there, or correct that, then postfix reload`;
  }
  return undefined;
}

function folderMade(path: string): string {
  const folder = dirname(path);
  return existsSync(folder) ? '' : `mkdir -p ${shellWord(folder)}; `;
}
