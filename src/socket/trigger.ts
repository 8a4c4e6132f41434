/**
 * Tells bare strings from requests. master(8) wakes a service up with the
 * string `W` and a NUL, which is not an attribute list. The original takes any
 * one or two unread bytes for such a string. Ours looks at the first name of a
 * list, since no request begins with a name of one letter.
 *
 * Source: src/util/unix_trigger.c, src/master/trigger_server.c.
 */
import type { Decoder } from '../protocol/decoder.ts';
import { wakeupName } from '../protocol/names.ts';

const wakeupByte = wakeupName.charCodeAt(0);

/** Whether the list is master's wake-up. The list may be unfinished. */
export function isWakeup(list: Decoder): boolean {
  return firstNameLength(list) === 1 && list.buffer[list.bounds[0]!] === wakeupByte;
}

/** Whether only one letter and a NUL of an unfinished list have come. No request begins so. */
export function isBareString(list: Decoder): boolean {
  return list.stringCount === 1 && !list.breaksOffInWord && firstNameLength(list) === 1;
}

function firstNameLength(list: Decoder): number {
  return list.stringCount === 0 ? 0 : list.bounds[1]! - list.bounds[0]!;
}
