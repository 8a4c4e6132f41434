/**
 * The keys of a scope from a tlsmgr: ours tells them all, Postfix's own tells
 * the one that seals, and older ones by name only. From the latter's keys those
 * of the scope are derived here, as ours does it.
 */
import { expiryOf, isWeakTicketKey, ticketKeyBytes } from '../tickets/ticket-key.ts';
import {
  readScopedKeys,
  type ScopedKey,
  scopedKeyBytes,
  writeScopedKey,
} from '../tickets/scoped-key.ts';
import { wipeKey } from './held-keys.ts';
import type { AskOptions, TicketClient } from './ticket-client.ts';

/** What came: keys, and how many were refused as weak or malformed before they were derived. */
export interface FetchedKeys {
  keys: ScopedKey[];
  refused: number;
}

/**
 * @param names of keys that tickets were sealed with, and that aren't known yet.
 * @param asking for each question: no handshake waits for the answer, so that it
 * may take longer than others of the client.
 */
export async function fetchKeys(
  client: TicketClient,
  scope: string,
  names: readonly Buffer[],
  asking: AskOptions,
): Promise<FetchedKeys> {
  let ring: ScopedKey[] | undefined;
  try {
    ring = await client.ticketRing(scope, asking);
  } catch (thrown) {
    if (!isUnsupported(thrown)) {
      throw thrown;
    }
    return fetchFromOriginal(client, scope, names, asking);
  }
  if (ring !== undefined && !Array.isArray(ring)) {
    throw new TypeError('a client that gives something else than keys');
  }
  return { keys: ring ?? [], refused: 0 };
}

async function fetchFromOriginal(
  client: TicketClient,
  scope: string,
  names: readonly Buffer[],
  asking: AskOptions,
): Promise<FetchedKeys> {
  const { timeoutSeconds } = await client.policy('smtpd', asking);
  const halfSeconds = Math.floor(timeoutSeconds / 2);
  if (!Number.isSafeInteger(halfSeconds)) {
    throw new TypeError('a client that gives a timeout of no number');
  }
  const fetched: FetchedKeys = { keys: [], refused: 0 };
  try {
    for (const name of [undefined, ...names]) {
      const ringKey: unknown = await client.ticketKey(name, asking);
      if (ringKey === undefined) {
        continue;
      }
      if (!Buffer.isBuffer(ringKey)) {
        throw new TypeError('a client that gives something else than a key');
      }
      if (ringKey.length !== ticketKeyBytes || isWeakTicketKey(ringKey)) {
        fetched.refused += 1;
      } else {
        fetched.keys.push(derived(ringKey, halfSeconds, scope));
      }
      // Postfix's own key: no longer in this process than it takes.
      ringKey.fill(0);
    }
  } catch (thrown) {
    fetched.keys.forEach(wipeKey);
    throw thrown;
  }
  return fetched;
}

/** A key made at second S carries the expiry S + half - 1, and opens for half the lifetime more. */
function derived(ringKey: Buffer, halfSeconds: number, scope: string): ScopedKey {
  const sealUntilSeconds = expiryOf(ringKey);
  const times = {
    sealFromSeconds: sealUntilSeconds + 1 - halfSeconds,
    sealUntilSeconds,
    openUntilSeconds: sealUntilSeconds + halfSeconds,
  };
  const wire = Buffer.allocUnsafeSlow(scopedKeyBytes);
  writeScopedKey(wire, 0, ringKey, times, Buffer.from(scope));
  const [key] = readScopedKeys(wire)!;
  wire.fill(0);
  return key!;
}

function isUnsupported(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'UNSUPPORTED';
}
