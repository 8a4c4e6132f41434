/**
 * Sessions of the SMTP client: the share of deliveries that find one, alone and shared.
 *
 * Destinations go by Zipf's law, hosts are chosen at random, and a session is good for
 * an hour and isn't renewed. A session that is used at rate r serves r * life
 * deliveries after the one that made it, so a share of r * life / (1 + r * life) finds
 * one. Where that is small enough, it is played out as well.
 */
import { SimulatedRandom } from './random.ts';

interface Fleet {
  readonly hosts: number;
  readonly deliveriesPerHour: number;
  readonly destinations: number;
}

const lifeSeconds = 3600;
const playedHours = 3;
const mostPlayed = 300_000;

const fleets: readonly Fleet[] = [
  { hosts: 3, deliveriesPerHour: 30_000, destinations: 20_000 },
  { hosts: 10, deliveriesPerHour: 300_000, destinations: 50_000 },
  { hosts: 100, deliveriesPerHour: 3_000_000, destinations: 200_000 },
  { hosts: 1000, deliveriesPerHour: 30_000_000, destinations: 500_000 },
  { hosts: 10_000, deliveriesPerHour: 300_000_000, destinations: 1_000_000 },
];

/** A line a fleet, as it is computed. */
export function* sessionShares(): Generator<string> {
  yield '  hosts  deliveries/h  destinations   alone  shared   played: alone shared   engine reads/s  writes/s';
  for (const fleet of fleets) {
    const { alone, shared, reads, writes } = computed(fleet);
    const played = fleet.deliveriesPerHour <= mostPlayed ? playedOut(fleet) : undefined;
    const playedText =
      played === undefined ? '' : `${percent(played.alone)} ${percent(played.shared)}`;
    yield [
      fleet.hosts.toLocaleString('en-US').padStart(7),
      fleet.deliveriesPerHour.toLocaleString('en-US').padStart(13),
      fleet.destinations.toLocaleString('en-US').padStart(13),
      percent(alone).padStart(7),
      percent(shared).padStart(7),
      playedText.padStart(22),
      rate(reads).padStart(16),
      rate(writes).padStart(9),
    ].join(' ');
  }
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}

function rate(perSecond: number): string {
  return perSecond.toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

function weightsOf({ destinations }: Fleet): { total: number; upTo: Float64Array } {
  const upTo = new Float64Array(destinations);
  let total = 0;
  for (let place = 0; place < destinations; place += 1) {
    total += 1 / (place + 1);
    upTo[place] = total;
  }
  return { total, upTo };
}

function computed(fleet: Fleet): { alone: number; shared: number; reads: number; writes: number } {
  const { hosts, deliveriesPerHour, destinations } = fleet;
  const { total } = weightsOf(fleet);
  const perSecond = deliveriesPerHour / 3600;
  const sums = { alone: 0, shared: 0, reads: 0, writes: 0 };
  for (let place = 0; place < destinations; place += 1) {
    const used = perSecond / (place + 1) / total;
    const usedByHost = (used / hosts) * lifeSeconds;
    const usedByAll = used * lifeSeconds;
    sums.alone += (used * usedByHost) / (1 + usedByHost);
    sums.shared += (used * usedByAll) / (1 + usedByAll);
    sums.reads += used / (1 + usedByHost);
    sums.writes += used / (1 + usedByAll);
  }
  return { ...sums, alone: sums.alone / perSecond, shared: sums.shared / perSecond };
}

function playedOut(fleet: Fleet): { alone: number; shared: number } {
  const { hosts, deliveriesPerHour } = fleet;
  const { total, upTo } = weightsOf(fleet);
  const random = new SimulatedRandom('sessions');
  const count = deliveriesPerHour * playedHours;
  const madeByHost = new Map<number, number>();
  const madeByAny = new Map<number, number>();
  const found = { deliveries: 0, alone: 0, shared: 0 };
  for (let number = 0; number < count; number += 1) {
    const at = (number * playedHours * 3600) / count;
    const destination = placeOf(upTo, random.next() * total);
    const own = destination * hosts + random.below(hosts);
    const isAlone = at - (madeByHost.get(own) ?? -Infinity) < lifeSeconds;
    const isShared = at - (madeByAny.get(destination) ?? -Infinity) < lifeSeconds;
    if (at > lifeSeconds) {
      found.deliveries += 1;
      found.alone += Number(isAlone);
      found.shared += Number(isShared);
    }
    if (!isAlone) {
      madeByHost.set(own, at);
    }
    if (!isShared) {
      madeByAny.set(destination, at);
    }
  }
  return { alone: found.alone / found.deliveries, shared: found.shared / found.deliveries };
}

/** The first place whose sum is above the value. */
function placeOf(upTo: Float64Array, value: number): number {
  let low = 0;
  let high = upTo.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (upTo[middle]! > value) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}
