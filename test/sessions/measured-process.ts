/** Fills a cache of 100,000 entries, replaces them, lets them expire; tells its resident memory as JSON. */
import { CircularLog } from '../../src/sessions/memory/circular-log.ts';
import { geometryOf } from '../../src/sessions/file/geometry.ts';
import { TestClock } from '../contracts/session-cache.ts';

const entries = 100_000;
const idBytes = 100;
const sessionBytes = 1400;

const clock = new TestClock();
const cache = new CircularLog(
  { lifetimeSeconds: 3600, sizeLimitBytes: 0, entryLimit: 0, ...geometryOf(1) },
  { clock },
);
const id = { buffer: Buffer.alloc(idBytes, 'i'), start: 0, end: idBytes };
const session = { buffer: Buffer.alloc(sessionBytes, 's'), start: 0, end: sessionBytes };

function store(number: number): void {
  id.buffer.writeUInt32LE(number, 20);
  cache.update(id, session);
}

function resident(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

for (let number = 0; number < 2000; number += 1) {
  store(number);
}
cache.flush();
const emptyBytes = resident();
for (let number = 0; number < entries; number += 1) {
  store(number);
}
const filledBytes = resident();
// A walk that visits all, three times, in an order that leaves holes everywhere.
for (let count = 0; count < 3 * entries; count += 1) {
  store((count * 48_271) % entries);
}
const replacedBytes = resident();
clock.pass(3601);
while (cache.expire(1000) > 0) {
  // More to expire.
}
const expiredBytes = resident();
const rawBytes = entries * (idBytes + sessionBytes);
process.stdout.write(
  JSON.stringify({ emptyBytes, filledBytes, replacedBytes, expiredBytes, rawBytes }),
);
cache.closeNow();
