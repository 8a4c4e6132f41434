/** tlsmgr flush CACHE: forget all its sessions. */
import { parseArgs } from 'node:util';
import type { CliIo } from './io.ts';
import { cacheArgument, socketOption, withDaemon } from './reach.ts';

export async function runFlush(args: readonly string[], io: CliIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: socketOption,
  });
  const label = cacheArgument(positionals[0]);
  return withDaemon(values.socket, io, 'ours', async (client) => {
    io.out(`${await client.flush(label)} sessions forgotten\n`);
    return 0;
  });
}
