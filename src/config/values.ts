/**
 * Makes numbers, times, booleans and texts of expanded texts. Throws FatalError
 * with Postfix's text for a malformed one; no value is silently replaced by a
 * default. Follows src/global/mail_conf_int.c, mail_conf_time.c,
 * mail_conf_bool.c, mail_conf_str.c and conv_time.c.
 */
import { FatalError } from '../errors.ts';
import type { Warn } from './main-cf.ts';

/** As strtol(3): blanks and a sign may come first; nothing may follow the digits. */
const wholeNumber = /^[ \t\n\v\f\r]*([+-]?[0-9]+)$/u;
const timeText = /^[ \t\n\v\f\r]*([+-]?[0-9]+)(?:([smhdw])(.*))?$/su;

const largestInt = 2 ** 31 - 1;
const smallestInt = -(2 ** 31);

const secondsOf: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
};

export interface Range {
  /** Undefined: none. */
  min?: number | undefined;
  max?: number | undefined;
}

/** A 32-bit number. */
export function integerValue(name: string, text: string, { min, max }: Range): number {
  const value = numberIn(text, smallestInt, largestInt);
  if (value === undefined) {
    throw new FatalError(`bad numerical configuration: ${name} = ${text}`);
  }
  if (min !== undefined && value < min) {
    throw new FatalError(`invalid ${name} parameter value ${value} < ${min}`);
  }
  if (max !== undefined && value > max) {
    throw new FatalError(`invalid ${name} parameter value ${value} > ${max}`);
  }
  return value;
}

/** A number of bytes, up to 53 bits. */
export function sizeValue(name: string, text: string, { min }: Range): number {
  const value = numberIn(text, 0, Number.MAX_SAFE_INTEGER);
  if (value === undefined) {
    throw new FatalError(`bad numerical configuration: ${name} = ${text}`);
  }
  if (min !== undefined && value < min) {
    throw new FatalError(`invalid ${name} parameter value ${value} < ${min}`);
  }
  return value;
}

/** Seconds. Text after the unit is ignored, as in Postfix, but a warning says so. */
export function timeValue(name: string, text: string, { min, max }: Range, warn: Warn): number {
  const match = timeText.exec(text);
  const count = match === null ? undefined : numberIn(match[1]!, 0, largestInt);
  const unit = match?.[2] ?? 's';
  const unitSeconds = secondsOf[unit]!;
  // As in Postfix the largest whole number of minutes and more is too large already.
  const fits = unit === 's' || (count ?? 0) < Math.floor(largestInt / unitSeconds);
  if (count === undefined || !fits) {
    throw new FatalError(`parameter ${name}: bad time value or unit: ${text}`);
  }
  const ignored = match?.[3] ?? '';
  if (ignored !== '') {
    warn(`parameter ${name}: ignoring "${ignored}" after the unit in time value: ${text}`);
  }
  const seconds = count * unitSeconds;
  if (min !== undefined && seconds < min) {
    throw new FatalError(`invalid ${name}: ${seconds} (min ${min})`);
  }
  if (max !== undefined && seconds > max) {
    throw new FatalError(`invalid ${name}: ${seconds} (max ${max})`);
  }
  return seconds;
}

/** `yes` or `no`, any case. */
export function booleanValue(name: string, text: string): boolean {
  const lower = text.toLowerCase();
  if (lower !== 'yes' && lower !== 'no') {
    throw new FatalError(`bad boolean configuration: ${name} = ${text}`);
  }
  return lower === 'yes';
}

/** Any text of at least so many bytes. */
export function textValue(name: string, text: string, { min }: Range): string {
  const length = Buffer.byteLength(text);
  if (min !== undefined && length < min) {
    throw new FatalError(`bad string length ${length} < ${min}: ${name} = ${text}`);
  }
  return text;
}

/** The words of a list that commas or blanks separate. */
export function words(text: string): string[] {
  return text.split(/[, \t\r\n]+/u).filter((word) => word !== '');
}

function numberIn(text: string, smallest: number, largest: number): number | undefined {
  const match = wholeNumber.exec(text);
  const value = match === null ? Number.NaN : Number(match[1]);
  return value >= smallest && value <= largest ? value : undefined;
}
