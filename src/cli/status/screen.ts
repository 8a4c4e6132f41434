/**
 * One screen that tells how a tlsmgr is, for somebody who was woken: first
 * whether anything is wrong, then the caches, what is asked of it, the keys,
 * the entropy, the log. It fits into 80 columns and 24 rows when all is well. What
 * is longer than a line is wrapped, and never cut.
 */
import type { CacheReport, Report } from '../../report/report.ts';
import { fullTime } from '../../log/line.ts';
import { printable, printableValues } from '../../log/printable.ts';
import { byteCount, duration, percent, plural } from '../output.ts';
import { wrap } from '../wrap.ts';
import { type Look, paint } from './paint.ts';
import { fleetRows } from './fleet-rows.ts';
import { bar } from './plots.ts';
import { ticketRows } from './ticket-rows.ts';

const labelCells = 12;

/** Of the table of caches without its bars. */
const tableCells = 60;
const fewestBarCells = 8;

/** The whole screen, a line each. What comes from the daemon can't do anything to the terminal. */
export function screenLines(from: Report, path: string, look: Look): string[] {
  const report = printableValues(from);
  return [
    ...headLines(report, printable(path), look),
    '',
    ...cacheLines(report, look),
    '',
    ...sectionLines(report, look),
  ];
}

function headLines(report: Report, path: string, look: Look): string[] {
  const { problems } = report;
  const worst = problems[0]?.severity;
  const verdict =
    worst === undefined
      ? paint(look, 'good', 'OK'.padEnd(labelCells))
      : worst === 'error'
        ? paint(look, 'bad', 'FAILING'.padEnd(labelCells))
        : paint(look, 'warning', 'WARNING'.padEnd(labelCells));
  const since = fullTime(new Date(report.startedAt));
  const up = `tlsmgr ${report.version}, ${report.mode}, up ${duration(report.uptimeSeconds)}, since ${since}`;
  const [first = '', ...more] = wrap(up, look.columns - labelCells);
  return [
    verdict + paint(look, 'strong', first),
    ...more.map((line) => indented(paint(look, 'strong', line))),
    ...problems.flatMap(({ severity, text }) => {
      const tone = severity === 'error' ? 'bad' : 'warning';
      return rows(severity, text, look).map((line) => paint(look, tone, line));
    }),
    ...rows('socket', path, look),
  ];
}

/** A table, or where that is too wide a sentence a cache. */
function cacheLines(report: Report, look: Look): string[] {
  const barCells = Math.min(30, look.columns - tableCells);
  const isWide = barCells >= fewestBarCells;
  const head = `${'cache'.padEnd(labelCells)}${'full'.padEnd(barCells + 6)}${'entries'.padStart(9)}${'size'.padStart(11)}${'hits'.padStart(6)}  lifetime`;
  const lines = Object.entries(report.caches).flatMap(([label, cache]) => {
    if (!cache.enabled) {
      return rows(label, offText(label, cache), look);
    }
    return isWide ? cacheRow(label, cache, barCells, look) : rows(label, cacheText(cache), look);
  });
  return isWide ? [paint(look, 'faint', head), ...lines] : lines;
}

/** A lifetime of 0 is no problem, so nothing else tells of it. */
function offText(label: string, { database, lifetimeSeconds }: CacheReport): string {
  return database === ''
    ? 'off'
    : lifetimeSeconds === 0
      ? `off (${label}_tls_session_cache_timeout is 0)`
      : `off (${database})`;
}

/** One line; a long name has a line of its own before it. */
function cacheRow(label: string, cache: CacheReport, barCells: number, look: Look): string[] {
  const { entries = 0, bytes = 0, hits = 0, misses = 0 } = cache;
  const share = fullness(cache);
  const tone = (cache.evicted ?? 0) > 0 && share > 0.9 ? 'warning' : 'good';
  const isLong = label.length >= labelCells;
  const row = [
    (isLong ? '' : label).padEnd(labelCells),
    paint(look, tone, bar(share, barCells, look)),
    percent(share, 1).padStart(5).padEnd(6),
    String(entries).padStart(9),
    byteCount(bytes).padStart(11),
    percent(hits, hits + misses).padStart(6),
    `  ${duration(cache.lifetimeSeconds)}`,
  ].join('');
  return isLong ? [label, row] : [row];
}

function cacheText(cache: CacheReport): string {
  const { entries = 0, bytes = 0, hits = 0, misses = 0 } = cache;
  return [
    `${percent(fullness(cache), 1)} full`,
    `${entries} entries`,
    byteCount(bytes),
    `${percent(hits, hits + misses)} hits`,
    `lifetime ${duration(cache.lifetimeSeconds)}`,
  ].join(', ');
}

