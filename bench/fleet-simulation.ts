/**
 * Simulates shared ticket keys: the real classes on 3, 10 and 100 hosts in each
 * scenario, with clocks, a network, an engine and processes of smtpd that are
 * simulated. Checked is that each host opens what any host has sealed within the last
 * period (test/fleet/simulation/simulate.ts). Exit status 1 when one doesn't.
 *
 *     node --import tsx bench/fleet-simulation.ts [OPTIONS]
 *
 *     --hosts N        instead of 3, 10 and 100
 *     --scenario NAME  instead of all: quiet, outage, isolation, restarts, empty,
 *                      'old dump', failover, split, loss, all, 'long outage',
 *                      'cold start', 'start in outage'
 *     --hours N        24 if not given; 8 with 100 hosts and more
 *     --seeds N        so many runs of each
 *     --offset N       seconds that clocks are off, 60 if not given
 *     --stretch N      isolations, outages and splits last so many times longer than is promised
 *     --derived        derived keys are the last resort
 *     --demand         the engine is read for unknown names, as it is in reality
 *     --sessions       the share of deliveries that find a session, alone and shared
 */
import { parseArgs } from 'node:util';
import { sessionShares } from '../test/fleet/simulation/session-shares.ts';
import { type Scenario, scenarioNames } from '../test/fleet/simulation/scenarios.ts';
import {
  periodSeconds,
  simulate,
  type SimulationResult,
  usualOffset,
} from '../test/fleet/simulation/simulate.ts';

const { values } = parseArgs({
  options: {
    hosts: { type: 'string' },
    scenario: { type: 'string' },
    hours: { type: 'string' },
    seeds: { type: 'string', default: '1' },
    offset: { type: 'string', default: String(usualOffset) },
    stretch: { type: 'string', default: '1' },
    derived: { type: 'boolean', default: false },
    demand: { type: 'boolean', default: false },
    sessions: { type: 'boolean', default: false },
  },
});

const grouped = (value: number): string => value.toLocaleString('en-US');

async function sumOf(scenario: Scenario, hosts: number): Promise<SimulationResult> {
  const sum: SimulationResult = {
    checks: 0,
    unopenable: 0,
    beforeFirstRead: 0,
    keys: 0,
    firstAfterSeconds: undefined,
  };
  for (let seed = 0; seed < Number(values.seeds); seed += 1) {
    const result = await simulate({
      hosts,
      scenario,
      hours: values.hours === undefined ? usualHours(hosts) : Number(values.hours),
      seed,
      offset: Number(values.offset),
      stretch: Number(values.stretch),
      derived: values.derived,
      demandReads: values.demand ? 5 : 0,
    });
    sum.checks += result.checks;
    sum.unopenable += result.unopenable;
    sum.beforeFirstRead += result.beforeFirstRead;
    sum.keys += result.keys;
    sum.firstAfterSeconds ??= result.firstAfterSeconds;
  }
  return sum;
}

function usualHours(hosts: number): number {
  return hosts >= 100 ? 8 : 24;
}

async function runTable(): Promise<void> {
  console.log(`period ${periodSeconds} s, clocks within +-${values.offset} s, poll 30 s`);
  const design = values.derived ? 'fleet-derived' : 'fleet';
  for (const scenario of chosenScenarios()) {
    for (const hosts of values.hosts === undefined ? [3, 10, 100] : [Number(values.hosts)]) {
      const { checks, unopenable, beforeFirstRead, keys, firstAfterSeconds } = await sumOf(
        scenario,
        hosts,
      );
      const share = ((100 * unopenable) / Math.max(1, checks)).toFixed(4);
      console.log(
        `${scenario.padEnd(15)} ${design.padEnd(14)} ${String(hosts).padStart(4)} hosts ` +
          `${grouped(checks).padStart(10)} checks ${grouped(unopenable).padStart(8)} unopenable (${share}%)` +
          `  sealed before a first read ${grouped(beforeFirstRead).padStart(6)}  keys sealed with ${keys}` +
          (firstAfterSeconds === undefined
            ? ''
            : `  first after ${firstAfterSeconds.toFixed(0)} s`),
      );
      if (unopenable > 0) {
        process.exitCode = 1;
      }
    }
  }
}

function chosenScenarios(): readonly Scenario[] {
  if (values.scenario === undefined) {
    return scenarioNames;
  }
  const chosen = scenarioNames.filter((name) => name === values.scenario);
  if (chosen.length === 0) {
    throw new RangeError(`unknown scenario ${values.scenario}: one of ${scenarioNames.join(', ')}`);
  }
  return chosen;
}

if (values.sessions) {
  for (const line of sessionShares()) {
    console.log(line);
  }
} else {
  await runTable();
}
