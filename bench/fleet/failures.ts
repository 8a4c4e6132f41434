/**
 * What mail clients feel while the engine of a fleet goes wrong: each row of
 * docs/fleet.md, with two real mail hosts and a real redis-server. As root.
 *
 *     npm run build && node --import tsx bench/fleet/failures.ts [NAME...]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type EngineFault, engineFaults } from '../../test/fleet/hosts/engine-faults.ts';
import { type FaultResult, measureFault } from '../../test/fleet/hosts/fault-measure.ts';
import { HostFleet } from '../../test/fleet/hosts/host-fleet.ts';
import { runsHere, skipWithoutHosts } from '../../test/fleet/hosts/where.ts';

/** How long each lasts. */
const holdMs = 8000;

/** Nothing goes wrong: what the machine itself does to the figures. */
const quiet: EngineFault = { name: 'none', strike: async () => {}, mend: async () => {} };

if (runsHere(import.meta.filename)) {
  if (skipWithoutHosts !== false) {
    throw new Error(skipWithoutHosts);
  }
  await measureAll(process.argv.slice(2));
}

async function measureAll(wanted: readonly string[]): Promise<void> {
  console.log(
    '| fault | handshakes | failed | longest, ms | look-ups | p99, ms | longest, ms | back after, s | memory, +MB | lines a host |',
  );
  console.log(`|${' --- |'.repeat(10)}`);
  for (const fault of [quiet, ...engineFaults]) {
    if (wanted.length === 0 || wanted.some((word) => fault.name.includes(word))) {
      const fleet = await HostFleet.start({ hosts: 2 });
      // Code is compiled and connections are there before anything is measured.
      await measureFault(fleet, quiet, 3000);
      const result = await measureFault(fleet, fault, holdMs);
      // Lines that come late are seen as well.
      await sleep(2000);
      print(fault, result);
      await fleet.stop();
    }
  }
}

function print(fault: EngineFault, result: FaultResult): void {
  const cells = [
    fault.name,
    result.handshakes,
    result.failed.length,
    result.longestHandshakeMs.toFixed(0),
    result.lookups,
    result.p99LookupMs.toFixed(1),
    result.longestLookupMs.toFixed(0),
    result.backAfterSeconds.toFixed(1),
    result.grownMegabytes.toFixed(1),
    [...result.begun, ...result.ended].join(' '),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
