/** Asks the person at the terminal. Without one, and without --yes, nothing is changed. */
import { createInterface } from 'node:readline/promises';
import { type CliIo, UsageError } from '../io.ts';

export interface Consent {
  'dry-run'?: boolean | undefined;
  yes?: boolean | undefined;
}

/** @returns the exit status to end with; undefined to go on. */
export async function exitStatusUnlessAgreed(
  consent: Consent,
  io: CliIo,
): Promise<number | undefined> {
  if (consent['dry-run'] === true) {
    io.out('dry run: nothing was changed\n');
    return 0;
  }
  if (consent.yes === true) {
    return undefined;
  }
  if (!process.stdin.isTTY) {
    throw new UsageError(
      'no terminal to ask at, and nothing was changed: --yes goes ahead, --dry-run only looks',
    );
  }
  if (await says('go ahead? [y/N] ')) {
    return undefined;
  }
  io.out('nothing was changed\n');
  return 1;
}

/** End of input, and Ctrl-C, are a no. */
async function says(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new Promise<string>((resolve) => {
    terminal.once('close', () => resolve(''));
  });
  const answer = await Promise.race([terminal.question(question), closed]);
  terminal.close();
  return /^y(?:es)?$/iu.test(answer.trim());
}

/** Root, or a clear word. */
export function requireRoot(consent: Consent): void {
  if (consent['dry-run'] !== true && process.getuid?.() !== 0) {
    throw new UsageError('only root can change master.cf; --dry-run shows what would change');
  }
}
