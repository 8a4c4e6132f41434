// A secret of 32 bytes that comes from two sources: the system's generator and
// tlsmgr's pool. Whoever knows one of them knows nothing of the secret.
//
//   npx tlsmgr serve
//   node seeding.mjs
import { hkdfSync, randomBytes } from 'node:crypto';
import { TlsmgrClient } from 'tlsmgr/client';

const { TLSMGR_SOCKET = 'run/tlsmgr.sock' } = process.env;

const client = new TlsmgrClient({ socketPath: TLSMGR_SOCKET });
const own = randomBytes(32);
const seed = await seedOrNothing();
const secret = Buffer.from(hkdfSync('sha256', Buffer.concat([own, seed]), '', 'example', 32));
own.fill(0);
seed.fill(0);
console.log(`${secret.toString('hex')} of ${seed.length === 0 ? 'one source' : 'two sources'}`);
await client.close();

/** Without a server the system's generator alone is good enough here. */
async function seedOrNothing() {
  try {
    return await client.seed(32);
  } catch (error) {
    console.error(error.message);
    return Buffer.alloc(0);
  }
}
