/**
 * One log line as text: what may stand in it, how long it may be, and the
 * parts that syslog and postlog put before it.
 *
 *   text      every byte printable, at most 2000 bytes, cut at a character
 *   message   [warning: |error: |fatal: |panic: ] text
 *   tag       syslog_name/program
 *   time      `Nov  3 07:08:09` or `Nov 03 07:08:09`, local time
 *
 * Nothing here fails. Follows src/util/msg_output.c, src/util/printable.c and
 * src/global/mail_task.c; stricter with UTF-8 than Postfix before 3.12, and the
 * tag is made printable too.
 */
import type { Severity } from './logger.ts';
import { isUnprintable, printable as escape } from './printable.ts';

/** A line's text is cut here; header, tag and severity come on top. */
export const longestTextBytes = 2000;

const otherThanPlain = /[^\x20-\x7e]/u;

/** What Node puts in the place of bytes that aren't UTF-8. */
const replacementCharacter = 0xfffd;

/**
 * Text that can't break the log: one `?` for each unprintable byte. Other
 * characters than ASCII stay with `keepUtf8`, those that a terminal would obey
 * or not show as `\u009b`, and else become a `?` a byte.
 * @returns at most 2000 bytes of valid UTF-8.
 */
export function printableText(text: string, keepUtf8: boolean): string {
  if (text.length <= longestTextBytes && !otherThanPlain.test(text)) {
    return text;
  }
  let printable = '';
  let roomBytes = longestTextBytes;
  for (const found of text) {
    const code = found.codePointAt(0)!;
    const isOdd = keepUtf8 && code > 127 && !isLoneSurrogate(code) && isUnprintable(found);
    const character = isOdd ? escape(found) : found;
    const bytes = isOdd ? character.length : utf8Bytes(code);
    if (bytes > roomBytes && keepUtf8) {
      break;
    }
    if (code >= 32 && code < 127) {
      printable += character;
    } else if (bytes > 1 && keepUtf8) {
      printable += character;
    } else {
      printable += '?'.repeat(Math.min(bytes, roomBytes));
    }
    roomBytes -= bytes;
    if (roomBytes <= 0) {
      break;
    }
  }
  return printable;
}

/** Length in UTF-8. What stands for a byte that isn't UTF-8 counts as that byte. */
function utf8Bytes(code: number): number {
  if (code < 0x80 || code === replacementCharacter || isLoneSurrogate(code)) {
    return 1;
  }
  if (code < 0x800) {
    return 2;
  }
  return code < 0x10000 ? 3 : 4;
}

function isLoneSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdfff;
}

/** The text with its severity before it; info has none. */
export function withSeverity(severity: Severity, text: string): string {
  return severity === 'info' ? text : `${severity}: ${text}`;
}

/** What stands before a line's text: time, tag and severity. Called when the line is logged. */
export type LineHead = (severity: Severity) => Buffer;

/** Makes the heads of lines, each once a second: there may be many lines in that time. */
export function headEachSecond(
  make: (date: Date, severity: Severity) => string,
  nowMs: () => number = Date.now,
): LineHead {
  const heads = new Map<Severity, Buffer>();
  let second = 0;
  return (severity) => {
    const now = Math.floor(nowMs() / 1000);
    if (now !== second) {
      second = now;
      heads.clear();
    }
    let head = heads.get(severity);
    if (head === undefined) {
      head = Buffer.from(make(new Date(now * 1000), severity));
      heads.set(severity, head);
    }
    return head;
  };
}

/** `postfix/tlsmgr`; `program` may be a path. */
export function makeTag(name: string, program: string, keepUtf8: boolean): string {
  return printableText(`${name}/${lastPart(program)}`, keepUtf8);
}

/** What follows the last slash, unless nothing does. */
export function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1) || path;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun'].concat([
  'Jul',
  'Aug',
  'Sep',
  'Oct',
  'Nov',
  'Dec',
]);

/** `Nov  3 07:08:09` with a blank as padding of the day, `Nov 03 07:08:09` with a zero. */
export function shortTime(date: Date, dayPadding: ' ' | '0'): string {
  const day = String(date.getDate()).padStart(2, dayPadding);
  return `${months[date.getMonth()]!} ${day} ${clockTime(date)}`;
}

/** `2026-11-03 07:08:09`, local time. */
export function fullTime(date: Date): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clockTime(date)}`;
}

function clockTime(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function two(number: number): string {
  return number < 10 ? `0${number}` : String(number);
}

/**
 * Has the time zone read now. The first use of local time looks at TZ or at
 * /etc/localtime, and in a chroot there is none; later uses remember it.
 */
export function loadTimeZone(): void {
  shortTime(new Date(), ' ');
}
