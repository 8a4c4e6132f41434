import { printable, printableLines } from '../log/printable.ts';

/** Where a verb writes and what it reads of its surroundings: handed in, so that a test can look. */
export interface CliIo {
  /** Lines. What a terminal would obey is escaped, so a value needs printable() only for its line feeds. */
  out(text: string): void;
  err(text: string): void;
  /** Lines with colours of ours, written as they are: every value in them is printable() already. */
  screen(text: string): void;
  environment: NodeJS.ProcessEnv;
  /** Of `-c`. */
  configDirectory?: string;
}

/** The two ends of a verb, with what doesn't belong on a terminal escaped. */
export function printableIo(io: CliIo): CliIo {
  return {
    ...io,
    out: (text) => io.out(printableLines(text)),
    err: (text) => io.err(printableLines(text)),
  };
}

/** One line on standard error, whatever is in the text. */
export function complain(io: CliIo, severity: 'warning' | 'fatal', text: string): void {
  io.err(`tlsmgr: ${severity}: ${printable(text)}\n`);
}

/** What is wrong with the arguments; shown with the verb's usage, exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