/** How near a cache is to the limit that it will meet first: 0 to 1. */
function fullness({
  bytes = 0,
  sizeLimitBytes = 0,
  entries = 0,
  entryLimit = 0,
}: CacheReport): number {
  return Math.max(
    sizeLimitBytes === 0 ? 0 : bytes / sizeLimitBytes,
    entryLimit === 0 ? 0 : entries / entryLimit,
  );
}

function sectionLines(report: Report, look: Look): string[] {
  return [
    ...rows('requests', requestText(report), look),
    ...rows('answered', answerText(report), look),
    ...rows('connections', connectionText(report), look),
    ...[...ticketRows(report), ...fleetRows(report.fleet)].flatMap(([label, text]) =>
      rows(label, text, look),
    ),
    ...rows('entropy', poolText(report.prng), look),
    ...logLines(report, look),
    ...rows(
      'process',
      `${report.pid}, ${byteCount(report.process.residentBytes)} resident, ${duration(report.process.processorSeconds)} of processor time, Node ${report.node}`,
      look,
    ),
  ];
}

/** In as many lines as the text takes. */
function rows(label: string, text: string, look: Look): string[] {
  const [first = '', ...more] = wrap(text, look.columns - labelCells);
  return [label.padEnd(labelCells) + first, ...more.map((line) => indented(line))];
}

function indented(line: string): string {
  return ' '.repeat(labelCells) + line;
}

function requestText({ rates, requests }: Report): string {
  const busiest = Object.entries(rates.byName)
    .filter(([, perSecond]) => perSecond > 0)
    .toSorted(([, one], [, other]) => other - one)
    .map(([name, perSecond]) => `${name} ${figure(perSecond)}`);
  const kinds = busiest.length === 0 ? '' : `: ${busiest.join(', ')}`;
  return `${figure(rates.requestsPerSecond)} a second, ${requests.total} in all${kinds}`;
}

function answerText({ rates }: Report): string {
  const { hitRatio, p50Seconds, p99Seconds, overSeconds } = rates;
  const hit = hitRatio === null ? 'no look-ups' : `${percent(hitRatio, 1)} of look-ups hit`;
  const waits =
    p50Seconds === null || p99Seconds === null
      ? ''
      : `, half within ${waitText(p50Seconds)}, 99% within ${waitText(p99Seconds)}`;
  return `${hit}${waits} (last ${duration(overSeconds)})`;
}

function connectionText({ connections, rates }: Report): string {
  const { open, limit, transport, sizeLimitHits, timeLimitHits, connectionLimitHits } = connections;
  const closed = [
    [sizeLimitHits, 'for size'],
    [timeLimitHits, 'for time'],
    [connectionLimitHits, 'to make room'],
  ]
    .filter(([count]) => count !== 0)
    .map(([count, why]) => `${count} ${why}`);
  const limits = closed.length === 0 ? '' : `; closed: ${closed.join(', ')}`;
  // Undefined: a daemon of an earlier version is asked.
  const through = transport ? `, ${transport} transport` : '';
  return `${open} open of ${limit}, ${figure(rates.connectionsPerSecond)} a second${through}${limits}`;
}

function poolText(prng: Report['prng']): string {
  const source = prng.source === '' ? 'no source' : prng.source;
  const health = prng.sourceHealthy ? '' : ' FAILING';
  const reseed =
    prng.lastReseedAgeSeconds === undefined
      ? 'not yet read'
      : `last reseed ${duration(prng.lastReseedAgeSeconds)} ago`;
  return `${source}${health}, ${reseed}, ${prng.reseeds} in all, ${byteCount(prng.bytesServed)} served`;
}

function logLines({ log }: Report, look: Look): string[] {
  const { warnings, errors } = log.lastHour;
  const tone = errors > 0 ? 'bad' : 'warning';
  const counts = `${plural(warnings, 'warning')}, ${plural(errors, 'error')} in the last hour`;
  if (log.last === null) {
    return rows('log', counts, look);
  }
  const { severity, text, ageSeconds } = log.last;
  const last = rows('', `${duration(ageSeconds)} ago: ${severity}: ${text}`, look);
  const recent = warnings + errors > 0;
  return [
    ...rows('log', counts, look),
    ...last.map((line) => paint(look, recent ? tone : 'faint', line)),
  ];
}

/** A rate with what figures count. */
export function figure(value: number): string {
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
}

/** A short time: microseconds or milliseconds. */
export function waitText(seconds: number): string {
  return seconds < 0.001 ? `${Math.round(seconds * 1e6)} us` : `${seconds * 1000} ms`;
}
