/**
 * One line as the Monitoring Plugins have it, for Nagios, Icinga and whatever
 * calls their plugins:
 *
 *     line = "TLSMGR " word " - " text [ " | " value *( " " value ) ]
 *     value = name "=" number [unit] ";" [warning] ";" [critical] ";" [least] ";" [most]
 *
 * See https://www.monitoring-plugins.org/doc/guidelines.html.
 */
import { printable } from '../../log/printable.ts';
import type { Report } from '../../report/report.ts';
import { duration } from '../output.ts';
import { type Health, healthOf } from './health.ts';

const words: Readonly<Record<Health, string>> = {
  fine: 'OK',
  warning: 'WARNING',
  error: 'CRITICAL',
};

export function nagiosLine(report: Report): string {
  const { problems, version, uptimeSeconds } = report;
  const text =
    problems.length === 0
      ? `tlsmgr ${version}, up ${duration(uptimeSeconds)}`
      : problems.map((problem) => problem.text).join('; ');
  return line(words[healthOf(report)], text, ` | ${performance(report).join(' ')}`);
}

/** For a daemon that can't be asked. */
export function unknownLine(reason: string): string {
  return line('UNKNOWN', reason, '');
}

/** A bar would begin the figures. */
function line(word: string, text: string, figures: string): string {
  return `TLSMGR ${word} - ${printable(text).replaceAll('|', '/')}${figures}\n`;
}

function performance({ rates, connections, caches, process: ours, fleet }: Report): string[] {
  const { requestsPerSecond, hitRatio, p99Seconds } = rates;
  return [
    `requests=${rounded(requestsPerSecond)};;;0;`,
    // Without look-ups there is no such value.
    ...(hitRatio === null ? [] : [`hits=${rounded(hitRatio * 100)}%;;;0;100`]),
    ...(p99Seconds === null ? [] : [`p99=${p99Seconds}s;;;0;`]),
    `connections=${connections.open};;;0;${connections.limit}`,
    `memory=${ours.residentBytes}B;;;0;`,
    ...Object.entries(caches)
      .filter(([, { enabled }]) => enabled)
      .flatMap(([label, { entries = 0, bytes = 0, sizeLimitBytes = 0 }]) => {
        const most = sizeLimitBytes === 0 ? '' : sizeLimitBytes;
        return [`${label}_entries=${entries};;;0;`, `${label}_bytes=${bytes}B;;;0;${most}`];
      }),
    ...fleetFigures(fleet),
  ];
}

/** A daemon of an earlier version knows of none. */
function fleetFigures(fleet: Report['fleet'] | undefined): string[] {
  if (fleet === undefined || fleet === null || fleet.engine === null) {
    return [];
  }
  const { engine, hostCounts } = fleet;
  const { latencyMs } = engine;
  return [
    `engine_up=${engine.connection === 'up' ? 1 : 0};;;0;1`,
    ...(latencyMs === null ? [] : [`engine_p99=${latencyMs.p99 / 1000}s;;;0;`]),
    `hosts=${hostCounts.seen - hostCounts.away};;;0;`,
    `hosts_away=${hostCounts.away};;;0;`,
  ];
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
