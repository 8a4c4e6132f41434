/**
 * The daemon as master(8) starts it, top to bottom in the order of
 * src/master/multi_server.c and src/tlsmgr/tlsmgr.c:
 *
 *      1  log as the environment says
 *      2  options, main.cf, all parameters checked
 *      3  log as main.cf says
 *      4  by hand? process limit, transport, generation, descriptors
 *      5  chdir to queue_directory
 *      6  as root: entropy source opened, not read; files of the fleet read
 *      7  as mail_owner: exchange file, cache files
 *      8  root given up, chroot
 *      9  first read of the source, exchange file stirred in and written
 *     10  serve, until master lets go or a signal comes
 *
 * What is needed after step 8 is loaded and opened before it. A FatalError on
 * the way is logged as `fatal:`, and a second later the process exits with 1.
 */
import { isatty } from 'node:tty';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { openMainCf } from '../config/settings.ts';
import { FatalError, messageOf } from '../errors.ts';
import { openFleet } from '../fleet/open-fleet.ts';
import { consoleLogger } from '../log/console-logger.ts';
import { MailLogger } from '../log/mail-logger.ts';
import type { ProcessLogger } from '../log/process-logger.ts';
import { openMetricsEndpoint } from '../metrics/open-endpoint.ts';
import { Prng } from '../prng/prng.ts';
import { sharedSimdBase64 } from '../protocol/base64/simd.ts';
import { openCaches } from '../sessions/caches.ts';
import { roomOf } from '../sessions/memory-share.ts';
import { listenOnDescriptor } from '../socket/listener.ts';
import { reasonOf, setCloseOnExec } from '../system/calls.ts';
import { systemClock } from '../system/clock.ts';
import { redirectFile } from '../system/data-redirect.ts';
import { memoryLimits } from '../system/memory-limits.ts';
import { checkDescriptors, closeInheritedOnExec, firstListener } from './descriptors.ts';
import { die, leave, panicOnUncaught } from './exit.ts';
import { generationOf, type MasterWatch, watchMaster } from './master-channel.ts';
import { type DaemonOptions, parseDaemonOptions } from './options.ts';
import {
  asMailOwner,
  dropPrivileges,
  type PrivilegeOptions,
  releaseLowPorts,
  startThreads,
} from './privileges.ts';
import { openProcessFigures } from '../report/process-figures.ts';
import { forbidCores, raiseOpenFiles } from './process-limits.ts';
import { assembleTlsmgr, type Tlsmgr } from './tlsmgr.ts';
import { ServedNotice } from './served-notice.ts';
import { openSettling } from './settle.ts';
import { serveStandardInput } from './standard-input.ts';
import type { StartRecord } from './start-record.ts';
import { limitStart, startIsOver, startWatchdog } from './watchdog.ts';
import { wakeNext } from './wake-next.ts';

/** About what the first sessions take. */
const firstSessionsBytes = 16 * 1024 * 1024;

/** `-V` makes it speak on standard error too. */
type StartLog = ProcessLogger & Pick<MailLogger, 'copyToStderr'>;

const byHand = 'do not run this command by hand';

const endingSignals = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const;

/** Runs the daemon; returns once it serves. */
export async function runDaemon(args: readonly string[], record: StartRecord): Promise<void> {
  limitStart();
  const program = programName();
  const log = new MailLogger({ program, environment: process.env });
  panicOnUncaught(log, record);
  try {
    await start(args, program, log, record);
  } catch (thrown) {
    if (isForPerson(args, thrown)) {
      log.copyToStderr('tlsmgr');
      log.info(
        'tlsmgr help lists what it does for people; to serve without master(8): tlsmgr serve',
      );
    }
    die(log, thrown, record);
  }
}

/**
 * Whether a person has started this, who may not look into the mail log. master(8)
 * numbers its processes, and gives them options of a letter.
 */
function isForPerson([first = '--']: readonly string[], thrown: unknown): boolean {
  const isOfMaster = process.env['GENERATION'] !== undefined || !first.startsWith('--');
  return thrown instanceof FatalError && (!isOfMaster || thrown.message === byHand);
}

