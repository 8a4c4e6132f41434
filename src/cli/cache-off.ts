/** What to say where a cache refuses, which one does that is off. */
import type { TlsmgrClient } from '../client/client.ts';
import type { ListedSession } from '../client/answers.ts';
import { TlsmgrError } from '../errors.ts';
import type { Report } from '../report/report.ts';
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
    throw await explained(client, label, thrown);
  }
}

/** As the client's flush(). */
export async function flushed(client: TlsmgrClient, label: CacheName): Promise<number> {
  try {
    return await client.flush(label);
  } catch (thrown) {
    throw await explained(client, label, thrown);
  }
}

/** Why there was no session: to a client a cache that is off has none. */
export async function whyMissing(client: TlsmgrClient, label: CacheName): Promise<string> {
  const { cachable } = await client.policy(label);
  return cachable ? `no such session in the ${label} cache` : whyOff(client, label);
}

async function explained(
  client: TlsmgrClient,
  label: CacheName,
  thrown: unknown,
): Promise<unknown> {
  return thrown instanceof TlsmgrError && thrown.code === 'REFUSED'
    ? new TlsmgrError('REFUSED', await whyOff(client, label), { cause: thrown })
    : thrown;
}

/** By the daemon's own report; Postfix's own has none. */
async function whyOff(client: TlsmgrClient, label: CacheName): Promise<string> {
  const { server } = await client.identify();
  const { caches, problems = [] } =
    server === 'postfix' ? {} : ((await client.stats()) as Partial<Report>);
  const cache = caches?.[label];
  const parameter = parameterOf(label);
  const broken = problems.find(
    ({ name, text }) => name === 'cache-off' && text.endsWith(`(${parameter})`),
  );
  if (broken !== undefined) {
    return `the ${broken.text}: correct it, then reload Postfix`;
  }
  if (cache !== undefined && cache.database !== '' && cache.lifetimeSeconds === 0) {
    return `the ${label} cache is off: ${label}_tls_session_cache_timeout is 0`;
  }
  return `the ${label} cache is off: ${parameter} switches it on`;
}
