/**
 * A line of master.cf, in one piece:
 *
 *     line = service type private unprivileged chroot wakeup limit command *argument
 *
 * Blanks stand between; an argument may be `{ text with blanks }`. Follows
 * src/master/master_ent.c and postconf(1). Throws FatalError, in the daemon's
 * words, for arguments that the daemon would refuse.
 */
import type { Setting } from '../../config/main-cf.ts';
import { splitOverride } from '../../config/override.ts';
import { findParameter } from '../../config/parameters.ts';
import { cacheOfParameter } from '../../config/parameters/caches.ts';
import { parseDaemonOptions } from '../../daemon/options.ts';
import { FatalError } from '../../errors.ts';

const fieldsBeforeCommand = 7;

/** Below daemon_directory, the only place where master(8) looks for commands. */
export const ourFolder = 'node-tlsmgr';
export const ourCommand = `${ourFolder}/tlsmgr`;

/** Seconds, as Postfix delivers it. */
const usualWakeup = '1000';

const announcementName = 'tlsmgr_protocol_announcement';

/** What carries the references of withReferences(). */
const referringName = 'debug_peer_list';

export interface MasterLine {
  service: string;
  type: string;
  private: string;
  unprivileged: string;
  chroot: string;
  wakeup: string;
  processLimit: string;
  command: string;
  /** As they stand there, braces included. */
  args: string[];
}

export function parseLine(text: string): MasterLine {
  const words = wordsOf(text);
  const at = (index: number): string => words[index] ?? '-';
  return {
    service: at(0),
    type: at(1),
    private: at(2),
    unprivileged: at(3),
    chroot: at(4),
    wakeup: at(5),
    processLimit: at(6),
    command: at(fieldsBeforeCommand),
    args: words.slice(fieldsBeforeCommand + 1),
  };
}

export function lineText(line: MasterLine): string {
  return [
    line.service,
    line.type,
    line.private,
    line.unprivileged,
    line.chroot,
    line.wakeup,
    line.processLimit,
    line.command,
    ...line.args,
  ].join(' ');
}

/** Whether the line starts this tlsmgr. */
export function isOurs(line: MasterLine): boolean {
  return line.command === ourCommand;
}

/** What the daemon makes of the arguments. */
export function overridesOf(line: MasterLine): Setting[] {
  const { overrides, words } = parseDaemonOptions(line.args.map((word) => withoutBraces(word)));
  if (words[0] !== undefined) {
    throw new FatalError(`unexpected command-line argument: ${words[0]}`);
  }
  return overrides;
}

/** Clients of Postfix 3.6 and later wait for an announcement, those before can't bear one. */
export function announcementFor(mailVersion: string): boolean {
  return isAtLeast(mailVersion, 3, 6);
}

/** Whether a Postfix version, `3.7.11` or `3.12-20260101`, is that release or a later one. */
export function isAtLeast(mailVersion: string, major: number, minor: number): boolean {
  const [ofMajor = 0, ofMinor = 0] = mailVersion.split(/[.-]/u).map(Number);
  return ofMajor > major || (ofMajor === major && ofMinor >= minor);
}

/** The line with our command, what it had of arguments, and these overrides in place of earlier ones. */
export function ourLine(
  old: MasterLine,
  { announcement, overrides }: { announcement: boolean; overrides: readonly Setting[] },
): MasterLine {
  const named = new Set(overrides.map(({ name }) => name));
  const kept = withoutOverrides(old.args, (name) => named.has(name));
  const added = overrides.map(({ name, value }) => overrideText(name, value));
  const all = [...kept, ...added.flatMap((text) => ['-o', text])];
  const says = overridesOf({ ...old, args: all }).some(({ name }) => name === announcementName);
  const silence = announcement || says ? [] : ['-o', `${announcementName}=no`];
  return { ...old, command: ourCommand, args: [...all, ...silence] };
}

/**
 * The line with a reference to each of these parameters of ours, and to those
 * that it sets itself. postconf(1), and with it `postfix check`, warns of a
 * parameter that Postfix doesn't know unless a value refers to it. `${name?}` is
 * empty whatever the parameter is, and so is debug_peer_list by default, which
 * no tlsmgr uses. A line that sets debug_peer_list to anything else stays as it is.
 */
export function withReferences(line: MasterLine, namesInMainCf: readonly string[]): MasterLine {
  const set = overridesOf(line);
  if (set.some((setting) => setting.name === referringName && !isReference(setting))) {
    return line;
  }
  const args = withoutOverrides(line.args, (name) => name === referringName);
  const text = ourNames(set, namesInMainCf)
    .map((name) => `\${${name}?}`)
    .join('');
  return text === ''
    ? { ...line, args }
    : { ...line, args: [...args, '-o', `${referringName}=${text}`] };
}

