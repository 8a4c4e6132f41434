/**
 * The metrics of a fleet. They are missing where main.cf asks for none, and those
 * of an engine where there is none.
 */
import type { EngineReport } from '../fleet/engine/engine.ts';
import type {
  FleetCacheReport,
  FleetKeysReport,
  FleetReport,
  SharedKeysState,
} from '../fleet/report.ts';
import { each, type Metric, sample, single, type Value } from './metric.ts';

type Type = 'counter' | 'gauge';

const states: readonly SharedKeysState[] = [
  'starting',
  'joining',
  'sharing',
  'continuing',
  'alone',
  'off',
  'closed',
];

function ofFleet(type: Type, name: string, help: string, value: (fleet: FleetReport) => Value) {
  return single(type, name, help, ({ report: { fleet } }) =>
    fleet === null ? undefined : value(fleet),
  );
}

function ofKeys(type: Type, name: string, help: string, value: (keys: FleetKeysReport) => Value) {
  return ofFleet(type, name, help, ({ keys }) => (keys === null ? undefined : value(keys)));
}

function ofEngine(type: Type, name: string, help: string, value: (engine: EngineReport) => Value) {
  return ofFleet(type, name, help, ({ engine }) => (engine === null ? undefined : value(engine)));
}

/** One value for each of a fixed set. */
function eachOfFleet(
  type: Type,
  name: string,
  label: string,
  help: string,
  values: (fleet: FleetReport) => Record<string, Value>,
): Metric {
  return each(type, name, label, help, ({ fleet }) => (fleet === null ? {} : values(fleet)));
}

/** For each cache that is shared, one value for each of a fixed set. */
function eachOfCaches(
  type: Type,
  name: string,
  label: string,
  help: string,
  values: (cache: FleetCacheReport) => Record<string, number>,
): Metric {
  return {
    name,
    type,
    help,
    labels: ['cache', label],
    read: ({ report: { fleet } }) =>
      Object.entries(fleet?.caches ?? {}).flatMap(([cache, figures]) =>
        Object.entries(values(figures)).flatMap(([key, value]) =>
          sample({ cache, [label]: key }, value),
        ),
      ),
  };
}

