/** tlsmgr delete CACHE ID: forget one session. */
import { parseArgs } from 'node:util';
import { type CliIo, complain } from './io.ts';
import { cacheArgument, idArgument, socketOption, withDaemon } from './reach.ts';

export async function runDelete(args: readonly string[], io: CliIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: socketOption,
  });
  const label = cacheArgument(positionals[0]);
  const id = idArgument(positionals[1]);
  return withDaemon(values.socket, io, 'either', async (client) => {
    if (await client.delete(label, id)) {
      io.out('deleted\n');
      return 0;
    }
    complain(io, 'warning', `no such session in the ${label} cache`);
    return 1;
  });
}
