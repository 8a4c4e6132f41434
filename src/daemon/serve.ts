/**
 * Standalone service: the same service in the foreground, without master(8) and
 * without privileges. All caches are on, and files go into the socket's
 * folder. Ctrl-C saves the state, removes the socket and exits with 0. SIGHUP
 * reads main.cf again. Under systemd it reports its state, and serves the
 * sockets that systemd hands over.
 */
import { dirname } from 'node:path';
import type { Config } from '../config/config.ts';
import { loadConfig, loadConfigAtRest, type LoadOptions } from '../config/load.ts';
import { FatalError } from '../errors.ts';
import { openFleet } from '../fleet/open-fleet.ts';
import { consoleLogger } from '../log/console-logger.ts';
import type { ProcessLogger } from '../log/process-logger.ts';
import { openMetricsEndpoint } from '../metrics/open-endpoint.ts';
import { Prng } from '../prng/prng.ts';
import { openCaches } from '../sessions/caches.ts';
import { roomOf } from '../sessions/memory-share.ts';
import {
  type Listener,
  type ListenerOptions,
  listenOnDescriptor,
  listenOnPath,
  requireUnserved,
} from '../socket/listener.ts';
import { reasonOf, setCloseOnExec } from '../system/calls.ts';
import { systemClock } from '../system/clock.ts';
import { memoryLimits } from '../system/memory-limits.ts';
import { strangerOn, thisCaller } from '../system/path-trust.ts';
import {
  applyAccess,
  closedFolder,
  isOpenToAll,
  makeFolder,
  ownerOnly,
  type SocketAccess,
  whoElseMayConnect,
  whoMayConnect,
} from './socket-access.ts';
import { takeSystemd } from './systemd.ts';
import { isSocket } from './descriptors.ts';
import { leave, panicOnUncaught } from './exit.ts';
import { openProcessFigures } from '../report/process-figures.ts';
import { forbidCores, raiseOpenFiles } from './process-limits.ts';
import { inTurn, reload } from './reload.ts';
import { openSettling } from './settle.ts';
import { assembleTlsmgr, type Tlsmgr } from './tlsmgr.ts';

const endingSignals = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;

export interface StandaloneOptions {
  /** An absolute path. */
  socketPath: string;
  /** Which main.cf is read, and what is set over it. */
  mainCf: Pick<LoadOptions, 'configDirectory' | 'overrides'>;
  /** Who may connect; undefined: the usual, which sockets of systemd need not be told. */
  access: SocketAccess | undefined;
  /** How often `-v` was given. */
  verbose: number;
  /** systemd's variables are taken out of it. */
  environment: NodeJS.ProcessEnv;
}

/** Returns once it serves; a signal ends the process. Throws FatalError when it can't start. */
export async function serveStandalone(options: StandaloneOptions): Promise<void> {
  const { socketPath } = options;
  const log = consoleLogger({ tag: 'tlsmgr', withTime: true });
  log.verbose = options.verbose;
  const systemd = takeSystemd(options.environment, log);
  const folder = dirname(socketPath);
  if (systemd.descriptors.length === 0) {
    requireOwnFolder(folder);
    requireUnserved(socketPath);
  }
  const access = options.access ?? ownerOnly;
  makeFolder(folder, access);
  const load = loadOptions(options, folder, log);
  let config = withOwnFolders(loadConfig(load));

  const figures = openProcessFigures();
  const prng = new Prng(config.random, { log, clock: systemClock });
  await prng.openSource();
  prng.openExchangeFile(config.random.exchangeName);
  await prng.openEgdListener();
  const metrics = await openMetricsEndpoint(config, log);
  await metrics?.listenOnPath();
  await metrics?.listenOnPort();
  const fleet = await openFleet(config, { log, clock: systemClock });
  const caches = openCaches(config, {
    log,
    clock: systemClock,
    room: roomOf(memoryLimits()),
    share: fleet?.share,
  });
  forbidCores(log);
  raiseOpenFiles(log);
  const tlsmgr = assembleTlsmgr({
    config,
    log,
    prng,
    caches,
    fleet,
    figures,
    metricsFault: () => metrics?.fault ?? '',
    mode: 'standalone',
  });
  const listeners = await listen(socketPath, systemd.descriptors, tlsmgr, access, {
    log,
    warn: tlsmgr.limiter.warn,
    transport: config.transport,
  });
  warnOfAccess(socketPath, systemd.descriptors, options.access, log);
  panicOnUncaught(log);
  const end = (signal: string): never => {
    log.info(`${signal}: saving state and exiting`);
    systemd.stopping();
    return leave(log, () => {
      for (const listener of listeners) {
        listener.close();
      }
      metrics?.close();
      tlsmgr.close();
    });
  };
  for (const signal of endingSignals) {
    process.on(signal, end);
  }
  const openTo = systemd.descriptors.length > 0 ? '' : `; open to ${whoMayConnect(access)}`;
  const status = (): string => {
    const on = caches.all.filter(({ cache }) => cache !== undefined).map(({ label }) => label);
    const names = on.join(' ') || 'none';
    return `serving on ${placeName(socketPath, systemd.descriptors)}, caches: ${names}${openTo}`;
  };
  const reloadOnce = async (): Promise<void> => {
    systemd.reloading();
    config = await reload({
      config,
      read: async () => withOwnFolders(await loadConfigAtRest(load)),
      change: (next) => tlsmgr.change(next),
      log,
    });
    systemd.ready(status());
  };
  process.on('SIGHUP', inTurn(reloadOnce));
  prng.start();
  fleet?.start();
  metrics?.serve(tlsmgr.report, tlsmgr.limiter.warn);
  log.info(status());
  systemd.ready(status());
  systemd.startWatchdog();
  openSettling()();
}

