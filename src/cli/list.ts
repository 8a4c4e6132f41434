/** tlsmgr list CACHE: its entries, oldest first. */
import { listed } from './cache-off.ts';
import { shellWord } from './findings/shell-word.ts';
import type { CliIo } from './io.ts';
import { UsageError } from './io.ts';
import { wholeNumber } from './numbers.ts';
import type { Given, listOptions } from './options.ts';
import { duration } from './output.ts';
import { cacheArgument, idText, withCache } from './reach.ts';

export async function runList(
  { values, words }: Given<typeof listOptions>,
  io: CliIo,
): Promise<number> {
  const label = cacheArgument(words[0]);
  const limit = values.limit === undefined ? Infinity : wholeNumber(values.limit);
  if (!(limit > 0)) {
    throw new UsageError(`bad limit: ${values.limit} (a whole number, at least 1)`);
  }
  return withCache(label, values.socket, io, 'ours', async (client) => {
    const nowSeconds = Math.floor(Date.now() / 1000);
    let count = 0;
    let separator = '[';
    for await (const entry of listed(client, label)) {
      const ageSeconds = nowSeconds - entry.storedAtSeconds;
      const expiresInSeconds = entry.expiresAtSeconds - nowSeconds;
      if (values.json === true) {
        const row = {
          id: idText(entry.id),
          ageSeconds,
          expiresInSeconds,
          sessionBytes: entry.sessionBytes,
        };
        io.out(`${separator}\n  ${JSON.stringify(row)}`);
        separator = ',';
      } else {
        if (count === 0) {
          io.out('     AGE  EXPIRES IN   BYTES  ID\n');
        }
        const cells = [
          duration(ageSeconds).padStart(8),
          duration(expiresInSeconds).padStart(11),
          String(entry.sessionBytes).padStart(7),
        ];
        io.out(`${cells.join(' ')}  ${shellWord(idText(entry.id))}\n`);
      }
      count += 1;
      if (count >= limit) {
        break;
      }
    }
    if (values.json === true) {
      io.out(count === 0 ? '[]\n' : '\n]\n');
    } else if (count === 0) {
      io.out(`no sessions in the ${label} cache\n`);
    }
    return 0;
  });
}
