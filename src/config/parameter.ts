/**
 * What one row of the table of parameters is, and a function that makes a row
 * of each type. A row tells everything about its parameter: how its text is
 * checked, when, and when a changed value takes effect. Its place in Config is
 * its key in the record that it stands in.
 */
import { FatalError } from '../errors.ts';
import { cacheNamesFault } from './cache-names.ts';
import { malformedLevel, parseLevel } from './compatibility-level.ts';
import { type ListenAddress, parseListenAddress } from './listen-address.ts';
import type { Warn } from './main-cf.ts';
import {
  booleanValue,
  integerValue,
  type Range,
  sizeValue,
  textValue,
  timeValue,
  words,
} from './values.ts';

export type ParameterKind = 'text' | 'time' | 'integer' | 'size' | 'boolean' | 'level' | 'choice';

/** The sections of the manual page, in its order. */
export const parameterGroups = ['cache', 'prng', 'service', 'fleet', 'misc', 'common'] as const;

export type ParameterGroup = (typeof parameterGroups)[number];

/**
 * When `tlsmgr serve` takes over a value that has changed, once it is told to
 * read main.cf again. `on and off at once`: from empty and to empty at once,
 * from one value to another at the next start.
 */
export type Applies = 'at once' | 'on and off at once' | 'at the next start';

/** What a row says of itself. */
interface Description {
  readonly name: string;
  readonly group: ParameterGroup;
  /** Unexpanded. */
  readonly default: string;
  readonly help: string;
  /**
   * The place among the checks of Postfix's own programs: it decides which of
   * two faults is found. Without it: after all of them, in the table's order.
   */
  readonly order?: number;
  /** Not a parameter of Postfix's. */
  readonly ours?: boolean;
  /** Told by the program, not set in main.cf. */
  readonly readOnly?: boolean;
}

/** As Description; `applies` is the next start unless the row says otherwise. */
export type Given = Description & { readonly applies?: Applies };

/** The least and the largest value of numbers and times; the least number of bytes of a text. */
type GivenRange = Given & { readonly min?: number; readonly max?: number };

export interface CheckContext {
  /** `file /x/main.cf: `, before some faults. */
  readonly prefix: string;
  readonly warn: Warn;
}

export interface Parameter<Value = unknown> extends Description {
  readonly kind: ParameterKind;
  readonly applies: Applies;
  readonly min?: number;
  readonly max?: number;
  /** What it takes, as a message names it. */
  readonly allowed: string;
  /** The value of an expanded text. Throws FatalError with Postfix's words. */
  read(text: string, context: CheckContext): Value;
}

/** Rows by the keys that their values have in Config. */
export type Rows<Values> = { readonly [Key in keyof Values]: Parameter<Values[Key]> };

/** What the rows of a record come to. */
export type ValuesOf<Record> = {
  -readonly [Key in keyof Record]: Record[Key] extends Parameter<infer Value> ? Value : never;
};

/** A default that the running program finds out. */
export const foundAtRun = '';

/** Seconds. */
export function time(given: GivenRange): Parameter<number> {
  return row('time', given, `a time of at least ${given.min ?? 0} s`, (value, { warn }) =>
    timeValue(given.name, value, given, warn),
  );
}

/** A number of 32 bits. */
export function integer(given: GivenRange): Parameter<number> {
  return row('integer', given, leastText(given), (value) => integerValue(given.name, value, given));
}

/** Bytes, up to 53 bits. */
export function size(given: GivenRange): Parameter<number> {
  return row('size', given, leastText(given), (value) => sizeValue(given.name, value, given));
}

export function flag(given: Given): Parameter<boolean> {
  return row('boolean', given, 'yes or no', (value) => booleanValue(given.name, value));
}

export function text(given: GivenRange): Parameter<string> {
  return row('text', given, 'a text', (value) => textValue(given.name, value, given));
}

/** A compatibility level, as the text that it was given as. */
export function level(given: Given): Parameter<string> {
  return row('level', given, 'a compatibility level', (value) => {
    if (parseLevel(value) === undefined) {
      throw new FatalError(malformedLevel(value));
    }
    return value;
  });
}

/** One of some words. */
export function choice<Word extends string>(
  given: Given & { readonly words: readonly Word[] },
): Parameter<Word> {
  const { words: known, ...description } = given;
  return row('choice', description, orText(known), (value, { prefix }) => {
    const word = known.find((one) => one === value.toLowerCase());
    if (word === undefined) {
      throw badValue(prefix, given.name, value);
    }
    return word;
  });
}

/** Where to listen for HTTP; undefined for an empty text. */
export function listenAddress(given: Given): Parameter<ListenAddress | undefined> {
  const allowed = 'host:port, [address]:port or an absolute path, or nothing';
  return row('text', given, allowed, (value, { prefix }) => {
    const address = parseListenAddress(value);
    if (address === undefined && value !== '') {
      throw badValue(prefix, given.name, value);
    }
    return address;
  });
}

/** Names of session caches. */
export function cacheNames(given: Given): Parameter<readonly string[]> {
  const allowed = 'names of letters, digits and _ that begin with a letter, each once';
  return row('text', given, allowed, (value, { prefix }) => {
    const names = words(value);
    const fault = cacheNamesFault(names);
    if (fault !== undefined) {
      throw new FatalError(`${prefix}parameter ${given.name}: ${fault}`);
    }
    return names;
  });
}

/** For a type that only one row has. */
export function row<Value>(
  kind: ParameterKind,
  given: GivenRange,
  allowed: string,
  read: (value: string, context: CheckContext) => Value,
): Parameter<Value> {
  return { applies: 'at the next start', ...given, kind, allowed, read };
}

/** In the words that Postfix has for texts that it checks. */
export function badValue(prefix: string, name: string, value: string): FatalError {
  return new FatalError(`${prefix}parameter ${name}: bad parameter value: ${value}`);
}

function leastText({ min = 0 }: Range): string {
  return `a whole number of at least ${min}`;
}

/** `a, b or c`. */
function orText(all: readonly string[]): string {
  return `${all.slice(0, -1).join(', ')} or ${all.at(-1)}`;
}