/** The socket of our own, or those that systemd has handed over. */
async function listen(
  path: string,
  descriptors: readonly number[],
  { socketServer }: Tlsmgr,
  access: SocketAccess,
  options: ListenerOptions,
): Promise<Listener[]> {
  if (descriptors.length === 0) {
    const listener = await listenOnPath(path, socketServer, options);
    try {
      applyAccess(path, access);
    } catch (thrown) {
      listener.close();
      throw thrown;
    }
    return [listener];
  }
  const listeners: Listener[] = [];
  for (const fd of descriptors) {
    try {
      if (!isSocket(fd)) {
        throw new Error('not a socket');
      }
      setCloseOnExec(fd);
      listeners.push(await listenOnDescriptor(fd, socketServer, options));
    } catch (thrown) {
      throw new FatalError(`descriptor ${fd} of LISTEN_FDS: ${reasonOf(thrown)}`, {
        cause: thrown,
      });
    }
  }
  return listeners;
}

/** @param access as it was asked for. */
function warnOfAccess(
  path: string,
  descriptors: readonly number[],
  access: SocketAccess | undefined,
  log: ProcessLogger,
): void {
  if (access === undefined) {
    return;
  }
  if (descriptors.length > 0) {
    log.warning(
      '--mode and --group have no effect on sockets of systemd: SocketMode= and SocketGroup= of its unit decide',
    );
    return;
  }
  if (isOpenToAll(access)) {
    log.warning(`every user of this host can read the sessions and the ticket keys of ${path}`);
  }
  const closed = closedFolder(path, access);
  if (closed !== undefined) {
    log.warning(
      `folder ${closed} keeps out ${whoElseMayConnect(access)}: they need the right to search it (x)`,
    );
  }
}

function placeName(path: string, descriptors: readonly number[]): string {
  return descriptors.length === 0 ? path : `descriptor ${descriptors.join(', ')} of systemd`;
}

/**
 * Nobody else may read the sessions and the pool's state, and we change nobody
 * else's files. The folders above count too: whoever may rename one of them can
 * put another folder in its place, and no verb would trust the socket there.
 */
function requireOwnFolder(folder: string): void {
  // A folder that is missing or out of reach is reported when a file in it is opened.
  const fault = strangerOn(folder, thisCaller(), 'fine');
  if (fault === undefined) {
    return;
  }
  throw new FatalError(
    fault.startsWith(`${folder} `)
      ? `folder ${fault}: choose one of your own (--socket, data_directory)`
      : `folder ${folder} is not safe, as ${fault}: choose one of your own (--socket, data_directory)`,
  );
}

/** main.cf where there is one, with defaults that need no Postfix. */
function loadOptions(
  { mainCf, environment }: StandaloneOptions,
  folder: string,
  log: ProcessLogger,
): LoadOptions {
  return {
    ...mainCf,
    environment,
    programName: 'tlsmgr',
    mode: 'standalone',
    serviceName: 'tlsmgr',
    defaults: new Map([['data_directory', folder]]),
    defaultDatabase: (cache) => `btree:\${data_directory}/${cache}_scache`,
    warn: (text) => log.warning(text),
  };
}

function withOwnFolders(config: Config): Config {
  requireOwnFolder(config.dataDirectory);
  if (config.random.exchangeName !== '') {
    requireOwnFolder(dirname(config.random.exchangeName));
  }
  return config;
}
