/**
 * The screen of `status` again and again, in place, with plots of the last
 * minutes. It goes on when the daemon goes away, and says so. `q` or Ctrl-C
 * ends it; the terminal is as it was then, whatever ended it.
 */
import { constants } from 'node:os';
import type { ReadStream, WriteStream } from 'node:tty';
import { TlsmgrClient } from '../../client/client.ts';
import type { HistoryPoint } from '../../report/history.ts';
import type { Report } from '../../report/report.ts';
import { messageOf } from '../../errors.ts';
import { printable, printableValues } from '../../log/printable.ts';
import { duration } from '../output.ts';
import type { Place } from '../probe.ts';
import { requireReport } from '../report-check.ts';
import { wrap } from '../wrap.ts';
import { type Look, lookOf, paint } from './paint.ts';
import { sparkline } from './plots.ts';
import { figure, screenLines, waitText } from './screen.ts';

export interface WatchOptions {
  place: Place;
  intervalSeconds: number;
  environment: NodeJS.ProcessEnv;
  output: WriteStream;
  input: ReadStream;
}

const escape = '\u001B[';
const openScreen = `${escape}?1049h${escape}?25l`;
const closeScreen = `${escape}?25h${escape}?1049l`;
const home = `${escape}H`;
const clearLine = `${escape}K`;
const clearBelow = `${escape}J`;

const endingKeys = ['q', 'Q', '\u0003', '\u0004'];
const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
/** A daemon that doesn't answer for so long is told as away. */
const patienceMs = 3000;

/** @returns the exit status. */
export async function watch(options: WatchOptions): Promise<number> {
  const { place, output, intervalSeconds } = options;
  const connect = (): TlsmgrClient => new TlsmgrClient({ ...place, deadlineMs: patienceMs });
  let client = connect();
  const end = untilEnd(options);
  let last: Report | undefined;
  let awaySinceMs: number | undefined;
  output.write(openScreen);
  try {
    for (;;) {
      let trouble: string | undefined;
      try {
        last = requireReport(await client.stats());
        awaySinceMs = undefined;
      } catch (thrown) {
        awaySinceMs ??= performance.now();
        const seconds = (performance.now() - awaySinceMs) / 1000;
        // The pauses that a client makes after failures are longer than a person's interval.
        await client.close();
        client = connect();
        trouble = `NO ANSWER for ${duration(seconds)}: ${messageOf(thrown)}`;
      }
      draw(options, last, trouble);
      const code = await end.within(intervalSeconds * 1000, () => draw(options, last, trouble));
      if (code !== undefined) {
        return code;
      }
    }
  } finally {
    end.stop();
    output.write(closeScreen);
    await client.close();
  }
}

function draw(
  options: WatchOptions,
  report: Report | undefined,
  trouble: string | undefined,
): void {
  const { output, environment, place } = options;
  const look = lookOf(environment, output);
  const lines: string[] = [];
  if (trouble !== undefined) {
    const told = wrap(printable(trouble), look.columns);
    lines.push(...told.map((line) => paint(look, 'bad', line)), '');
  }
  if (report !== undefined) {
    lines.push(...screenLines(report, place.socketPath, look), '', ...plotLines(report, look));
  }
  // A screen that is too long would scroll.
  const shown = lines.slice(0, Math.max(1, (output.rows || 24) - 1));
  output.write(home + shown.map((line) => `${line}${clearLine}\n`).join('') + clearBelow);
}

/** One plot a line, each with the newest value. */
function plotLines({ history }: Report, look: Look): string[] {
  const { points } = printableValues(history);
  const cells = Math.max(1, Math.min(60, look.columns - 30));
  const line = (
    label: string,
    value: (point: HistoryPoint) => number | null,
    text: (value: number) => string,
  ): string => {
    const values = points.map((point) => value(point));
    const newest = values.findLast((found) => found !== null);
    const plot = paint(look, 'good', sparkline(values, cells, look));
    return `${label.padEnd(14)}${plot}  ${newest === undefined || newest === null ? '-' : text(newest)}`;
  };
  return [
    line('requests/s', ({ requestsPerSecond }) => requestsPerSecond, figure),
    line('connections/s', ({ connectionsPerSecond }) => connectionsPerSecond, figure),
    line(
      'hits',
      ({ hitRatio }) => hitRatio,
      (ratio) => `${Math.round(ratio * 100)}%`,
    ),
    line('99% within', ({ p99Seconds }) => p99Seconds, waitText),
  ];
}

interface End {
  /** @returns the exit status when it is time to end, undefined after so long. */
  within(milliseconds: number, resized: () => void): Promise<number | undefined>;
  stop(): void;
}

/** Keys and signals. The terminal is raw meanwhile, so Ctrl-C is a key. */
function untilEnd({ input, output }: WatchOptions): End {
  let code: number | undefined;
  let wake = (): void => {};
  const finish = (status: number): void => {
    code ??= status;
    wake();
  };
  const onKey = (keys: Buffer): void => {
    const typed = keys.toString('latin1');
    if (endingKeys.some((key) => typed.includes(key))) {
      finish(0);
    }
  };
  const handlers = endingSignals.map((signal) => {
    const handler = (): void => finish(128 + constants.signals[signal]);
    process.on(signal, handler);
    return { signal, handler };
  });
  input.setRawMode(true);
  input.on('data', onKey);
  const onHangUp = (): void => finish(0);
  input.on('end', onHangUp);
  return {
    async within(milliseconds, resized) {
      if (code === undefined) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, milliseconds);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
          output.on('resize', resized);
        });
        output.off('resize', resized);
      }
      return code;
    },
    stop() {
      input.off('data', onKey);
      input.off('end', onHangUp);
      input.setRawMode(false);
      input.pause();
      for (const { signal, handler } of handlers) {
        process.off(signal, handler);
      }
    },
  };
}
