/**
 * Reads what the replies hold, and believes none of it: who answers may be another
 * program, or an older daemon. Values that no tlsmgr gives are TlsmgrError
 * `UNAVAILABLE`, as a reply that is none; bytes that may be secret are overwritten.
 */
import { status } from '../protocol/names.ts';
import { TlsmgrError } from '../errors.ts';
import { readScopedKeys, type ScopedKey } from '../tickets/scoped-key.ts';
import { keyNameBytes, ticketKeyBytes } from '../tickets/ticket-key.ts';
import { malformed, type Reply } from './reply.ts';

/** What a server does with sessions of a kind. */
export interface Policy {
  /** Whether such sessions are cached. */
  cachable: boolean;
  /** 0 when sessions of this kind are not to be kept at all. */
  timeoutSeconds: number;
}

/** An entry of a cache as `list` tells it; the session itself is not part of it. */
export interface ListedSession {
  id: Buffer;
  sessionBytes: number;
  storedAtSeconds: number;
  expiresAtSeconds: number;
}

export interface Page {
  sessions: ListedSession[];
  /** Where the next page begins; empty for the last one. */
  cursor: string;
}

export function isOk(reply: Reply): boolean {
  return reply.status === status.ok;
}

export function requireOk(request: string, reply: Reply): void {
  const code = reply.status;
  if (code !== status.ok) {
    throw new TlsmgrError('REFUSED', `"${request}" request refused with status ${code}`);
  }
}

export function seedOf(reply: Reply, bytes: number): Buffer {
  const seed = reply.data('seed');
  if (seed.length !== bytes) {
    seed.fill(0);
    throw malformed('its seed has not the length that was asked for');
  }
  return seed;
}

export function policyOf(reply: Reply): Policy {
  const cachable = reply.number('cachable');
  if (cachable !== 0 && cachable !== 1) {
    throw malformed('cachable is neither 0 nor 1');
  }
  return { cachable: cachable === 1, timeoutSeconds: countOf(reply, 'timeout') };
}

/** @param name of the key that was asked for; empty for the one that seals now. */
export function ticketKeyOf(reply: Reply, name: Buffer): Buffer {
  const key = reply.data('keybuf');
  const isWhole = key.length === ticketKeyBytes;
  const isWanted = name.length === 0 || key.subarray(0, keyNameBytes).equals(name);
  if (!isWhole || !isWanted) {
    key.fill(0);
    throw malformed(
      isWhole
        ? 'its ticket key has another name than was asked for'
        : `its ticket key has not ${ticketKeyBytes} bytes`,
    );
  }
  return key;
}

export function scopedKeysOf(reply: Reply): ScopedKey[] {
  const bytes = reply.data('keys');
  const keys = readScopedKeys(bytes);
  bytes.fill(0);
  if (keys === undefined) {
    throw malformed('its ticket keys are no whole keys');
  }
  return keys;
}

export function reportOf(reply: Reply): object {
  const report = jsonOf(reply.text('report'), 'its report is no JSON');
  if (!isRecord(report)) {
    throw malformed('its report is no object');
  }
  return report;
}

/** @param cursor where this page begins. */
export function pageOf(reply: Reply, cursor: string): Page {
  const entries = jsonOf(reply.text('entries'), 'its listing is no JSON');
  if (!Array.isArray(entries)) {
    throw malformed('its listing is no array');
  }
  const sessions = entries.map((entry) => listedSessionOf(entry));
  const next = reply.text('cursor');
  if (next !== '' && next === cursor) {
    throw malformed('its listing goes on where it began');
  }
  return { sessions, cursor: next };
}

export function countOf(reply: Reply, name: string): number {
  const count = reply.number(name);
  if (count < 0) {
    throw malformed(`${name} is below 0`);
  }
  return count;
}

function listedSessionOf(entry: unknown): ListedSession {
  const { id, bytes, stored, expires } = isRecord(entry) ? entry : {};
  const idBytes = typeof id === 'string' ? Buffer.from(id, 'base64') : undefined;
  if (
    idBytes?.toString('base64') !== id ||
    idBytes === undefined ||
    !isCount(bytes) ||
    !isCount(stored) ||
    !isCount(expires)
  ) {
    throw malformed('an entry of its listing is none');
  }
  return {
    id: idBytes,
    sessionBytes: bytes,
    storedAtSeconds: stored,
    expiresAtSeconds: expires,
  };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** An object of JSON, and no list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The parser's own error has a part of the text in it. */
function jsonOf(text: string, fault: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw malformed(fault);
  }
}
