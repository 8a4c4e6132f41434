/** tlsmgr flush CACHE: forget all its sessions. */
import { flushed } from './cache-off.ts';
import type { CliIo } from './io.ts';
import type { Given, flushOptions } from './options.ts';
import { cacheArgument, withCache } from './reach.ts';

export async function runFlush(
  { values, words }: Given<typeof flushOptions>,
  io: CliIo,
): Promise<number> {
  const label = cacheArgument(words[0]);
  return withCache(label, values.socket, io, 'ours', async (client) => {
    io.out(`${await flushed(client, label)} sessions forgotten\n`);
    return 0;
  });
}
