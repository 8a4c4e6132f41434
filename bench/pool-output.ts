/**
 * Writes pool output to standard output, for statistical tests:
 *
 *     node --import tsx bench/pool-output.ts MEGABYTES | rngtest
 *
 * The pool is asked for 32 bytes at a time, as clients do.
 */
import { once } from 'node:events';
import { Pool } from '../src/prng/pool.ts';
import { systemClock } from '../src/system/clock.ts';

const megabytes = Number(process.argv[2] ?? 1);
const pieceBytes = 65_536;
const seedBytes = 32;

// The test has read enough.
process.stdout.on('error', () => process.exit(0));

const pool = new Pool({ clock: systemClock });
const piece = Buffer.alloc(pieceBytes);
for (let count = 0; count < megabytes * 16; count += 1) {
  for (let at = 0; at < pieceBytes; at += seedBytes) {
    pool.stirTime();
    pool.fill(piece, at, at + seedBytes);
  }
  if (!process.stdout.write(Buffer.from(piece))) {
    await once(process.stdout, 'drain');
  }
}
