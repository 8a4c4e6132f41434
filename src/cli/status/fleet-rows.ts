/**
 * What a screen tells of a fleet: how the ticket keys and the engine are, what
 * was found there, and which hosts there are. Rows of a label and a text.
 */
import { isRefused } from '../../fleet/engine/engine-fault.ts';
import type { EngineReport } from '../../fleet/engine/engine.ts';
import type {
  FleetCacheReport,
  FleetHost,
  FleetKeysReport,
  FleetReport,
  SharedKeysState,
} from '../../fleet/report.ts';
import { duration, percent, plural } from '../output.ts';

/** The others are counted. */
const mostNamed = 8;

export type FleetRow = readonly [label: string, text: string];

/** @param fleet null: none is asked for. A daemon of an earlier version knows of none. */
export function fleetRows(fleet: FleetReport | null | undefined): FleetRow[] {
  if (fleet === undefined || fleet === null) {
    return [];
  }
  const { host, keySet, keys, engine, caches, clockDifferenceMs } = fleet;
  const advice = fleet.warnings.filter(({ name }) => name === 'engine-settings');
  return [
    ['fleet', `${host}, key set ${keySet}: ${keysText(keys)}`],
    ...(engine === null ? [] : [['engine', engineText(engine, clockDifferenceMs)] as const]),
    ...Object.entries(caches).map(([label, cache]) => ['', cacheText(label, cache)] as const),
    ...(engine === null ? [] : [['hosts', hostsText(fleet)] as const]),
    ...advice.map(({ text }) => ['', `advice: ${text}`] as const),
  ];
}

function keysText(keys: FleetKeysReport | null): string {
  if (keys === null) {
    return 'ticket keys are of this host alone';
  }
  const { source, state, known, confirmed, periodEndsInSeconds, exchangedBeforeSeconds } = keys;
  const next = `next period in ${duration(periodEndsInSeconds)}`;
  if (source === 'derived') {
    return `derived keys, ${next}`;
  }
  const exchanged =
    exchangedBeforeSeconds === null
      ? 'no exchange yet'
      : `exchanged ${duration(exchangedBeforeSeconds)} ago`;
  const held = `${plural(known, 'key')} known`;
  return `${stateText(state)}, ${held}, ${confirmed} confirmed, ${exchanged}, ${next}`;
}

/** What is for a while tells for how long, or what it means. */
function stateText(state: SharedKeysState): string {
  switch (state) {
    case 'joining':
      return 'joining, for up to 95s, until all hosts have a key in common';
    case 'continuing':
      return 'continuing older keys, as the engine was away when new ones were due';
    case 'alone':
      return 'alone, as the engine has not been read since the start';
    default:
      return state;
  }
}

function engineText(
  { server, connection, reads, writes, reason, sinceSeconds, latencyMs, counts }: EngineReport,
  clockDifferenceMs: number | null,
): string {
  const paused = [
    ...(reads === 'paused' ? ['reads paused'] : []),
    ...(writes === 'paused' ? ['writes paused'] : []),
  ];
  const how = connection === 'away' && isRefused(reason) ? 'refuses this host' : connection;
  const state = `${how} for ${duration(sinceSeconds)}${reason === '' ? '' : `: ${reason}`}`;
  const waits =
    latencyMs === null
      ? []
      : [`half within ${milliseconds(latencyMs.p50)}, 99% within ${milliseconds(latencyMs.p99)}`];
  const clock = clockDifferenceMs === null ? [] : [`clock ${seconds(clockDifferenceMs)} from ours`];
  const late = counts.late === 0 ? [] : [`${plural(counts.late, 'read')} late`];
  return [`${server} ${state}`, ...paused, ...waits, ...late, ...clock].join(', ');
}

function cacheText(
  label: string,
  {
    nearHits,
    engineHits,
    engineMisses,
    notAsked,
    written,
    notShared,
    dropped,
    notOpened,
  }: FleetCacheReport,
): string {
  const found = nearHits + engineHits;
  const asked = found + engineMisses + notAsked;
  const rest = [
    ...(notShared === 0 ? [] : [`${notShared} not shared, as no other host is asked for them`]),
    ...(notAsked === 0 ? [] : [`${notAsked} not asked`]),
    ...(dropped === 0 ? [] : [`${dropped} dropped`]),
    ...(notOpened === 0 ? [] : [`${notOpened} not opened`]),
  ];
  const share = asked === 0 ? '' : ` (${percent(found, asked)} of what was not here)`;
  return [`${label}: ${found} found${share}`, `${written} written`, ...rest].join(', ');
}

function hostsText({ hosts, hostCounts, keySet, warnings }: FleetReport): string {
  const { seen, away } = hostCounts;
  if (seen === 0) {
    return 'no others yet';
  }
  // The lines at the top of the screen.
  const told = warnings.map(({ text }) => text).join('\n');
  const named = hosts.slice(0, mostNamed).map((one) => hostText(one, keySet, told));
  const more = seen - named.length;
  const names = [...named, ...(more > 0 ? [`${more} more`] : [])].join(', ');
  return `${plural(seen, 'other')}${away === 0 ? '' : `, ${away} away`}: ${names}`;
}

function hostText(
  { host, keySet, away, secondsAgo, differs }: FleetHost,
  ownKeySet: string,
  told: string,
): string {
  const notes = [
    ...(keySet === '' || keySet === ownKeySet ? [] : [`key set ${keySet}`]),
    ...(away
      ? [`away for ${duration(secondsAgo)}`]
      : differs.filter((text) => !told.includes(text))),
  ];
  return notes.length === 0 ? host : `${host} (${notes.join('; ')})`;
}

function milliseconds(value: number): string {
  return `${Number(value.toPrecision(2))} ms`;
}

/** With a sign only where it says something. */
function seconds(differenceMs: number): string {
  return `${Math.abs(Math.round(differenceMs / 1000))}s`;
}
