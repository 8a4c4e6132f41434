/** tlsmgr status: how a running daemon is, for people, again and again, or as JSON. */
import { isatty } from 'node:tty';
import { parseArgs } from 'node:util';
import type { Report } from '../daemon/report.ts';
import { TlsmgrError } from '../errors.ts';
import { type CliIo, UsageError } from './io.ts';
import { placeOf, socketOption, withDaemon } from './reach.ts';
import { lookOf } from './status/paint.ts';
import { screenLines } from './status/screen.ts';

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
    },
  });
  if (values.watch === true) {
    if (values.json === true) {
      throw new UsageError('--watch and --json exclude each other');
    }
    return startWatch(values.socket, intervalOf(values.interval), io);
  }
  return withDaemon(values.socket, io, async (client, path) => {
    const report = await client.stats().catch((thrown: unknown) => notOurs(thrown, path));
    if (values.json === true) {
      io.out(`${JSON.stringify({ socket: path, ...(report as Report) }, undefined, 2)}\n`);
    } else {
      const look = lookOf(io.environment, isatty(1) ? process.stdout : undefined);
      io.out(`${screenLines(report as Report, path, look).join('\n')}\n`);
    }
    return 0;
  });
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

/** The original answers as well, and knows no such request. */
function notOurs(thrown: unknown, path: string): never {
  if (thrown instanceof TlsmgrError && thrown.code === 'REFUSED') {
    throw new TlsmgrError('REFUSED', `${path}: Postfix's own tlsmgr serves here: it has no status`);
  }
  throw thrown;
}
