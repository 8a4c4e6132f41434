/**
 * What a seed costs within the process, in microseconds: the pool beside the
 * operating system's generator asked each time.
 *
 *     node --import tsx bench/pool-cost.ts
 */
import { randomFillSync } from 'node:crypto';
import { Pool } from '../src/prng/pool.ts';
import { expectManyReads, systemClock } from '../src/system/clock.ts';

// As in a daemon that serves.
expectManyReads();

const calls = 300_000;
const rounds = 5;
const seedBytes = 32;

const pool = new Pool({ clock: systemClock });
const seed = Buffer.alloc(seedBytes);
const session = Buffer.alloc(1500, 'session');

const measured: Record<string, () => void> = {
  'pool.fill(32) and stirTime()': () => {
    pool.stirTime();
    pool.fill(seed, 0, seedBytes);
  },
  'randomFillSync(32)': () => void randomFillSync(seed),
  'stirTime()': () => pool.stirTime(),
  'stirData(1500 bytes)': () => pool.stirData(session, 0, session.length),
};

for (const [name, call] of Object.entries(measured)) {
  const results = Array.from({ length: rounds }, () => {
    const started = performance.now();
    for (let count = 0; count < calls; count += 1) {
      call();
    }
    return ((performance.now() - started) * 1000) / calls;
  }).toSorted((left, right) => left - right);
  console.log(
    `${name}: ${results[2]!.toFixed(3)} us (${results[0]!.toFixed(3)} to ${results.at(-1)!.toFixed(3)})`,
  );
}