export const fleetMetrics: readonly Metric[] = [
  ofFleet(
    'gauge',
    'tlsmgr_fleet_up',
    '0 when main.cf asks for a fleet and nothing is shared; missing when it asks for none.',
    ({ fault }) => fault === '',
  ),
  ofEngine(
    'gauge',
    'tlsmgr_fleet_engine_up',
    'Whether the engine of the fleet is connected.',
    ({ connection }) => connection === 'up',
  ),
  eachOfFleet(
    'gauge',
    'tlsmgr_fleet_engine_paused',
    'flow',
    '1 while no session is read, or written, as the engine is too slow or refuses.',
    ({ engine }): Record<string, Value> =>
      engine === null
        ? {}
        : { reads: engine.reads === 'paused', writes: engine.writes === 'paused' },
  ),
  ofEngine(
    'gauge',
    'tlsmgr_fleet_engine_latency_p50_seconds',
    'Of the last 1,000 reads of sessions: what half of them stay within.',
    ({ latencyMs }) => latencyMs && latencyMs.p50 / 1000,
  ),
  ofEngine(
    'gauge',
    'tlsmgr_fleet_engine_latency_p99_seconds',
    'The same: what 99 of 100 stay within.',
    ({ latencyMs }) => latencyMs && latencyMs.p99 / 1000,
  ),
  eachOfFleet(
    'counter',
    'tlsmgr_fleet_engine_requests_total',
    'request',
    'Reads and writes of sessions.',
    ({ engine }): Record<string, Value> =>
      engine === null ? {} : { read: engine.counts.reads, write: engine.counts.writes },
  ),
  ofEngine(
    'counter',
    'tlsmgr_fleet_engine_late_total',
    'Reads of sessions without an answer in time.',
    ({ counts }) => counts.late,
  ),
  ofEngine(
    'counter',
    'tlsmgr_fleet_engine_failed_total',
    'Requests that failed.',
    ({ counts }) => counts.failed,
  ),
  ofEngine(
    'counter',
    'tlsmgr_fleet_engine_reconnects_total',
    'Connections after the first one.',
    ({ counts }) => counts.reconnects,
  ),

  eachOfCaches(
    'counter',
    'tlsmgr_fleet_lookups_total',
    'result',
    'Look-ups that missed in the cache of this host, by where the session was found: near (held here for the engine), engine, none; not_asked: the engine could not be asked, or gave no answer in time.',
    ({ nearHits, engineHits, engineMisses, notAsked }) => ({
      near: nearHits,
      engine: engineHits,
      none: engineMisses,
      not_asked: notAsked,
    }),
  ),
  eachOfCaches(
    'counter',
    'tlsmgr_fleet_sessions_total',
    'result',
    'Sessions stored here: written to the engine, dropped before that (removals too), not_shared as nobody elsewhere could use them, fresh as the engine has a copy with most of its life left.',
    ({ written, dropped, notShared, fresh }) => ({
      written,
      dropped,
      not_shared: notShared,
      fresh,
    }),
  ),
  eachOfCaches(
    'gauge',
    'tlsmgr_fleet_held_bytes',
    'place',
    'Memory of sessions that wait to be written (queue) and that were fetched (near).',
    ({ queueBytes, nearBytes }) => ({ queue: queueBytes, near: nearBytes }),
  ),
  eachOfFleet(
    'counter',
    'tlsmgr_fleet_not_opened_total',
    'value',
    'Values of the engine that no secret of this host opens: of another secret, or damaged.',
    ({ caches, keys }) => ({
      session: Object.values(caches).reduce((sum, { notOpened }) => sum + notOpened, 0),
      key: keys?.counts.notOpened,
    }),
  ),

  eachOfFleet(
    'gauge',
    'tlsmgr_fleet_keys_state',
    'state',
    '1 for the state of the shared ticket keys, 0 for the others.',
    ({ keys }): Record<string, Value> =>
      keys === null ? {} : Object.fromEntries(states.map((state) => [state, state === keys.state])),
  ),
  ofKeys('gauge', 'tlsmgr_fleet_keys_known', 'Ticket keys of the fleet that are held.', (keys) => {
    return keys.known;
  }),
  ofKeys('gauge', 'tlsmgr_fleet_keys_confirmed', 'Those of them that all hosts have.', (keys) => {
    return keys.confirmed;
  }),
  ofKeys('gauge', 'tlsmgr_fleet_period', 'Number of the period, since 1970.', (keys) => {
    return keys.period;
  }),
  ofKeys('gauge', 'tlsmgr_fleet_period_end_seconds', 'Until the next period.', (keys) => {
    return keys.periodEndsInSeconds;
  }),
  ofKeys(
    'gauge',
    'tlsmgr_fleet_exchange_age_seconds',
    'Since the last exchange of keys with the engine; missing before the first.',
    (keys) => keys.exchangedBeforeSeconds,
  ),
  eachOfFleet(
    'counter',
    'tlsmgr_fleet_exchanges_total',
    'result',
    'Exchanges of keys with the engine.',
    ({ keys }): Record<string, Value> =>
      keys === null ? {} : { done: keys.counts.exchanges, failed: keys.counts.failedExchanges },
  ),
  eachOfFleet(
    'counter',
    'tlsmgr_fleet_keys_put_total',
    'kind',
    'Keys given to the engine: made at random here, and back, as the engine had lost them.',
    ({ keys }): Record<string, Value> =>
      keys === null ? {} : { made: keys.counts.made, back: keys.counts.putBack },
  ),

  eachOfFleet(
    'gauge',
    'tlsmgr_fleet_hosts',
    'state',
    'Other hosts of the fleet: here, away (no heartbeat for 90 s), and those of here that differ in what both share.',
    ({ engine, hostCounts: { seen, away, differing } }): Record<string, Value> =>
      engine === null ? {} : { here: seen - away, away, differing },
  ),
  ofFleet(
    'gauge',
    'tlsmgr_fleet_clock_difference_seconds',
    "This host's clock less the engine's; missing until it is known.",
    ({ clockDifferenceMs }) => (clockDifferenceMs === null ? undefined : clockDifferenceMs / 1000),
  ),
];
