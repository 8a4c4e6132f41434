/**
 * Replies of Redis as what they have to be. Each throws UnexpectedReply for any other,
 * and tells nothing of it: it may be a value.
 */
import { UnexpectedReply } from './engine-fault.ts';

export function bytes(reply: unknown): Buffer {
  if (!Buffer.isBuffer(reply)) {
    throw new UnexpectedReply();
  }
  return reply;
}

export function text(reply: unknown): string {
  if (typeof reply === 'string') {
    return reply;
  }
  return bytes(reply).toString('utf8');
}

/** A number, or its digits. */
export function number(reply: unknown): number {
  const value = typeof reply === 'number' ? reply : Number(text(reply));
  if (!Number.isSafeInteger(value)) {
    throw new UnexpectedReply();
  }
  return value;
}

export function list(reply: unknown): unknown[] {
  if (!Array.isArray(reply)) {
    throw new UnexpectedReply();
  }
  return reply;
}