export interface References {
  /** Parameters of ours that are set, and that no value of the line refers to. */
  missing: string[];
  /** What withReferences() has referred to, and is set no more. */
  stale: string[];
  /** Whether the line sets debug_peer_list to something else, which stays as it is. */
  isOwn: boolean;
}

/** What withReferences() would change, or can't. Nothing in a line of Postfix's own. */
export function referencesOf(line: MasterLine, namesInMainCf: readonly string[]): References {
  if (!isOurs(line)) {
    return { missing: [], stale: [], isOwn: false };
  }
  const set = overridesOf(line);
  const wanted = ourNames(set, namesInMainCf);
  const referring = set.filter(({ name }) => name === referringName);
  const isOwn = referring.some((setting) => !isReference(setting));
  const found = referring.flatMap(({ value }) =>
    [...value.matchAll(/\$\{(\w+)\?\}/gu)].map(([, name]) => name!),
  );
  return {
    missing: wanted.filter((name) => !found.includes(name)),
    stale: isOwn ? [] : found.filter((name) => !wanted.includes(name)),
    isOwn,
  };
}

/** Those of ours that are set there, in their order. */
function ourNames(set: readonly Setting[], namesInMainCf: readonly string[]): string[] {
  const names = [...namesInMainCf, ...set.map(({ name }) => name)];
  return [...new Set(names)].filter((name) => isOurName(name)).toSorted();
}

function isReference({ name, value }: Setting): boolean {
  return name === referringName && /^(?:\$\{\w+\?\})+$/u.test(value);
}

/** Also those of a cache that may have been added: its name needn't stand in the line. */
function isOurName(name: string): boolean {
  const known = findParameter(name);
  return known === undefined ? cacheOfParameter(name) !== undefined : known.ours === true;
}

/**
 * The line with a wake-up as soon as Postfix is started. A `?` behind the time
 * leaves the wake-ups out until somebody has used the service.
 */
export function wakingLine(line: MasterLine): MasterLine {
  const seconds = line.wakeup.replace(/\?$/u, '');
  return { ...line, wakeup: isWaking(seconds) ? seconds : usualWakeup };
}

/** Whether master(8) starts the service before anybody uses it. */
export function startsByItself({ wakeup }: MasterLine): boolean {
  return isWaking(wakeup);
}

function isWaking(wakeup: string): boolean {
  return /^0*[1-9]\d*$/u.test(wakeup);
}

/** The line for Postfix's own daemon when nobody knows what it was: without what only ours knows. */
export function originalLine(ours: MasterLine): MasterLine {
  const quiet = overridesOf(ours).some((setting) => isReference(setting));
  const args = withoutOverrides(
    ours.args,
    (name) => isOurName(name) || (quiet && name === referringName),
  );
  return { ...ours, command: 'tlsmgr', args };
}

function overrideText(name: string, value: string): string {
  return /\s/u.test(value) || value === '' ? `{ ${name} = ${value} }` : `${name}=${value}`;
}

/** Leaves out `-o name=value`, glued or not, of the names that match. */
function withoutOverrides(args: readonly string[], matches: (name: string) => boolean): string[] {
  const kept: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index]!;
    const glued = word.startsWith('-o') && word.length > 2;
    const text = glued ? word.slice(2) : word === '-o' ? args[index + 1] : undefined;
    if (text !== undefined && matches(splitOverride(withoutBraces(text)).name)) {
      index += glued ? 0 : 1;
    } else {
      kept.push(word);
    }
  }
  return kept;
}

/** The text in braces, without the blanks around it; any other word as it is. */
export function withoutBraces(word: string): string {
  return word.startsWith('{') && word.endsWith('}') ? word.slice(1, -1).trim() : word;
}

/** Splits at blanks; braces keep theirs. */
function wordsOf(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let depth = 0;
  for (const character of text.replaceAll(/\s*\n\s*/gu, ' ')) {
    if (depth === 0 && /\s/u.test(character)) {
      if (word !== '') {
        words.push(word);
      }
      word = '';
      continue;
    }
    if (character === '{' && (word === '' || depth > 0)) {
      depth += 1;
    } else if (character === '}' && depth > 0) {
      depth -= 1;
    }
    word += character;
  }
  return word === '' ? words : [...words, word];
}
