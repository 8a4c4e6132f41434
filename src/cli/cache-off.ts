/** What to say where a cache refuses, which one does that is off. */
import type { TlsmgrClient } from '../client/client.ts';
import type { ListedSession } from '../client/answers.ts';
import { TlsmgrError } from '../errors.ts';
import { parameterOf } from '../sessions/wanted.ts';
import type { CacheName } from '../config/cache-names.ts';

/** As the client's list(). */
export async function* listed(
  client: TlsmgrClient,
  label: CacheName,
): AsyncGenerator<ListedSession> {
  try {
    yield* client.list(label);
  } catch (thrown) {
    throw explained(label, thrown);
  }
}

/** As the client's flush(). */
export async function flushed(client: TlsmgrClient, label: CacheName): Promise<number> {
  try {
    return await client.flush(label);
  } catch (thrown) {
    throw explained(label, thrown);
  }
}

/** Why there was no session: to a client a cache that is off has none. */
export async function whyMissing(client: TlsmgrClient, label: CacheName): Promise<string> {
  const { cachable } = await client.policy(label);
  return cachable ? `no such session in the ${label} cache` : offText(label);
}

function explained(label: CacheName, thrown: unknown): unknown {
  return thrown instanceof TlsmgrError && thrown.code === 'REFUSED'
    ? new TlsmgrError('REFUSED', offText(label), { cause: thrown })
    : thrown;
}

function offText(label: CacheName): string {
  return `the ${label} cache is off: ${parameterOf(label)} switches it on; tlsmgr status and tlsmgr check say why it is off`;
}
