/**
 * Simulates a fleet: the real classes, with clocks, a network and an engine of its
 * own. Looks every 20 s, and every 2 s around a turn of the period: does each running
 * host that has read the engine open what any such host has sealed within the last
 * period?
 */
import { isLater } from '../../../src/system/later.ts';
import { VirtualTime } from '../virtual-time.ts';
import { SimulatedHost } from './host.ts';
import { Network } from './network.ts';
import { SimulatedRandom } from './random.ts';
import { type Scenario, scenarios } from './scenarios.ts';

export const periodSeconds = 1800;

/** Each clock is off by at most so much, so two differ by up to 120 s. */
export const usualOffset = 60;

/** The first two minutes of a fleet are its start. */
const startSeconds = 120;

export interface SimulationOptions {
  readonly hosts: number;
  readonly scenario: Scenario;
  readonly hours: number;
  readonly seed: number;
  readonly offset?: number;
  readonly stretch?: number;
  /** Derived keys as the last resort. */
  readonly derived?: boolean;
  /** Reads for unknown names, a second. Without them the checks are harder. */
  readonly demandReads?: number;
}

export interface SimulationResult {
  checks: number;
  unopenable: number;
  /** Not opened, but sealed by hosts alone, before their first read. Not counted above. */
  beforeFirstRead: number;
  /** Keys that have sealed. */
  keys: number;
  /** When the first ticket wasn't opened, in seconds since the beginning. */
  firstAfterSeconds: number | undefined;
}

/** When each host sealed last with a key. `alone`: the key was its own, and in no engine yet. */
type Sealers = Map<string, { at: number; readonly isAlone: boolean }>;

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { hosts: count, scenario, hours, seed } = options;
  const { offset = usualOffset, stretch = 1, derived = false, demandReads = 0 } = options;
  const random = new SimulatedRandom(`${seed} ${count} ${scenario}`);
  const begin = 1_000_000 * periodSeconds + random.below(periodSeconds);
  const end = begin + hours * 3600;
  const time = new VirtualTime(begin);
  const network = new Network(time, random);
  const hosts = Array.from({ length: count }, (_, number) => {
    const off =
      count > 1 && number < 2 ? offset * (1 - 2 * number) : random.between(-offset, offset);
    return new SimulatedHost({
      number,
      lifetimeSeconds: 2 * periodSeconds,
      time,
      network,
      random,
      offset: off,
      derivedFallback: derived,
      demandReads,
    });
  });
  scenarios[scenario]({
    random,
    network,
    begin,
    end,
    periodSeconds,
    hosts: count,
    stretch,
    at: (seconds, task) => void time.at(seconds, task),
    restart: (number) => hosts[number]!.restart(),
  });
  for (const host of hosts) {
    time.at(begin + random.between(0, 60), () => host.restart());
  }
  const looks = new Looks(hosts, time, random, begin);
  for (let at = begin; at < end;) {
    time.at(at, () => looks.look());
    const toTurn = Math.abs(((at + periodSeconds / 2) % periodSeconds) - periodSeconds / 2);
    at += toTurn < 2 * usualOffset + 20 ? 2 : 20;
  }
  for (let at = Math.floor(begin); at < end; at += 60) {
    time.at(at, () => network.remember());
  }
  await time.passUntil(end);
  return looks.result;
}

class Looks {
  readonly result: SimulationResult = {
    checks: 0,
    unopenable: 0,
    beforeFirstRead: 0,
    keys: 0,
    firstAfterSeconds: undefined,
  };
  readonly #hosts: readonly SimulatedHost[];
  readonly #time: VirtualTime;
  readonly #random: SimulatedRandom;
  readonly #begin: number;
  /** By the names of keys. */
  readonly #sealed = new Map<string, Sealers>();
  readonly #everSealed = new Set<string>();

  constructor(
    hosts: readonly SimulatedHost[],
    time: VirtualTime,
    random: SimulatedRandom,
    begin: number,
  ) {
    this.#hosts = hosts;
    this.#time = time;
    this.#random = random;
    this.#begin = begin;
  }

  look(): void {
    const running = this.#hosts.filter((host) => host.isRunning);
    for (const host of running) {
      this.#seal(host);
    }
    this.#forgetOld();
    if (this.#time.seconds < this.#begin + startSeconds) {
      return;
    }
    for (const host of running.filter(({ hasRead }) => hasRead)) {
      for (const [name, sealers] of this.#sealed) {
        this.#check(
          host,
          name,
          [...sealers.values()].every(({ isAlone }) => isAlone),
        );
      }
    }
  }

  #seal(host: SimulatedHost): void {
    // Processes end: max_use, max_idle.
    if (this.#random.next() < 0.02) {
      host.replaceSmtpd();
    }
    const name = host.seal();
    const isAlone = !host.isPublished(name);
    let sealers = this.#sealed.get(name);
    if (sealers === undefined) {
      sealers = new Map();
      this.#sealed.set(name, sealers);
      this.#everSealed.add(name);
      this.result.keys = this.#everSealed.size;
    }
    sealers.set(`${host.number} ${isAlone}`, { at: this.#time.seconds, isAlone });
  }

  /** What is promised of every ticket is a period. */
  #forgetOld(): void {
    const oldest = this.#time.seconds - periodSeconds;
    for (const [name, sealers] of this.#sealed) {
      for (const [who, { at }] of sealers) {
        if (at <= oldest) {
          sealers.delete(who);
        }
      }
      if (sealers.size === 0) {
        this.#sealed.delete(name);
      }
    }
  }

  #check(host: SimulatedHost, name: string, isOfAlone: boolean): void {
    this.result.checks += 1;
    const opens = host.opens(name);
    if (isLater(opens)) {
      void this.#countLater(opens, isOfAlone);
    } else {
      this.#count(opens, isOfAlone);
    }
  }

  async #countLater(opens: Promise<boolean>, isOfAlone: boolean): Promise<void> {
    this.#count(await opens, isOfAlone);
  }

  #count(opens: boolean, isOfAlone: boolean): void {
    if (opens) {
      return;
    }
    if (isOfAlone) {
      this.result.beforeFirstRead += 1;
    } else {
      this.result.unopenable += 1;
      this.result.firstAfterSeconds ??= this.#time.seconds - this.#begin;
    }
  }
}
