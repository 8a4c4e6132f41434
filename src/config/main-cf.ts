/**
 * Reads main.cf: physical lines become logical lines, and these become names and
 * unexpanded values.
 *
 *     file    = *( ignored / logical )
 *     ignored = a line of white space, or one whose first other character is #
 *     logical = line *( ignored / white-space line )    ; line feeds removed
 *             = name *blank "=" *blank value
 *
 * An ignored line does not end a logical line. Text after a NUL is ignored. If a
 * name is set more than once, the last value wins; a warning says so when the
 * values differ.
 * Throws FatalError with Postfix's text for a line without a name or a `=`, and
 * for a file that can't be read. Follows src/util/readlline.c, split_nameval.c
 * and dict.c.
 */
import { readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { FatalError } from '../errors.ts';
import { reasonOf } from '../system/calls.ts';
import { fromByteText } from './byte-text.ts';

/** Blanks are those of isspace(3) in ASCII; a no-break space is text. */
const leadingBlanks = /^[ \t\n\v\f\r]+/u;
const blankCharacters = ' \t\n\v\f\r';
const nameThenEquals = /^([^= \t\n\v\f\r]+)[ \t\n\v\f\r]*=/u;
const ignoredLine = /^[ \t\n\v\f\r]*(?:#|$)/u;

const quotedBytes = 30;

/** A file younger than this may be half-written. */
const restMs = 1000;
const waitStepMs = 300;
const longestWaitMs = 3000;

export interface Setting {
  name: string;
  /** Not expanded; trimmed at both ends. */
  value: string;
}

export type Warn = (text: string) => void;

/** Drops white space, as Postfix sees it, at both ends. */
export function trim(text: string): string {
  let end = text.length;
  while (end > 0 && blankCharacters.includes(text[end - 1]!)) {
    end -= 1;
  }
  return text.slice(0, end).replace(leadingBlanks, '');
}

/** Splits `name = value`. @returns for other text what is wrong with it, as Postfix says it. */
export function splitSetting(text: string): Setting | string {
  const line = text.replace(leadingBlanks, '');
  if (line === '' || line.startsWith('=')) {
    return 'missing attribute name';
  }
  const match = nameThenEquals.exec(line);
  if (match === null) {
    return "missing '=' after attribute name";
  }
  return { name: match[1]!, value: trim(line.slice(match[0].length)) };
}

/**
 * Reads a main.cf; waits while it is being written. @returns unexpanded values
 * by name, those of `known` included; one character for each byte.
 */
export function readMainCf(
  path: string,
  warn: Warn,
  known: ReadonlyMap<string, string> = new Map(),
): Map<string, string> {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (const pauseMs of pausesUntilAtRest(path)) {
    Atomics.wait(sleeper, 0, 0, pauseMs);
  }
  return readNow(path, warn, known);
}

/** The same, while the process goes on with other things. */
export async function readMainCfAtRest(
  path: string,
  warn: Warn,
  known: ReadonlyMap<string, string> = new Map(),
): Promise<Map<string, string>> {
  for (const pauseMs of pausesUntilAtRest(path)) {
    await sleep(pauseMs);
  }
  return readNow(path, warn, known);
}

function readNow(
  path: string,
  warn: Warn,
  known: ReadonlyMap<string, string>,
): Map<string, string> {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (thrown) {
    throw new FatalError(`open ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
  return parseMainCf(text, path, warn, known);
}

/** @param text one character a byte. @param path for messages. */
export function parseMainCf(
  text: string,
  path: string,
  warn: Warn,
  known: ReadonlyMap<string, string> = new Map(),
): Map<string, string> {
  const settings = new Map(known);
  for (const { line, number } of logicalLines(text, path, warn)) {
    const setting = splitSetting(line);
    if (typeof setting === 'string') {
      throw new FatalError(`${path}, line ${number}: ${setting}: "${fromByteText(line)}"`);
    }
    const { name, value } = setting;
    const old = settings.get(name);
    if (old !== undefined && old !== value) {
      const entry = fromByteText(`${name}=${old}`);
      warn(`${path}, line ${number}: overriding earlier entry: ${entry}`);
    }
    settings.set(name, value);
  }
  return settings;
}

interface LogicalLine {
  line: string;
  /** Of its first physical line, from 1. */
  number: number;
}

/** Physical lines joined; master.cf has the same rules. */
export function* logicalLines(text: string, path: string, warn: Warn): Generator<LogicalLine> {
  let gathered = '';
  let first = 0;
  let last = 0;
  const lines = text.split('\n');
  const finish = function* (): Generator<LogicalLine> {
    const nul = gathered.indexOf('\0');
    if (nul >= 0) {
      const where = first === last ? `line ${first}` : `line ${first}-${last}`;
      warn(`${path}, ${where}: text after null byte may be ignored`);
    }
    const line = nul >= 0 ? gathered.slice(0, nul) : gathered;
    if (leadingBlanks.test(line)) {
      const quoted = fromByteText(line.slice(0, quotedBytes));
      const more = gathered.length > quotedBytes ? '...' : '';
      warn(`${path}: logical line must not start with whitespace: "${quoted}${more}"`);
    } else if (gathered !== '') {
      yield { line, number: first };
    }
    gathered = '';
  };
  for (const [index, line] of lines.entries()) {
    if (ignoredLine.test(line)) {
      continue;
    }
    if (gathered !== '' && !leadingBlanks.test(line)) {
      yield* finish();
    }
    if (gathered === '') {
      first = index + 1;
    }
    gathered += line;
    last = index + 1;
  }
  yield* finish();
}

/**
 * Pauses in ms, until the file hasn't changed for a second. Postfix waits in the
 * same way for a file that is being written.
 */
function* pausesUntilAtRest(path: string): Generator<number, void> {
  for (let waitedMs = 0; waitedMs < longestWaitMs; waitedMs += waitStepMs) {
    const changedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const ageMs = Date.now() - changedMs;
    if (ageMs > restMs || ageMs < 0) {
      return;
    }
    yield Math.min(waitStepMs, restMs - ageMs + 1);
  }
}
