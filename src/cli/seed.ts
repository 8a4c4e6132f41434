/** tlsmgr seed [BYTES]: random bytes from the pool. */
import { type CliIo, UsageError } from './io.ts';
import { wholeNumber } from './numbers.ts';
import type { Given, seedOptions } from './options.ts';
import { withDaemon } from './reach.ts';

const defaultBytes = 32;
const mostBytes = 255;

export async function runSeed(
  { values, words }: Given<typeof seedOptions>,
  io: CliIo,
): Promise<number> {
  const bytes = words[0] === undefined ? defaultBytes : wholeNumber(words[0]);
  if (!(bytes >= 1 && bytes <= mostBytes)) {
    throw new UsageError(`bad number of bytes: ${words[0]} (1 to ${mostBytes})`);
  }
  return withDaemon(values.socket, io, 'either', async (client) => {
    io.out(`${(await client.seed(bytes)).toString('hex')}\n`);
    return 0;
  });
}
