/**
 * Run with a .cf file: 1,400 requests a second, half of them writes of 2 kB. After
 * two seconds it prints `stop`, so that the server is stopped, and goes on for
 * three. Then it prints what its memory has grown by meanwhile, and the longest
 * call.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { readEngineFile } from '../../src/fleet/engine/engine-file.ts';
import { openEngine } from '../../src/fleet/engine/open-engine.ts';
import { systemClock } from '../../src/system/clock.ts';
import { LogLines } from '../log-lines.ts';

const everyMs = 10;
const pairsEach = 7;
const [file] = process.argv.slice(2) as [string];
const engine = await openEngine(readEngineFile(file), {
  log: new LogLines(),
  clock: systemClock,
});
engine.start();
while (engine.connection !== 'up') {
  await pause(10);
}
let calls = 0;
let longestMs = 0;

async function timed(call: () => Promise<unknown>): Promise<void> {
  const begun = performance.now();
  calls += 1;
  await call().catch(() => {});
  longestMs = Math.max(longestMs, performance.now() - begun);
}

async function load(ms: number): Promise<number> {
  let largest = 0;
  const begun = performance.now();
  for (let tick = 1; tick * everyMs <= ms; tick += 1) {
    for (let index = 0; index < pairsEach; index += 1) {
      const key = `s:smtp:${(tick * pairsEach + index) % 1000}`;
      void timed(() => engine.get([key]));
      void timed(() => engine.set(key, Buffer.alloc(2000, index), Date.now() + 60_000));
    }
    largest = Math.max(largest, process.memoryUsage.rss());
    await pause(Math.max(0, begun + tick * everyMs - performance.now()));
  }
  return largest;
}

await load(2000);
globalThis.gc?.();
const before = await load(1000);
longestMs = 0;
calls = 0;
process.stdout.write('stop\n');
const after = await load(3000);
await pause(200);
const grownMb = Math.round((after - before) / 1e4) / 100;
process.stdout.write(JSON.stringify({ grownMb, longestMs: Math.round(longestMs), calls }));
engine.closeNow();
process.exit(0);
