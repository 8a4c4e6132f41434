/**
 * What a program may give to the client. Types are checked as well: a wrong one
 * would be stored as other bytes, or fail where nobody waits for an error. All
 * else is a RangeError, which names the argument and not its value.
 */
import { toUSVString, types } from 'node:util';
import { longestTimerMs } from '../system/timers.ts';

/** Options of the client; those that aren't given have their defaults. */
export function requireClientOptions(options: {
  socketPath: unknown;
  announcement?: unknown;
  deadlineMs?: unknown;
  maxWaiting?: unknown;
}): void {
  if (!isObject(options)) {
    throw new RangeError('the options of a client are an object');
  }
  const { socketPath, announcement, deadlineMs, maxWaiting } = options;
  requireText('socketPath', socketPath);
  if (socketPath === '') {
    throw new RangeError('socketPath is empty');
  }
  if (announcement !== undefined && typeof announcement !== 'boolean') {
    throw new RangeError('announcement is true or false');
  }
  if (maxWaiting !== undefined && !(Number.isInteger(maxWaiting) && (maxWaiting as number) > 0)) {
    throw new RangeError('maxWaiting is a whole number from 1 on');
  }
  requireDeadline(deadlineMs);
}

/** Options of a call. Null stands for none, as it does for fetch() and its signal. */
export function requireCallOptions(options: unknown): void {
  if (options === undefined || options === null) {
    return;
  }
  if (!isObject(options)) {
    throw new RangeError('the options of a call are an object');
  }
  const { signal, deadlineMs } = options as { signal?: unknown; deadlineMs?: unknown };
  requireDeadline(deadlineMs);
  if (signal !== undefined && signal !== null && !isSignal(signal)) {
    throw new RangeError('signal is no AbortSignal');
  }
}

/** A string that has UTF-8 of its own, without a NUL: halves of a character would all be alike. */
export function requireText(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') {
    throw new RangeError(`${name} is no string`);
  }
  if (toUSVString(value) !== value) {
    throw new RangeError(`${name} has half a character, which UTF-8 has no bytes for`);
  }
  if (value.includes('\0')) {
    throw new RangeError(`${name} must not hold a NUL`);
  }
}

/** @returns the same memory as a Buffer. */
export function bytesOf(name: string, value: unknown): Buffer {
  if (Buffer.isBuffer(value)) {
    return value;
  }
  if (types.isUint8Array(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  throw new RangeError(`${name} is neither a Buffer nor a Uint8Array`);
}

function requireDeadline(deadlineMs: unknown): void {
  const isGood = typeof deadlineMs === 'number' && deadlineMs > 0 && deadlineMs <= longestTimerMs;
  if (deadlineMs !== undefined && !isGood) {
    throw new RangeError(`deadlineMs is a number above 0, and ${longestTimerMs} at most`);
  }
}

/** Also one of another realm, or of a library. */
function isSignal(value: unknown): boolean {
  if (!isObject(value)) {
    return false;
  }
  const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>;
  return (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function'
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
