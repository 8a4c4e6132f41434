/**
 * How many sessions that one of three mail hosts has begun are resumed by each of
 * the others: by mode of the ticket keys and by kind of session. As root.
 *
 *     npm run build && node --import tsx bench/fleet/handshakes.ts [MODE...]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kind, kinds } from '../../test/fleet/hosts/handshakes.ts';
import { HostFleet, newSecret } from '../../test/fleet/hosts/host-fleet.ts';
import {
  beginSessions,
  measurePairs,
  offerToOthers,
  summaryOf,
} from '../../test/fleet/hosts/resumption.ts';
import { runsHere, skipWithoutHosts } from '../../test/fleet/hosts/where.ts';

/** Of all pairs, so often. */
const times = 5;

const all = [0, 1, 2];
const withoutEngine = { tlsmgr_fleet_engine: '' };
const withoutTickets = { tls_ssl_options: 'no_ticket' };

type Cells = Partial<Record<Kind, string>>;

interface Mode {
  name: string;
  measure: () => Promise<Cells>;
}

const modes: readonly Mode[] = [
  {
    name: 'local',
    measure: () => withFleet({ tlsmgr_ticket_keys: 'local', ...withoutEngine }, pairs),
  },
  {
    name: 'derived, at once',
    measure: () => withFleet({ tlsmgr_ticket_keys: 'derived', ...withoutEngine }, pairs),
  },
  ...[0, 10, 30, 100].map((seconds) => ({
    name: `shared, a new fleet after ${seconds} s`,
    measure: async (): Promise<Cells> => {
      const fleet = await HostFleet.start({ isNew: true });
      await sleep(seconds * 1000);
      return finished(fleet, await pairs(fleet, 1));
    },
  })),
  { name: 'shared', measure: () => withFleet({}, pairs) },
  { name: 'shared, no_ticket', measure: () => withFleet(withoutTickets, pairs) },
  { name: 'shared, after postfix reload of one', measure: () => withFleet({}, afterReload) },
  { name: 'shared, while the secret is replaced', measure: () => withFleet({}, rotateSecret) },
];

if (runsHere(import.meta.filename)) {
  if (skipWithoutHosts !== false) {
    throw new Error(skipWithoutHosts);
  }
  await measureAll(process.argv.slice(2));
}

async function measureAll(wanted: readonly string[]): Promise<void> {
  console.log(`| ticket keys | ${kinds.join(' | ')} |`);
  console.log(`| --- |${' --- |'.repeat(kinds.length)}`);
  for (const { name, measure } of modes) {
    if (wanted.length === 0 || wanted.some((word) => name.includes(word))) {
      const cells = await measure();
      console.log(`| ${[name, ...kinds.map((kind) => cells[kind] ?? '')].join(' | ')} |`);
    }
  }
}

async function withFleet(
  mainCf: Record<string, string>,
  measure: (fleet: HostFleet) => Promise<Cells>,
): Promise<Cells> {
  const fleet = await HostFleet.start({ mainCf });
  return finished(fleet, await measure(fleet));
}

async function finished(fleet: HostFleet, cells: Cells): Promise<Cells> {
  await fleet.stop();
  return cells;
}

async function pairs(fleet: HostFleet, often = times): Promise<Cells> {
  const cells: Cells = {};
  for (const kind of kinds) {
    cells[kind] = summaryOf(await measurePairs(fleet, kind, often));
  }
  return cells;
}

async function afterReload(fleet: HostFleet): Promise<Cells> {
  const cells: Cells = {};
  for (const kind of kinds) {
    const sessions = await beginSessions(fleet, kind);
    await fleet.reload([1]);
    cells[kind] = summaryOf(await offerToOthers(fleet, kind, sessions));
  }
  return cells;
}

/** The worst of all steps: a host at a time, the fresh secret second, then first. */
async function rotateSecret(fleet: HostFleet): Promise<Cells> {
  const [old, fresh] = [fleet.secret, newSecret()];
  const cells: Cells = {};
  for (const kind of kinds) {
    const sessions = await beginSessions(fleet, kind);
    const seen = new Set<string>();
    for (const secrets of [
      [old, fresh],
      [fresh, old],
    ]) {
      for (const index of all) {
        fleet.writeSecrets(index, secrets);
        await fleet.reload([index]);
        seen.add(summaryOf(await offerToOthers(fleet, kind, sessions)));
        seen.add(summaryOf(await measurePairs(fleet, kind)));
      }
    }
    cells[kind] = `each time ${[...seen].join(', ')}`;
    for (const index of all) {
      fleet.writeSecrets(index, [old]);
    }
    await fleet.reload(all);
  }
  return cells;
}
