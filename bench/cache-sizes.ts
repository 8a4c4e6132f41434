/**
 * Session caches of several sizes on real sockets: ours beside Postfix's own
 * with btree: and lmdb: files, each under its own master(8).
 *
 *     node --import tsx bench/cache-sizes.ts [--ours] [ENTRIES...]     (1000 100000 1000000)
 *
 * Each size, after a warm-up on a thousand ids: every id stored once, then look-ups of random ids, both at 64
 * connections. The original is left out above 100,000 entries: it would take
 * minutes to fill. Memory is what the process grew by; disk is its cache file.
 * Ours keeps its file too (tlsmgr_session_cache_persistent = yes).
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { clientProcessor, originalTlsmgr, ourTlsmgr, pin } from './contestants.ts';
import { residentMegabytes } from './processor-time.ts';
import { type LoadResult, runLoad } from './run-load.ts';
import { PostfixInstance } from '../test/postfix/instance.ts';

const args = process.argv.slice(2);
const oursOnly = args.includes('--ours');
const sizes = args.filter((arg) => /^[0-9]+$/u.test(arg)).map(Number);
const entriesOf = sizes.length > 0 ? sizes : [1000, 100_000, 1_000_000];
const largestOfOriginal = 100_000;
const lookups = 200_000;

const contestants = [
  { name: 'ours', tlsmgr: ourTlsmgr(undefined), type: 'btree' },
  { name: 'C, btree:', tlsmgr: originalTlsmgr, type: 'btree' },
  { name: 'C, lmdb:', tlsmgr: originalTlsmgr, type: 'lmdb' },
];

console.log(
  '| entries | daemon | updates/s | p99 us | look-ups/s | p99 us | memory, bytes an entry | disk, bytes an entry |',
);
console.log(`|${' --- |'.repeat(8)}`);
for (const entries of entriesOf) {
  for (const contestant of contestants) {
    if (contestant.name === 'ours' || (!oursOnly && entries <= largestOfOriginal)) {
      await measure(entries, contestant);
    }
  }
}

async function measure(
  entries: number,
  { name, tlsmgr, type }: (typeof contestants)[number],
): Promise<void> {
  const instance = await PostfixInstance.create({
    tlsmgr,
    name: 'sizes',
    ...(name === 'ours'
      ? {
          tlsmgrWords:
            '-o tlsmgr_session_cache_persistent=yes -o smtpd_tls_session_cache_size_limit=4000000000',
        }
      : {}),
    mainCf: {
      smtpd_tls_session_cache_database: `${type}:\${data_directory}/smtpd_scache`,
      smtpd_tls_loglevel: '0',
    },
  });
  try {
    await instance.start();
    const warm = name === 'ours' ? 60_000 : 2000;
    await load(instance, 'update', warm, 1000);
    await load(instance, 'lookup', warm, 1000);
    const pid = instance.tlsmgrPid()!;
    pin(pid);
    pin(instance.masterPid()!);
    const beforeMegabytes = residentMegabytes(pid);
    const filled = await load(instance, 'fill', entries, entries);
    const found = await load(instance, 'lookup', name === 'ours' ? lookups : lookups / 4, entries);
    const grown = (residentMegabytes(pid) - beforeMegabytes) * 1e6;
    const cells = [
      entries,
      name,
      Math.round(filled.requests / filled.seconds),
      Math.round(filled.p99),
      Math.round(found.requests / found.seconds),
      Math.round(found.p99),
      Math.round(grown / entries),
      Math.round(fileBytes(instance.dataDirectory) / entries),
    ];
    console.log(`| ${cells.join(' | ')} |`);
    await instance.stop();
  } finally {
    instance.cleanup();
  }
}

function load(
  instance: PostfixInstance,
  operation: string,
  requests: number,
  ids: number,
): Promise<LoadResult> {
  const { socketPath } = instance;
  const processor = clientProcessor;
  return runLoad({ socketPath, processor, operation, connections: 64, requests, ids });
}

function fileBytes(folder: string): number {
  return readdirSync(folder)
    .filter((name) => name.startsWith('smtpd_scache'))
    .map((name) => statSync(join(folder, name)).blocks * 512)
    .reduce((sum, bytes) => sum + bytes, 0);
}
