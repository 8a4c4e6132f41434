/**
 * Clients of a fleet that never stop, to see what a fault of the engine does to them:
 * SMTP clients that begin and resume sessions at all hosts in turn, and one that looks
 * up ids that nobody has, so that the engine has to be asked each time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { patientClient, untilAnswered } from '../../patient-client.ts';
import { residentBytes } from '../../postfix/processes.ts';
import { handshake, kinds } from './handshakes.ts';
import type { HostFleet } from './host-fleet.ts';

export interface Felt {
  handshakes: number;
  /** Texts of errors. */
  failed: string[];
  longestHandshakeMs: number;
  lookups: number;
  longestLookupMs: number;
  p99LookupMs: number;
  /** The most that a tlsmgr has grown meanwhile. */
  grownMegabytes: number;
}

const betweenHandshakesMs = 20;
const betweenLookupsMs = 2;
const betweenSamplesMs = 100;

export class SteadyLoad {
  readonly #fleet: HostFleet;
  #stopped = false;
  readonly #running: Promise<unknown>;
  readonly #felt: Felt = {
    handshakes: 0,
    failed: [],
    longestHandshakeMs: 0,
    lookups: 0,
    longestLookupMs: 0,
    p99LookupMs: 0,
    grownMegabytes: 0,
  };

  constructor(fleet: HostFleet) {
    this.#fleet = fleet;
    this.#running = Promise.all([this.#shakeHands(), this.#lookUp(), this.#watchMemory()]);
  }

  async stop(): Promise<Felt> {
    this.#stopped = true;
    await this.#running;
    return this.#felt;
  }

  async #shakeHands(): Promise<void> {
    const sessions = new Map<string, Buffer>();
    for (let count = 0; !this.#stopped; count += 1) {
      const kind = kinds[count % kinds.length]!;
      const { hosts } = this.#fleet;
      const host = hosts[Math.floor(count / kinds.length) % hosts.length]!;
      try {
        const { session, milliseconds } = await handshake(host, kind, sessions.get(kind));
        sessions.set(kind, session);
        this.#felt.longestHandshakeMs = Math.max(this.#felt.longestHandshakeMs, milliseconds);
      } catch (thrown) {
        this.#felt.failed.push(`${host.address}, ${kind}: ${String(thrown)}`);
      }
      this.#felt.handshakes += 1;
      await sleep(betweenHandshakesMs);
    }
  }

  async #lookUp(): Promise<void> {
    const client = patientClient(this.#fleet.hosts[0]!.socketPath);
    const waitedMs: number[] = [];
    for (let count = 0; !this.#stopped; count += 1) {
      const startMs = performance.now();
      await untilAnswered(client, () => client.lookup('smtpd', `nobody's ${count}`));
      waitedMs.push(performance.now() - startMs);
      await sleep(betweenLookupsMs);
    }
    await client.close();
    const sorted = waitedMs.toSorted((one, other) => one - other);
    this.#felt.lookups = sorted.length;
    this.#felt.p99LookupMs = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
    this.#felt.longestLookupMs = sorted.at(-1) ?? 0;
  }

  async #watchMemory(): Promise<void> {
    const pids = this.#fleet.hosts.map((host) => host.tlsmgrPid()!);
    const before = pids.map(residentBytes);
    while (!this.#stopped) {
      const grown = pids.map((pid, index) => (residentBytes(pid) - before[index]!) / 1e6);
      this.#felt.grownMegabytes = Math.max(this.#felt.grownMegabytes, ...grown);
      await sleep(betweenSamplesMs);
    }
  }
}
