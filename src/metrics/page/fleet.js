/**
 * The section of the fleet: ticket keys, engine, what was found there, and the
 * other hosts. It is hidden where main.cf asks for no fleet.
 */
import { fault, fillFacts, fillTable, find } from './put-in.js';
import { count, duration, wait } from './words.js';

/** @typedef {import('../../fleet/report.ts').FleetReport} FleetReport */
/** @typedef {import('../../fleet/report.ts').FleetHost} FleetHost */

/** @param {FleetReport | null | undefined} fleet */
export function showFleet(fleet) {
  find('fleet').hidden = fleet === null || fleet === undefined;
  if (fleet === null || fleet === undefined) {
    return;
  }
  fillFacts('fleet-facts', [
    ['This host', `${fleet.host}, key set ${fleet.keySet}`],
    ...keyFacts(fleet),
    ...engineFacts(fleet),
    ...fleet.warnings
      .filter(({ name }) => name === 'engine-settings')
      .map(({ text }) => /** @type {[string, string]} */ (['Advice', text])),
  ]);
  showCaches(fleet);
  showHosts(fleet);
}

/** @param {FleetReport} fleet @returns {[string, string | Node][]} */
function keyFacts({ keys }) {
  if (keys === null) {
    return [['Ticket keys', 'of this host alone']];
  }
  const { source, state, known, confirmed, periodEndsInSeconds, exchangedBeforeSeconds } = keys;
  return [
    ['Ticket keys', state === 'alone' ? fault(`${source}: ${state}`) : `${source}: ${state}`],
    ['Keys known, confirmed', `${count(known)}, ${count(confirmed)}`],
    ['Next period in', duration(periodEndsInSeconds)],
    [
      'Last exchange',
      exchangedBeforeSeconds === null ? 'none yet' : `${duration(exchangedBeforeSeconds)} ago`,
    ],
  ];
}

/** @param {FleetReport} fleet @returns {[string, string | Node][]} */
function engineFacts({ engine, clockDifferenceMs }) {
  if (engine === null) {
    return [['Engine', 'none']];
  }
  const { server, connection, reads, writes, reason, sinceSeconds, latencyMs } = engine;
  const paused = [
    ...(reads === 'paused' ? ['reads paused'] : []),
    ...(writes === 'paused' ? ['writes paused'] : []),
  ];
  const why = reason === '' ? '' : `: ${reason}`;
  const state = [`${connection} for ${duration(sinceSeconds)}${why}`, ...paused].join(', ');
  return [
    ['Engine', server],
    ['State', connection === 'up' && paused.length === 0 ? state : fault(state)],
    [
      'Half, 99 of 100 reads within',
      `${wait(seconds(latencyMs?.p50))}, ${wait(seconds(latencyMs?.p99))}`,
    ],
    [
      "Clock less the engine's",
      clockDifferenceMs === null ? 'not known' : `${count(Math.round(clockDifferenceMs / 1000))}s`,
    ],
  ];
}

/** @param {number | undefined} milliseconds */
function seconds(milliseconds) {
  return milliseconds === undefined ? undefined : milliseconds / 1000;
}

/** @param {FleetReport} fleet */
function showCaches({ caches }) {
  fillTable(
    'fleet-caches',
    Object.entries(caches).map(([label, cache]) => [
      label,
      count(cache.nearHits + cache.engineHits),
      count(cache.engineMisses),
      count(cache.notAsked),
      count(cache.written),
      count(cache.dropped),
    ]),
    ['', '', '', 'roomy', '', 'roomy'],
  );
}

/** @param {FleetReport} fleet */
function showHosts({ hosts, hostCounts }) {
  /** @type {(string | Node)[][]} */
  const rows = hosts.map((host) => [
    host.host,
    stateCell(host),
    host.version,
    `${duration(host.secondsAgo)} ago`,
  ]);
  const more = hostCounts.seen - hosts.length;
  if (more > 0) {
    rows.push([`${count(more)} more`, '', '', '']);
  }
  fillTable('fleet-hosts', rows, ['', 'wide', 'roomy', '']);
}

/** @param {FleetHost} host */
function stateCell({ away, differs }) {
  const cell = document.createDocumentFragment();
  if (away) {
    cell.append(fault('away'));
  } else {
    cell.append(differs.length === 0 ? 'here' : `differs: ${differs.join('; ')}`);
  }
  return cell;
}
