/** What happens to a simulated fleet. Each fault stays within what is promised, unless it is stretched. */
import type { Network } from './network.ts';
import type { SimulatedRandom } from './random.ts';

/** What a scenario acts on. */
export interface Stage {
  readonly random: SimulatedRandom;
  readonly network: Network;
  /** Seconds since 1970. */
  readonly begin: number;
  readonly end: number;
  readonly periodSeconds: number;
  readonly hosts: number;
  /** Isolations, outages and splits last so many times longer than is promised. */
  readonly stretch: number;
  readonly at: (seconds: number, task: () => void) => void;
  readonly restart: (host: number) => void;
}

function* times(stage: Stage, every: number, low: number, high: number): Generator<number> {
  const { begin, end, periodSeconds, random } = stage;
  for (
    let at = begin + random.between(low, high);
    at < end - 2 * periodSeconds;
    at += every * random.between(0.6, 1.4)
  ) {
    yield at;
  }
}

function half({ hosts, random }: Stage, part = 2): number[] {
  return random.sample(hosts, Math.max(1, Math.floor(hosts / part)));
}

/** Of all hosts, up to a period, at any phase. */
function outage(stage: Stage): void {
  const { network, periodSeconds, random, stretch } = stage;
  for (const at of times(stage, 2.6 * periodSeconds, 600, periodSeconds)) {
    const turn = Math.round(at / periodSeconds) * periodSeconds;
    const from = random.pick([at, turn + random.between(-120, 30)]);
    const length = stretch * random.pick([1, random.between(0.3, 1)]) * periodSeconds;
    network.cutOff(from, from + length);
  }
}

/** Of half of the hosts; the worst: from about a turn, a whole period. */
function isolation(stage: Stage): void {
  const { begin, end, network, periodSeconds, random, stretch } = stage;
  for (const host of half(stage)) {
    const last = end - (2 + stretch) * periodSeconds;
    const step = (Math.floor(stretch) + 3) * periodSeconds;
    const first = (Math.floor(begin / periodSeconds) + 2) * periodSeconds;
    for (let turn = first; turn < last; turn += step) {
      const phase = random.pick([random.between(-120, 30), random.between(0, periodSeconds)]);
      network.isolate(host, turn + phase, turn + phase + stretch * periodSeconds);
    }
  }
}

/** postfix reload, host by host, and hosts that come later. */
function restarts(stage: Stage): void {
  for (let host = 0; host < stage.hosts; host += 1) {
    for (const at of times(stage, 7200, 600, 7200)) {
      stage.at(at, () => stage.restart(host));
    }
  }
}

function emptied(stage: Stage): void {
  for (const at of times(stage, stage.periodSeconds, 900, stage.periodSeconds)) {
    stage.at(at, () => stage.network.empty());
  }
}

function oldDump(stage: Stage): void {
  const { periodSeconds, random } = stage;
  for (const at of times(stage, 1.5 * periodSeconds, 2 * periodSeconds, 3 * periodSeconds)) {
    const age = random.between(600, 7200);
    stage.at(at, () => stage.network.goBack(age));
  }
}

/** The last seconds of writes are lost. */
function failover(stage: Stage): void {
  const { periodSeconds, random } = stage;
  for (const at of times(stage, 0.5 * periodSeconds, 600, periodSeconds)) {
    const age = random.between(1, 30);
    stage.at(at, () => stage.network.goBack(age));
  }
}

function split(stage: Stage): void {
  const { network, periodSeconds, random, stretch } = stage;
  let healed = Number.NEGATIVE_INFINITY;
  for (const at of times(stage, 3 * periodSeconds, 900, 2 * periodSeconds)) {
    const length = stretch * random.between(300, periodSeconds);
    if (at < healed + 300) {
      continue;
    }
    healed = at + length;
    const others = half(stage);
    const keepsOther = random.next() < 0.5;
    stage.at(at, () => network.split(others));
    stage.at(healed, () => network.heal(keepsOther));
  }
}

/** Hosts restart while the engine is away. */
function startInOutage(stage: Stage): void {
  const { begin, end, hosts, network, periodSeconds, random } = stage;
  for (let at = begin + 2 * periodSeconds; at < end - 3 * periodSeconds; at += 4 * periodSeconds) {
    const host = random.below(hosts);
    network.cutOff(at, at + periodSeconds);
    stage.at(at + random.between(60, periodSeconds / 2), () => stage.restart(host));
  }
}

/** One fault after the other, with restarts after each. */
function all(stage: Stage): void {
  const { end, network, periodSeconds, random } = stage;
  network.loss = 0.05;
  let at = stage.begin + periodSeconds;
  while (at < end - 2 * periodSeconds) {
    const from = at + random.between(0, 60);
    const to = at + random.between(0.3, 1) * periodSeconds;
    mixedFault(stage, from, to);
    for (const host of half(stage, 5)) {
      stage.at(to + random.between(120, 600), () => stage.restart(host));
    }
    at = to + periodSeconds * random.between(0.7, 1.3);
  }
}

function mixedFault(stage: Stage, from: number, to: number): void {
  const { network, random } = stage;
  const others = half(stage);
  const keepsOther = random.next() < 0.5;
  const age = random.between(1, 3600);
  const faults: (() => void)[] = [
    () => network.cutOff(from, to),
    () => half(stage, 3).forEach((host) => network.isolate(host, from, to)),
    () => stage.at(from, () => network.empty()),
    () => stage.at(from, () => network.goBack(age)),
    () => {
      stage.at(from, () => network.split(others));
      stage.at(to, () => network.heal(keepsOther));
    },
    () => {},
  ];
  random.pick(faults)();
}

const table = {
  quiet: () => {},
  outage,
  isolation,
  restarts,
  empty: emptied,
  'old dump': oldDump,
  failover,
  split,
  loss: ({ network }: Stage) => {
    network.loss = 0.2;
  },
  all,
  'long outage': ({ begin, network, periodSeconds }: Stage) =>
    network.cutOff(begin + 2.3 * periodSeconds, begin + 14.3 * periodSeconds),
  /** No engine for the first period. */
  'cold start': ({ begin, network, periodSeconds }: Stage) =>
    network.cutOff(begin, begin + periodSeconds),
  'start in outage': startInOutage,
} satisfies Record<string, (stage: Stage) => void>;

export type Scenario = keyof typeof table;

export const scenarios: Record<Scenario, (stage: Stage) => void> = table;

export const scenarioNames = Object.keys(scenarios) as Scenario[];
