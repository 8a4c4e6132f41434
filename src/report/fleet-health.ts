/** What is wrong with a fleet at this moment, as far as this host knows. */
import { isRefused } from '../fleet/engine/engine-fault.ts';
import type { EngineReport } from '../fleet/engine/engine.ts';
import type { FleetReport } from '../fleet/report.ts';
import type { Problem } from './report.ts';

const usualParameter = 'tlsmgr_fleet_engine';

/** @param fleet null: main.cf asks for none. */
export function fleetProblems(fleet: FleetReport | null): Problem[] {
  if (fleet === null) {
    return [];
  }
  const { fault, engine } = fleet;
  return [
    ...(fault === '' ? [] : [offProblem(fleet)]),
    ...(engine === null ? [] : engineProblems(engine, fleet)),
    ...warningProblems(fleet),
  ];
}

function offProblem({ fault, keys }: FleetReport): Problem {
  const what = keys === null ? 'nothing is' : 'no session is';
  const parameter = /\btlsmgr_(?:fleet|ticket)_\w+/u.exec(fault)?.[0] ?? usualParameter;
  // Named at the end, as in all these texts.
  const reason = fault.replace(`${parameter} = `, '');
  return {
    severity: 'error',
    name: 'fleet-off',
    text: `${what} shared with other hosts: ${reason} (${parameter})`,
  };
}

/** One cause, one problem: what is away is neither slow nor full. */
function engineProblems(engine: EngineReport, fleet: FleetReport): Problem[] {
  const { server, reason, connection } = engine;
  if (connection === 'away') {
    return [
      {
        severity: 'warning',
        name: 'engine-away',
        text: `engine ${server} ${isRefused(reason) ? 'refuses this host' : 'is away'}: ${reason}: ${consequence(fleet)} (tlsmgr_fleet_engine)`,
      },
    ];
  }
  if (connection !== 'up') {
    return [];
  }
  const problems: Problem[] = [];
  if (engine.reads === 'paused') {
    problems.push({
      severity: 'warning',
      name: 'engine-paused',
      text: `engine ${server} is too slow: no session is looked up there (tlsmgr_fleet_engine)`,
    });
  }
  if (engine.writes === 'paused') {
    problems.push({
      severity: 'warning',
      name: 'engine-refuses-writes',
      text: `engine ${server} refuses writes: ${reason} (tlsmgr_fleet_engine)`,
    });
  }
  return problems;
}

/** Of an engine that is away, for the clients of this host. */
function consequence({ keys }: FleetReport): string {
  const isShared = keys !== null && keys.source !== 'derived';
  if (!isShared || keys.state === 'off' || keys.state === 'closed') {
    return 'sessions of other hosts are not found';
  }
  if (keys.state !== 'starting' && keys.state !== 'alone') {
    return 'ticket keys go on from those that are known';
  }
  return keys.source === 'shared'
    ? 'no other host opens the tickets of this one'
    : 'ticket keys are derived from the secret meanwhile';
}

/** Advice about the engine's settings is no problem. */
function warningProblems({ warnings }: FleetReport): Problem[] {
  const problems: Problem[] = [];
  for (const { name, text } of warnings) {
    if (name === 'fleet-differs') {
      problems.push({ severity: 'warning', name: 'fleet-differs', text: `fleet: ${text}` });
    } else if (name === 'fleet-clock') {
      problems.push({
        severity: 'warning',
        name: 'fleet-clock',
        text: `fleet: this host's ${text}`,
      });
    }
  }
  return problems;
}
