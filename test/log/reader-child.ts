/**
 * Reads a log socket as a syslogd does, and keeps up: run with the path as
 * argument. Says `ready` on standard output, then, after a line that ends with
 * `: end`, what it got as JSON.
 */
import { DatagramCollector } from './collector.ts';

export interface ReadLines {
  /** Numbered lines. */
  received: number;
  /** As lines about lost messages count them. */
  lost: number;
  /** The first line that wasn't the next one. */
  unexpected: string | null;
}

const [path] = process.argv.slice(2) as [string];
const collector = new DatagramCollector(path);
process.stdout.write('ready\n');
const result: ReadLines = { received: 0, lost: 0, unexpected: null };
for (let line = ''; !line.endsWith(': end');) {
  line = collector.wait().toString('latin1');
  const [, number] = /: (\d+) text$/u.exec(line) ?? [];
  const [, lost] = /: warning: (\d+) messages? w\w+ lost here/u.exec(line) ?? [];
  if (number !== undefined && Number(number) === result.received + result.lost) {
    result.received += 1;
  } else if (lost !== undefined) {
    result.lost += Number(lost);
  } else if (!line.endsWith(': end')) {
    result.unexpected ??= line;
  }
}
process.stdout.write(`${JSON.stringify(result)}\n`);
