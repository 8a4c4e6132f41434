/**
 * Reads the file of a fleet's secrets that its argument names, and seals and opens
 * with it. A line on standard input overwrites all, and frees what only a garbage
 * collection frees. Each step is answered by a line.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { sealsOf } from '../../src/fleet/sealing.ts';
import { readFleetSecrets } from '../../src/fleet/secret-file.ts';

const seals = sealsOf(readFleetSecrets(process.argv[2]!));
const id = { buffer: Buffer.from('the id'), start: 0, end: 6 };
const place = { set: 'tlsmgr', periodSeconds: 1800, period: 1000, name: Buffer.alloc(16) };
const nowMs = 1_800_000_000;
for (let count = 0; count < 100; count += 1) {
  const sealed = seals.sealSession('smtp', id, nowMs + 1000, id);
  seals.openSession('smtp', id, sealed, nowMs, 3600)?.bytes.fill(0);
  sealed[30] = sealed[30]! ^ 1;
  seals.openSession('smtp', id, sealed, nowMs, 3600);
  seals.sessionKeys('smtp', id);
  seals.openKey(place, seals.sealKey(place, nowMs + 1000, id.buffer), nowMs);
  for (const key of seals.derivedKeys('tlsmgr', 1800, count)) {
    key.fill(0);
  }
}
console.log('in use');
await once(createInterface({ input: process.stdin }), 'line');
seals.wipe();
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
for (let count = 0; count < 5; count += 1) {
  collect();
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}
console.log('wiped');
