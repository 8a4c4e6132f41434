/**
 * The entry: scripts/build.mjs makes dist/program/main.js of it, in CommonJS format,
 * which Node loads sooner than a module. A first argument that isn't an option names
 * a verb for people. `--help`, `-h` and `--version` are for people as well, as
 * Postfix's daemons have no such options. Everything else starts the daemon, with
 * master(8)'s generic options. Only the code of the one that is wanted is loaded.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { StartRecord } from './daemon/start-record.ts';
import { nameProcess } from './daemon/process-name.ts';
import { codeCacheVariable, loadCompiled } from './system/code-cache.ts';
import { lowerHelperThreads } from './system/helper-threads.ts';

// Without a handler Node opens its debugger on a port at this signal, as root if root runs it.
process.on('SIGUSR1', () => process.kill(process.pid, 'SIGTERM'));

const args = process.argv.slice(2);
const [first] = args;
const isOfMaster = process.env['GENERATION'] !== undefined;
const forPeople = ['--help', '-h', '--version'];

lowerHelperThreads();
nameProcess(args, isOfMaster ? process.env['MAIL_CONFIG'] : undefined);

if (first !== undefined && (!first.startsWith('-') || isForPeople(first))) {
  void runVerb(first);
} else {
  void startDaemon();
}

async function runVerb(name: string): Promise<void> {
  const file = pathToFileURL(join(import.meta.dirname, 'verbs.mjs')).href;
  const verbs = (await import(file)) as typeof import('./cli/run.ts');
  process.exitCode = await verbs.runVerb(name, args.slice(1));
}

/**
 * Writes a failure to load, and one before there is a log, to the record of
 * starts. The launcher logs it and starts Postfix's own tlsmgr instead.
 */
async function startDaemon(): Promise<void> {
  const record = new StartRecord(process.env);
  try {
    const { rehearseDaemon, runDaemon } = loadDaemon();
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

function loadDaemon(): typeof import('./daemon/run.ts') {
  const cacheTo = process.env[codeCacheVariable];
  const file = join(import.meta.dirname, 'daemon.js');
  return loadCompiled(file, cacheTo).exports as typeof import('./daemon/run.ts');
}

/** A process that master(8) starts has GENERATION in its environment, and never prints help. */
function isForPeople(argument: string): boolean {
  return forPeople.includes(argument) && !isOfMaster;
}
