/** What clients of a fleet feel of a fault of its engine, and how soon hosts share again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostfixInstance } from '../../postfix/instance.ts';
import { poll } from '../../postfix/poll.ts';
import type { EngineFault } from './engine-faults.ts';
import { handshake } from './handshakes.ts';
import type { HostFleet } from './host-fleet.ts';
import { type Felt, SteadyLoad } from './steady-load.ts';

export interface FaultResult extends Felt {
  /** From its end until a session by id that one host begins is resumed by another. */
  backAfterSeconds: number;
  /** Whether a session that was in the engine before was found meanwhile. */
  foundMeanwhile: boolean;
  /** Lines at its beginning and at its end, of each host that has to say it. */
  begun: number[];
  ended: number[];
}

const kind = 'id, TLS 1.2';

/** @param holdMs how long the fault lasts. */
export async function measureFault(
  fleet: HostFleet,
  fault: EngineFault,
  holdMs: number,
): Promise<FaultResult> {
  const [first, second] = fleet.hosts;
  const speakers = fault.saidBy?.map((index) => fleet.hosts[index]!) ?? fleet.hosts;
  const begins = new NewLines(speakers, fault.begins);
  const ends = new NewLines(speakers, fault.ends);
  const before = await handshake(first!, kind);
  await fleet.written(0);
  const load = new SteadyLoad(fleet);
  try {
    await fault.strike(fleet);
    await sleep(holdMs);
    // Only the first host has it, and the engine had it.
    const { resumed } = await handshake(second!, kind, before.session);
    await begins.said();
    await fault.mend(fleet);
    const mendedMs = performance.now();
    await poll('sessions to be shared again', () => isShared(fleet), { limitMs: 60_000 });
    const backAfterSeconds = (performance.now() - mendedMs) / 1000;
    await ends.said();
    return {
      ...(await load.stop()),
      backAfterSeconds,
      foundMeanwhile: resumed,
      begun: begins.counts(),
      ended: ends.counts(),
    };
  } finally {
    await load.stop();
  }
}

async function isShared({ hosts: [first, second] }: HostFleet): Promise<boolean> {
  const { session } = await handshake(first!, kind);
  return (await handshake(second!, kind, session)).resumed;
}

/** Lines of a kind that hosts have logged since now. */
class NewLines {
  readonly #hosts: readonly PostfixInstance[];
  readonly #pattern: RegExp | undefined;
  readonly #before: number[];

  constructor(hosts: readonly PostfixInstance[], pattern: RegExp | undefined) {
    this.#hosts = pattern === undefined ? [] : hosts;
    this.#pattern = pattern;
    this.#before = this.#hosts.map((host) => this.#countOf(host));
  }

  /** Waits until each has logged one. */
  async said(): Promise<void> {
    for (const [index, host] of this.#hosts.entries()) {
      await host.waitForLog(this.#pattern!, this.#before[index]! + 1);
    }
  }

  counts(): number[] {
    return this.#hosts.map((host, index) => this.#countOf(host) - this.#before[index]!);
  }

  #countOf(host: PostfixInstance): number {
    return host.logLines(this.#pattern!).length;
  }
}
