/**
 * seed: random bytes for a client's own generator.
 *
 *     request=seed size=NUMBER           ; 1 to 255 bytes
 *     status seed=DATA
 *
 * Source: src/tlsmgr/tlsmgr.c.
 */
import type { LogWarning } from '../log/logger.ts';
import { encodedName } from '../protocol/encoder.ts';
import { status } from '../protocol/names.ts';
import type { RandomPool } from '../prng/random.ts';
import { type RequestType, writeRefusal } from './request-type.ts';

const longestSeedBytes = 255;
const seedName = encodedName('seed');

export function seedRequest(pool: RandomPool, warn: LogWarning): RequestType {
  const scratch = Buffer.alloc(longestSeedBytes);
  const type: RequestType = {
    name: 'seed',
    attributes: [{ name: 'size', kind: 'number' }],
    reply: [{ name: 'seed', kind: 'data' }],
    handle(args, reply) {
      const size = args.numbers[0]!;
      if (size < 1 || size > longestSeedBytes) {
        warn('bogus seed length', () => `bogus seed length "${size}" in "seed" request`);
        return writeRefusal(type, status.fail, reply);
      }
      pool.fill(scratch, 0, size);
      reply.status(status.ok);
      reply.data(seedName, scratch, 0, size);
      reply.end();
      scratch.fill(0, 0, size);
      return status.ok;
    },
  };
  return type;
}
