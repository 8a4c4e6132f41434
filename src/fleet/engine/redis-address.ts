/**
 * Addresses that a Sentinel or a node of a Cluster tells. They are checked before
 * anything is done with them: the client library believes what it is told.
 */
import { UnexpectedReply } from './engine-fault.ts';
import type { ServerAddress } from './engine-values.ts';
import { list } from './redis-replies.ts';

/** As long as a name in DNS, or an address, may be. */
const hostText = /^[!-~]{1,255}$/u;
const longestPort = 65_535;
const clusterSlots = 16_384;
/** A Cluster isn't meant to have more nodes. */
const mostMasters = 1000;

/** Throws UnexpectedReply. @param port a number, or its digits. */
export function addressIn(host: unknown, port: unknown): ServerAddress {
  const number = Number(port);
  if (
    typeof host !== 'string' ||
    !hostText.test(host) ||
    !Number.isInteger(number) ||
    number < 1 ||
    number > longestPort
  ) {
    throw new UnexpectedReply();
  }
  return { host, port: number };
}

/**
 * Checks a list of slots, through whose ranges the client library goes however long
 * they are. Throws UnexpectedReply.
 * @param reply to CLUSTER SLOTS, a range each: first slot, last slot, master, replicas.
 */
export function checkSlots(reply: unknown): void {
  const masters = new Set<string>();
  let slots = 0;
  for (const range of list(reply)) {
    const [first, last, master] = list(range);
    const [host, port] = list(master);
    // A node that is alone doesn't know its address. The library then takes this one.
    const address = addressIn(host === '' ? 'localhost' : host, port);
    masters.add(`${address.host} ${address.port}`);
    slots += slotIn(last) - slotIn(first) + 1;
    if (slotIn(first) > slotIn(last) || slots > clusterSlots || masters.size > mostMasters) {
      throw new UnexpectedReply();
    }
  }
}

function slotIn(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= clusterSlots) {
    throw new UnexpectedReply();
  }
  return value;
}
