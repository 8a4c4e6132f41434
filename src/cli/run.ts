/**
 * Runs what a command line asks for. Exit status: 0 done, 1 failed, 2 wrong
 * arguments; a verb that monitoring calls has its own (verbs.ts).
 */
import { parseArgs } from 'node:util';
import { messageOf } from '../errors.ts';
import { findVerb } from './about.ts';
import { usageText, verbHelp } from './help.ts';
import { type CliIo, complain, printableIo, UsageError } from './io.ts';
import type { Given, Options } from './options.ts';
import type { Verb } from './verbs.ts';

/** Options that stand where a verb does. */
const asVerbs: Readonly<Record<string, string>> = {
  '--help': 'help',
  '-h': 'help',
  '--version': 'version',
};

const helpOption = { help: { type: 'boolean', short: 'h' } } as const;

/** Runs the verb of a command line. @returns the exit status. */
export async function runVerb(
  name: string,
  args: readonly string[],
  surroundings: CliIo = processIo,
): Promise<number> {
  const io = printableIo(surroundings);
  const verb = findVerb(Object.hasOwn(asVerbs, name) ? asVerbs[name]! : name, io);
  return verb === undefined ? 2 : run(verb, args, io);
}

async function run(verb: Verb, args: readonly string[], io: CliIo): Promise<number> {
  const failed = verb.statuses?.failed ?? 1;
  statusOfLostOutput = failed;
  try {
    const given = parse(verb, args);
    if (given === undefined) {
      io.out(verbHelp(verb));
      return 0;
    }
    const { config } = given.values as { config?: string };
    const perform = await verb.load();
    return await perform(given, config === undefined ? io : { ...io, configDirectory: config });
  } catch (thrown) {
    if (isUsageFault(thrown)) {
      // Node explains some faults in several lines.
      complain(io, 'fatal', messageOf(thrown).replaceAll('\n', ' '));
      io.err(usageText(verb));
      return verb.statuses?.failed ?? 2;
    }
    complain(io, 'fatal', messageOf(thrown));
    return failed;
  }
}

/** Undefined: help was asked for. */
function parse(verb: Verb, args: readonly string[]): Given<Options> | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...verb.options, ...helpOption },
  });
  if (values['help'] === true) {
    return undefined;
  }
  const extra = verb.words.at(-1)?.repeated === true ? undefined : positionals[verb.words.length];
  if (extra !== undefined) {
    throw new UsageError(`unexpected command-line argument: ${extra}`);
  }
  return { values, words: positionals };
}

function isUsageFault(thrown: unknown): boolean {
  const code = (thrown as { code?: unknown } | undefined)?.code;
  return (
    thrown instanceof UsageError || (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS'))
  );
}

/** The exit status of the verb that runs, when nothing can be written any more. */
let statusOfLostOutput = 1;

// A reader that has seen enough, `tlsmgr list smtpd | head`, is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') {
    process.exit(0);
  }
  complain(processIo, 'fatal', `standard output: ${error.message}`);
  process.exit(statusOfLostOutput);
});

const processIo: CliIo = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  screen: (text) => void process.stdout.write(text),
  environment: process.env,
};
