/**
 * Seals that hide nothing, so that a test sees what is in the engine. A value opens
 * only in the place that it was sealed for.
 */
import { createHash } from 'node:crypto';
import type { OpenedValue, Seals } from '../../../src/fleet/seals.ts';
import type { ByteSpan } from '../../../src/sessions/session-cache.ts';

const slackMs = 300_000;

function textOf({ buffer, start, end }: ByteSpan): string {
  return buffer.toString('latin1', start, end);
}

function notHere(): never {
  throw new Error('sessions need no such seal');
}

/** @param names the secrets of a host, the first of which seals. */
export function openSeals(names: readonly string[] = ['secret']): Seals {
  let secrets = [...names];
  const nameOf = (secret: string, cache: string, id: string): string => {
    const digest = createHash('sha256').update(`${secret}\0${cache}\0${id}`, 'latin1');
    return `s:${cache}:${digest.digest('base64url').slice(0, 22)}`;
  };
  return {
    get secrets() {
      return secrets.length;
    },
    forged: 0,
    hasExpired: (sealed, nowMs) =>
      (JSON.parse(sealed.toString()) as { expiresAtMs: number }).expiresAtMs <= nowMs,
    sessionKeys: (cache, id) => secrets.map((secret) => nameOf(secret, cache, textOf(id))),
    sealSession(cache, id, expiresAtMs, session) {
      const value = {
        secret: secrets[0],
        place: nameOf('', cache, textOf(id)),
        expiresAtMs,
        session: textOf(session),
      };
      return Buffer.from(JSON.stringify(value));
    },
    openSession(cache, id, sealed, nowMs, lifetimeSeconds): OpenedValue | undefined {
      const value = JSON.parse(sealed.toString()) as Record<string, string> & {
        expiresAtMs: number;
      };
      const { secret = '', place, expiresAtMs, session = '' } = value;
      const isIn = nowMs < expiresAtMs && expiresAtMs <= nowMs + lifetimeSeconds * 1000 + slackMs;
      return isIn && secrets.includes(secret) && place === nameOf('', cache, textOf(id))
        ? { bytes: Buffer.from(session, 'latin1'), expiresAtMs }
        : undefined;
    },
    sealKey: notHere,
    openKey: notHere,
    derivedKeys: notHere,
    heartbeatField: notHere,
    sealHeartbeat: notHere,
    openHeartbeat: notHere,
    wipe() {
      secrets = [];
    },
  };
}
