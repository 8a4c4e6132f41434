/**
 * tlsmgr status: how a running daemon is, for people, again and again, for
 * monitoring, or as JSON. Exit status: 0 fine, 1 a warning, 2 an error; 3 when
 * nobody answers, which runVerb() gives for what is thrown.
 */
import { isatty } from 'node:tty';
import { messageOf } from '../errors.ts';
import { type CliIo, UsageError } from './io.ts';
import { decimalNumber } from './numbers.ts';
import type { Given, statusOptions } from './options.ts';
import { placeOf, reportOf, tellPlace, withClient } from './reach.ts';
import { healthOf, healthStatuses } from './status/health.ts';
import { nagiosLine, unknownLine } from './status/nagios.ts';
import { lookOf } from './status/paint.ts';
import { screenLines } from './status/screen.ts';
import { readSessionFile } from './status/session-file.ts';
import { isCached, judge, verdictText } from './status/ticket.ts';

const usualIntervalSeconds = 2;
const shortestIntervalSeconds = 0.1;
const longestIntervalSeconds = 3600;

export async function runStatus(
  { values }: Given<typeof statusOptions>,
  io: CliIo,
): Promise<number> {
  const forms = ['watch', 'json', 'nagios'] as const;
  const [form, second] = forms.filter((name) => values[name] === true);
  if (second !== undefined) {
    throw new UsageError(`--${form} doesn't go with --${second}`);
  }
  if (values.ticket !== undefined && (form === 'watch' || form === 'nagios')) {
    throw new UsageError(`--${form} doesn't go with --ticket`);
  }
  if (form === 'nagios') {
    return tellMonitoring(values.socket, io);
  }
  if (form === 'watch') {
    return startWatch(values.socket, intervalOf(values.interval), io);
  }
  if (values.ticket !== undefined) {
    return tellOfTicket(values.ticket, values.socket, values.json === true, io);
  }
  const place = placeOf(values.socket, io);
  const report = await reportOf(place);
  const path = place.socketPath;
  if (values.json === true) {
    io.out(`${JSON.stringify({ socket: path, ...report }, undefined, 2)}\n`);
  } else {
    const look = lookOf(io.environment, isatty(1) ? process.stdout : undefined);
    io.screen(`${screenLines(report, path, look).join('\n')}\n`);
  }
  return healthStatuses[healthOf(report)];
}

/** Monitoring reads standard output alone. */
async function tellMonitoring(socket: string | undefined, io: CliIo): Promise<number> {
  try {
    const report = await reportOf(placeOf(socket, io));
    io.out(nagiosLine(report));
    return healthStatuses[healthOf(report)];
  } catch (thrown) {
    io.out(unknownLine(messageOf(thrown)));
    return 3;
  }
}

/** @returns 0 when it would resume, 1 when not. */
async function tellOfTicket(
  file: string,
  socket: string | undefined,
  json: boolean,
  io: CliIo,
): Promise<number> {
  const session = readSessionFile(file);
  const place = placeOf(socket, io);
  tellPlace(socket, place, io);
  const report = await reportOf(place);
  const nowSeconds = Math.floor(Date.now() / 1000);
  const verdict = await judge(session, report, nowSeconds, (id) =>
    withClient(place, (client) => isCached(client, id)),
  );
  io.out(json ? `${JSON.stringify(verdict, undefined, 2)}\n` : verdictText(verdict));
  return verdict.resumes ? 0 : 1;
}

function intervalOf(text: string | undefined): number {
  const seconds = text === undefined ? usualIntervalSeconds : decimalNumber(text);
  if (!(seconds >= shortestIntervalSeconds && seconds <= longestIntervalSeconds)) {
    throw new UsageError(
      `--interval: ${shortestIntervalSeconds} to ${longestIntervalSeconds} seconds: ${text}`,
    );
  }
  return seconds;
}

async function startWatch(
  socket: string | undefined,
  intervalSeconds: number,
  io: CliIo,
): Promise<number> {
  if (!isatty(0) || !isatty(1)) {
    throw new UsageError('--watch needs a terminal; scripts use --json');
  }
  const { watch } = await import('./status/watch.ts');
  return watch({
    place: placeOf(socket, io),
    intervalSeconds,
    environment: io.environment,
    output: process.stdout,
    input: process.stdin,
  });
}
