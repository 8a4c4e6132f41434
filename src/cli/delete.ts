/** tlsmgr delete CACHE ID: forget one session. */
import { whyMissing } from './cache-off.ts';
import { type CliIo, complain } from './io.ts';
import type { Given, deleteOptions } from './options.ts';
import { cacheArgument, idArgument, requireAnswer, withCache } from './reach.ts';

export async function runDelete(
  { values, words }: Given<typeof deleteOptions>,
  io: CliIo,
): Promise<number> {
  const label = cacheArgument(words[0]);
  const id = idArgument(words[1]);
  return withCache(label, values.socket, io, 'either', async (client) => {
    if (await client.delete(label, id)) {
      io.out('deleted\n');
      return 0;
    }
    requireAnswer(client);
    complain(io, 'warning', await whyMissing(client, label));
    return 1;
  });
}
