/** Runs a program to its end, with input, and gives all it printed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface CommandResult {
  /** Undefined when a signal ended it. */
  status: number | undefined;
  /** stdout and stderr, as they came. */
  output: string;
}

const limitMs = 60_000;

/** Ends the program by SIGKILL when it has not ended in a minute. */
export async function runCommand(
  command: string,
  args: readonly string[],
  input = '',
): Promise<CommandResult> {
  const child = spawn(command, args, { timeout: limitMs, killSignal: 'SIGKILL' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('latin1').on('data', (text: string) => {
      output += text;
    });
  }
  // It may end without having read all of its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [status] = (await once(child, 'close')) as [number | null];
  return { status: status ?? undefined, output };
}

/** @throws Error with the output unless the program exits with 0. */
export async function mustRun(
  command: string,
  args: readonly string[],
  input = '',
): Promise<string> {
  const { status, output } = await runCommand(command, args, input);
  if (status !== 0) {
    throw new Error(`${command} ${args.join(' ')}: exit status ${status}\n${output}`);
  }
  return output;
}
