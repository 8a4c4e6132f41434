/**
 * The entry: a first argument that is no option names a verb for people, and
 * `--help`, `-h` and `--version` are for people as well: no generic option of
 * Postfix's daemons is called so. Everything else is the daemon with master(8)'s
 * generic options. Only what is needed of the two is loaded.
 */
import { StartRecord } from './daemon/start-record.ts';
import { nameProcess } from './daemon/process-name.ts';

// Without a handler Node opens its debugger on a port, and for root as root.
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
 * What can't be loaded, or breaks before there is a log, goes into the record
 * of starts: the launcher logs it, and hands over to Postfix's own tlsmgr.
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

/** master(8) numbers its processes: what it starts gets no help. */
function isForPeople(argument: string): boolean {
  return forPeople.includes(argument) && !isOfMaster;
}
