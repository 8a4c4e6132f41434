/**
 * What a call of the client library costs, alone and 64 at once, at this tlsmgr
 * and at Postfix's own; and beside another version of the library, of whose
 * checkout the folder is given. As root, with a Postfix installed; all programs
 * share the machine, so only ratios of one run say anything. Of several rounds
 * the fastest counts: the one that was disturbed least.
 *
 *   npm run build && node --import tsx bench/client.ts [checkout]
 */
import { join, resolve } from 'node:path';
import type { TlsmgrClient } from '../src/client/index.ts';
import { patientClient } from '../test/patient-client.ts';
import { StandInMaster } from '../test/postfix/stand-in-master.ts';
import { originalTlsmgr, tlsmgrUnderTest } from '../test/postfix/under-test.ts';

/** What both versions have. */
type Caller = Pick<TlsmgrClient, 'lookup' | 'update' | 'ticketKey' | 'close'>;

const rounds = 15;
const calls = 320;
const session = Buffer.alloc(1500, 7);

const operations: Record<string, (client: Caller, count: number) => Promise<unknown>> = {
  lookup: (client, count) => client.lookup('smtpd', `id ${count % 100}`),
  update: (client, count) => client.update('smtpd', `id ${count % 100}`, session),
  tktkey: (client) => client.ticketKey(),
};

const mainCf = { smtpd_tls_session_cache_database: 'btree:$data_directory/smtpd_scache' };
const [ours, original] = [
  await StandInMaster.start({ daemon: tlsmgrUnderTest, mainCf }),
  await StandInMaster.start({ daemon: originalTlsmgr, mainCf }),
];
const callers: Record<string, Caller> = {
  'this client, this tlsmgr': patientClient(ours.socketPath),
  "this client, Postfix's own": patientClient(original.socketPath),
  ...(await otherCallers(process.argv[2])),
};
for (const caller of Object.values(callers)) {
  for (let count = 0; count < 100; count += 1) {
    await caller.update('smtpd', `id ${count}`, session);
  }
}
console.log(`| call | at once | ${Object.keys(callers).join(' | ')} |`);
console.log(`| --- | --- |${' --- |'.repeat(Object.keys(callers).length)}`);
for (const [name, call] of Object.entries(operations)) {
  for (const atOnce of [1, 64]) {
    const times = Object.values(callers).map((): number[] => []);
    for (let round = 0; round < rounds; round += 1) {
      for (const [index, caller] of Object.values(callers).entries()) {
        times[index]!.push(await microsecondsOf(caller, call, atOnce));
      }
    }
    const figures = times.map((all) => Math.min(...all).toFixed(0));
    console.log(`| ${name} | ${atOnce} | ${figures.join(' | ')} |`);
  }
}
for (const caller of Object.values(callers)) {
  await caller.close();
}
ours.cleanup();
original.cleanup();

async function otherCallers(checkout: string | undefined): Promise<Record<string, Caller>> {
  if (checkout === undefined) {
    return {};
  }
  const path = join(resolve(checkout), 'src/client/index.ts');
  const { TlsmgrClient: Other } = (await import(path)) as {
    TlsmgrClient: new (options: { socketPath: string }) => Caller;
  };
  return {
    'the other client, this tlsmgr': new Other({ socketPath: ours.socketPath }),
    "the other client, Postfix's own": new Other({ socketPath: original.socketPath }),
  };
}

/** @returns of each call. */
async function microsecondsOf(
  caller: Caller,
  call: (client: Caller, count: number) => Promise<unknown>,
  atOnce: number,
): Promise<number> {
  const startMs = performance.now();
  for (let count = 0; count < calls; count += atOnce) {
    const group = Array.from({ length: atOnce }, (_, index) => call(caller, count + index));
    await Promise.all(group);
  }
  return (1000 * (performance.now() - startMs)) / calls;
}