/**
 * What can fail in a start for want of a right or of memory, and for a
 * parameter; says so on standard error. Nothing is opened that outlasts it, and
 * nothing logged. Ends the process.
 */
export function rehearseDaemon(args: readonly string[]): never {
  const log: StartLog = Object.assign(consoleLogger({ tag: 'tlsmgr', withTime: false }), {
    copyToStderr: () => undefined,
  });
  try {
    const { options, config } = readSettings(args, programName(), log);
    checkCircumstances(options, config, log);
    dropPrivileges(privilegesOf(options, config));
    forbidCores(log);
    Buffer.alloc(firstSessionsBytes, 1);
    sharedSimdBase64();
  } catch (thrown) {
    log.fatal(messageOf(thrown));
    process.exit(1);
  }
  process.exit(0);
}

function programName(): string {
  return process.env['TLSMGR_ARGV0'] ?? process.argv[1] ?? 'tlsmgr';
}

async function start(
  args: readonly string[],
  program: string,
  log: MailLogger,
  record: StartRecord,
): Promise<void> {
  const { options, config } = readSettings(args, program, log);
  log.reopen(config.log);
  for (const { text } of config.faults) {
    log.error(text);
  }
  if (process.execArgv.includes('--jitless')) {
    log.warning(
      "node can't make code executable here: serving without compiled code, which is slower",
    );
  }
  if (log.verbose > 1) {
    for (const [name, value] of config.text) {
      log.info(`parameter ${name} = ${value}`);
    }
  }
  const generation = checkCircumstances(options, config, log);
  if (record.descriptor !== undefined) {
    setCloseOnExec(record.descriptor);
  }

  const master = options.stdio
    ? undefined
    : watchMaster(() => leaveLate(log), config.transport !== 'socket');
  chdir(config.queueDirectory);
  const figures = openProcessFigures();
  const settle = openSettling();
  const prng = new Prng(config.random, { log, clock: systemClock });
  await prng.openSource();
  const fleet = options.stdio ? undefined : await openFleet(config, { log, clock: systemClock });
  const metrics = options.stdio
    ? undefined
    : await openMetricsEndpoint(config, log, releaseLowPorts);
  const { caches, egdListener, metricsListener } = asMailOwner(config.mailOwner, () => {
    const { exchangeName } = config.random;
    prng.openExchangeFile(exchangeName === '' ? '' : redirectFile(exchangeName, config, log));
    return {
      egdListener: prng.openEgdListener(),
      metricsListener: metrics?.listenOnPath(),
      caches: openCaches(cacheSettingsOf(config, options), {
        log,
        clock: systemClock,
        room: roomOf(memoryLimits()),
        share: fleet?.share,
      }),
    };
  });
  await unlessRefused(egdListener, log);
  await metricsListener;
  await metrics?.listenOnPort();
  if (metrics?.needsLowPort === true) {
    await startThreads();
  }
  dropPrivileges({
    ...privilegesOf(options, config),
    keepLowPorts: metrics?.needsLowPort === true,
  });
  forbidCores(log);

  const notice = new ServedNotice(generation, record, settle);
  const tlsmgr = assembleTlsmgr({
    config,
    log,
    prng,
    caches,
    fleet,
    figures,
    metricsFault: () => metrics?.fault ?? '',
    mode: 'daemon',
    ...(options.stdio ? {} : { firstAnswer: () => notice.tell() }),
  });
  const end = (): never => leave(log, () => tlsmgr.close(), record);
  for (const signal of endingSignals) {
    process.on(signal, end);
  }
  prng.start();
  fleet?.start();
  metrics?.serve(tlsmgr.report, tlsmgr.limiter.warn);
  if (master === undefined) {
    startIsOver();
    await serveStandardInput(tlsmgr.socketServer.dispatcher);
    return end();
  }
  await serve(options, config, tlsmgr, { master, log, end });
  notice.startsToServe();
}

