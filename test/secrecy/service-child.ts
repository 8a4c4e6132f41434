/**
 * The daemon's parts with a clock that others set: serves the socket that the
 * first argument names. On standard input: `advance SECONDS` and `snapshot PATH`,
 * each answered by a line.
 */
import { createInterface } from 'node:readline';
import { writeHeapSnapshot } from 'node:v8';
import { Pool } from '../../src/prng/pool.ts';
import { CircularLog } from '../../src/sessions/circular-log.ts';
import { listenOnPath } from '../../src/socket/listener.ts';
import { serviceOf } from '../socket/service-parts.ts';

const path = process.argv[2]!;
let seconds = 1_000_000;
const clock = { nowSeconds: () => seconds, monotonicMs: () => seconds * 1000 };
const lifetimeSeconds = 3600;

const warn = (): void => {};
const pool = new Pool({ clock });
const cache = new CircularLog(
  {
    lifetimeSeconds,
    sizeLimitBytes: 0,
    entryLimit: 0,
    slotBytes: 65_536,
    segmentBytes: 57_344,
  },
  { clock },
);
const off = { lifetimeSeconds, cache: undefined };
const { service } = serviceOf({
  pool,
  caches: {
    smtpd: { label: 'smtpd', lifetimeSeconds, cache },
    smtp: { label: 'smtp', ...off },
    lmtp: { label: 'lmtp', ...off },
  },
  lifetimeSeconds,
  clock,
  report: {},
  warn,
});
const log = { verbose: 0, info: warn, warning: warn, error: warn };
await listenOnPath(path, service, { log, warn });
createInterface({ input: process.stdin }).on('line', (line) => {
  const [verb, argument] = line.split(' ');
  if (verb === 'advance') {
    seconds += Number(argument);
    cache.expire(Number.POSITIVE_INFINITY);
  } else {
    writeHeapSnapshot(argument);
  }
  console.log('done');
});
console.log('serving');
