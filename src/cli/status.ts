/** tlsmgr status: how a running daemon is, for people, again and again, or as JSON. */
import { isatty } from 'node:tty';
import { parseArgs } from 'node:util';
import { type CliIo, UsageError } from './io.ts';
import { placeOf, reportOf, socketOption, tellPlace, withClient } from './reach.ts';
import { lookOf } from './status/paint.ts';
import { screenLines } from './status/screen.ts';
import { readSessionFile } from './status/session-file.ts';
import { isCached, judge, verdictText } from './status/ticket.ts';

const usualIntervalSeconds = 2;
const shortestIntervalSeconds = 0.1;

export async function runStatus(args: readonly string[], io: CliIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...socketOption,
      json: { type: 'boolean' },
      watch: { type: 'boolean' },
      interval: { type: 'string' },
      ticket: { type: 'string' },
    },
  });
  if (values.watch === true) {
    if (values.json === true || values.ticket !== undefined) {
      throw new UsageError('--watch goes with neither --json nor --ticket');
    }
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
  return 0;
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
  const seconds = text === undefined ? usualIntervalSeconds : Number(text);
  if (!(seconds >= shortestIntervalSeconds)) {
    throw new UsageError(`--interval: ${shortestIntervalSeconds} seconds at least`);
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
