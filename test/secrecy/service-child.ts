/**
 * The daemon's parts with a clock that others set: serves the socket in the
 * folder that the first argument names. The second says where its caches are
 * kept: `memory`, `file`, or `sealed file`, with the keys in `keys`.
 *
 * Entropy is that of the file `entropy`, whose bits are turned round, so that
 * it isn't found in memory for having been read. On standard input: `advance
 * SECONDS` and `snapshot PATH`, each answered by a line.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { writeHeapSnapshot } from 'node:v8';
import { Pool } from '../../src/prng/pool.ts';
import { CircularLog } from '../../src/sessions/memory/circular-log.ts';
import { listenOnPath } from '../../src/socket/listener.ts';
import { openScratchCaches } from '../sessions/scratch.ts';
import { serviceOf } from '../socket/service-parts.ts';

const [folder, behind] = process.argv.slice(2) as [string, string];
let seconds = 1_000_000;
const clock = { nowSeconds: () => seconds, monotonicMs: () => seconds * 1000 };
const lifetimeSeconds = 3600;

const warn = (): void => {};
const turned = readFileSync(join(folder, 'entropy'));
let taken = 0;
const pool = new Pool({
  clock,
  systemEntropy: (target) => {
    for (let at = 0; at < target.length; at += 1) {
      target[at] = ~turned[taken]!;
      taken = (taken + 1) % turned.length;
    }
  },
});
const database = behind === 'memory' ? 'internal:' : `btree:${folder}/`;
const caches = openScratchCaches({
  directory: folder,
  clock,
  persistent: behind !== 'memory',
  keyFile: behind === 'sealed file' ? join(folder, 'keys') : '',
  caches: {
    smtpd: { database: `${database}smtpd`, lifetimeSeconds },
    smtp: { database: `${database}smtp`, lifetimeSeconds, entryLimit: 2 },
  },
});
const { service } = serviceOf({
  pool,
  caches,
  lifetimeSeconds,
  clock,
  report: {},
  maxRequestBytes: 300_000,
  warn,
});
const log = { verbose: 0, info: warn, warning: warn, error: warn };
await listenOnPath(join(folder, 'socket'), service, { log, warn, transport: 'auto' });
createInterface({ input: process.stdin }).on('line', (line) => {
  const [verb, argument] = line.split(' ');
  if (verb === 'advance') {
    seconds += Number(argument);
    for (const { cache } of caches.all) {
      if (cache instanceof CircularLog) {
        cache.expire(Number.POSITIVE_INFINITY);
      }
    }
  } else {
    writeHeapSnapshot(argument);
  }
  console.log('done');
});
console.log('serving');
