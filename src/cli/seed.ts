/** tlsmgr seed [BYTES]: random bytes from the pool. */
import { parseArgs } from 'node:util';
import { type CliIo, UsageError } from './io.ts';
import { socketOption, withDaemon } from './reach.ts';

const defaultBytes = 32;
const mostBytes = 255;

export async function runSeed(args: readonly string[], io: CliIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: socketOption,
  });
  const bytes = positionals[0] === undefined ? defaultBytes : Number(positionals[0]);
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > mostBytes) {
    throw new UsageError(`bad number of bytes: ${positionals[0]} (1 to ${mostBytes})`);
  }
  return withDaemon(values.socket, io, 'either', async (client) => {
    io.out(`${(await client.seed(bytes)).toString('hex')}\n`);
    return 0;
  });
}
