/**
 * The entry. A first argument that isn't an option names a verb for people.
 * `--help`, `-h` and `--version` are for people as well, as Postfix's daemons have
 * no such options. Everything else starts the daemon, with master(8)'s generic
 * options. Only the code of the one that is wanted is loaded.
 */
import { StartRecord } from './daemon/start-record.ts';
import { nameProcess } from './daemon/process-name.ts';

// Without a handler Node opens its debugger on a port at this signal, as root if root runs it.
process.on('SIGUSR1', () => process.kill(process.pid, 'SIGTERM'));

const args = process.argv.slice(2);
const [first] = args;
const isOfMaster = process.env['GENERATION'] !== undefined;

nameProcess(args, isOfMaster ? process.env['MAIL_CONFIG'] : undefined);

const forPeople = ['--help', '-h', '--version'];

if (first !== undefined && (!first.startsWith('-') || isForPeople(first))) {
  const { runVerb } = await import('./cli/run.ts');
  process.exitCode = await runVerb(first, args.slice(1));
} else {
  await startDaemon();
}

/**
 * Writes a failure to load, and one before there is a log, to the record of
 * starts. The launcher logs it and starts Postfix's own tlsmgr instead.
 */
async function startDaemon(): Promise<void> {
  const record = new StartRecord(process.env);
  try {
    const { rehearseDaemon, runDaemon } = await import('./daemon/run.ts');
    if (process.env['TLSMGR_REHEARSAL'] === undefined) {
      await runDaemon(args, record);
    } else {
      rehearseDaemon(args);
    }
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    if (!record.failed(reason)) {
      throw thrown;
    }
  }
}

/** A process that master(8) starts has GENERATION in its environment, and never prints help. */
function isForPeople(argument: string): boolean {
  return forPeople.includes(argument) && !isOfMaster;
}
