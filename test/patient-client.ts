/** Clients for tests and measurements, which wait as long as a busy machine needs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TlsmgrClient } from '../src/client/client.ts';
import { TlsmgrError } from '../src/errors.ts';

export function patientClient(socketPath: string, deadlineMs = 60_000): TlsmgrClient {
  return new TlsmgrClient({ socketPath, deadlineMs });
}

/** Asks again until a server has answered: a miss for want of one doesn't count. */
export async function untilAnswered<T>(
  client: TlsmgrClient,
  ask: () => Promise<T>,
  patienceMs = 60_000,
): Promise<T> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    try {
      const answer = await ask();
      if (client.trouble === undefined) {
        return answer;
      }
    } catch (thrown) {
      if (!(thrown instanceof TlsmgrError) || thrown.code === 'REFUSED') {
        throw thrown;
      }
    }
    if (performance.now() > untilMs) {
      throw client.trouble ?? new Error('no answer');
    }
    await sleep(20);
  }
}