/** The record is left as it is: this start has failed, and the next one may have written to it. */
function leaveLate(log: MailLogger): never {
  log.warning('not serving yet though master has let go -- exiting');
  return leave(log, () => undefined);
}

/** What answers one request on standard input isn't the service that the files belong to. */
function cacheSettingsOf(config: Config, { stdio }: DaemonOptions): Config {
  return stdio ? { ...config, otherDatabases: undefined } : config;
}

/** What only ours offers is left out when it can't be had: it is no reason to stop mail. */
async function unlessRefused(optional: Promise<void>, log: MailLogger): Promise<void> {
  try {
    await optional;
  } catch (thrown) {
    if (!(thrown instanceof FatalError)) {
      throw thrown;
    }
    log.error(`${thrown.message}: no entropy is served there`);
  }
}

function privilegesOf(options: DaemonOptions, config: Config): PrivilegeOptions {
  return {
    owner: config.mailOwner,
    dropRoot: options.unprivileged,
    chrootDirectory: options.chroot ? config.queueDirectory : undefined,
    keepLowPorts: false,
  };
}

/** Options and main.cf: whatever is wrong there is said before anything is opened. */
function readSettings(
  args: readonly string[],
  program: string,
  log: StartLog,
): { options: DaemonOptions; config: Config } {
  const name = program.slice(program.lastIndexOf('/') + 1);
  const common = {
    environment: process.env,
    programName: name,
    mode: 'daemon',
    warn: (text: string) => log.warning(text),
  } as const;
  // A broken line of main.cf wins over a bad option, as in Postfix.
  const mainCf = openMainCf(common);
  const options = parseDaemonOptions(args, process.env, {
    logToStderr: () => log.copyToStderr(),
  });
  log.verbose = options.verbose;
  const config = loadConfig({
    ...common,
    mainCf,
    overrides: options.overrides,
    serviceName: options.serviceName ?? name,
  });
  return { options, config };
}

/** @returns the generation. */
function checkCircumstances(options: DaemonOptions, config: Config, log: StartLog): number {
  if (!options.stdio && !options.nonDetached && isatty(0)) {
    throw new FatalError(byHand);
  }
  const [word] = options.words;
  if (word !== undefined) {
    throw new FatalError(`unexpected command-line argument: ${word}`);
  }
  if (!options.stdio) {
    if (!options.limitOne) {
      throw new FatalError(`service ${config.serviceName} requires a process limit of 1`);
    }
    checkTransport(options.transport);
  }
  const generation = generationOf(process.env);
  if (!options.stdio) {
    checkDescriptors(options.socketCount);
    closeInheritedOnExec(options.socketCount);
  }
  raiseOpenFiles(log);
  return generation;
}

function checkTransport(transport: string | undefined): void {
  if (transport === undefined) {
    throw new FatalError('no transport type specified');
  }
  if (!/^(?:unix|inet)$/iu.test(transport)) {
    throw new FatalError(`unsupported transport type: ${transport}`);
  }
}

function chdir(directory: string): void {
  try {
    process.chdir(directory);
  } catch (thrown) {
    throw new FatalError(`chdir("${directory}"): ${reasonOf(thrown)}`, { cause: thrown });
  }
}

async function serve(
  options: DaemonOptions,
  config: Config,
  tlsmgr: Tlsmgr,
  { master, log, end }: { master: MasterWatch; log: MailLogger; end: () => never },
): Promise<void> {
  const { transport } = config;
  const listenerOptions = { log, warn: tlsmgr.limiter.warn, transport };
  for (let index = 0; index < options.socketCount; index += 1) {
    await listenOnDescriptor(firstListener + index, tlsmgr.socketServer, listenerOptions);
  }
  startWatchdog(config.daemonTimeoutSeconds);
  master.serve(() => {
    if (log.verbose > 0) {
      log.info('master disconnect -- exiting');
    }
    wakeNext(config.serviceName, config.metricsListen !== undefined, log);
    end();
  });
}
