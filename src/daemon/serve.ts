/**
 * tlsmgr serve: the same service in the foreground, without master(8) and
 * without privileges. All three caches are on; files go into the socket's
 * folder, run/ if not told otherwise. Ctrl-C saves, removes the socket and
 * exits with 0; SIGHUP reads main.cf again. Under systemd it tells how it is,
 * and serves the sockets that it is handed.
 */
import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { configChoice, configOptions } from '../cli/config-options.ts';
import { type CliIo, UsageError } from '../cli/io.ts';
import { namedSocket, standaloneSocket } from '../cli/reach.ts';
import { postfixCacheNames } from '../config/cache-names.ts';
import type { Config } from '../config/config.ts';
import { loadConfig, loadConfigAtRest, type LoadOptions } from '../config/load.ts';
import { FatalError } from '../errors.ts';
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
import { takeSystemd } from '../system/systemd.ts';
import { isSocket } from './descriptors.ts';
import { leave, panicOnUncaught } from './exit.ts';
import { openProcessFigures } from '../report/process-figures.ts';
import { forbidCores, raiseOpenFiles } from './process-limits.ts';
import { inTurn, reload } from './reload.ts';
import { assembleServer, type Server } from './server.ts';

const endingSignals = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;

interface ServeOptions {
  socket: string;
  choice: ReturnType<typeof configChoice>;
  verbose: number;
}

/** Serves until a signal; ends the process itself. Throws FatalError when it can't start. */
export async function runServe(args: readonly string[], io: CliIo): Promise<number> {
  const options = serveOptions(args);
  const log = consoleLogger({ tag: 'tlsmgr', withTime: true });
  log.verbose = options.verbose;
  const systemd = takeSystemd(io.environment, log);
  const folder = dirname(options.socket);
  if (systemd.descriptors.length === 0) {
    requireOwnFolder(folder);
    requireUnserved(options.socket);
  }
  makeFolder(folder);
  const load = loadOptions(options, folder, io, log);
  let config = withOwnFolders(loadConfig(load));

  const figures = openProcessFigures();
  const prng = new Prng(config.random, { log, clock: systemClock });
  await prng.openSource();
  prng.openExchangeFile(config.random.exchangeName);
  await prng.openEgdListener();
  const metrics = await openMetricsEndpoint(config, log);
  await metrics?.listenOnPath();
  await metrics?.listenOnPort();
  const caches = openCaches(config, { log, clock: systemClock, room: roomOf(memoryLimits()) });
  forbidCores(log);
  raiseOpenFiles(log);
  const server = assembleServer({ config, log, prng, caches, figures, mode: 'standalone' });
  const listeners = await listen(options.socket, systemd.descriptors, server, {
    log,
    warn: server.limiter.warn,
    transport: config.transport,
  });
  panicOnUncaught(log);
  const end = (signal: string): never => {
    log.info(`${signal}: saving state and exiting`);
    systemd.stopping();
    return leave(log, () => {
      for (const listener of listeners) {
        listener.close();
      }
      metrics?.close();
      server.close();
    });
  };
  for (const signal of endingSignals) {
    process.on(signal, end);
  }
  const status = (): string => {
    const on = caches.all.filter(({ cache }) => cache !== undefined).map(({ label }) => label);
    return `serving on ${placeName(options.socket, systemd.descriptors)}, caches: ${on.join(' ') || 'none'}`;
  };
  const reloadOnce = async (): Promise<void> => {
    systemd.reloading();
    config = await reload({
      config,
      read: async () => withOwnFolders(await loadConfigAtRest(load)),
      change: (next) => server.change(next),
      log,
    });
    systemd.ready(status());
  };
  process.on('SIGHUP', inTurn(reloadOnce));
  prng.start();
  metrics?.serve(server.report, server.limiter.warn);
  log.info(status());
  systemd.ready(status());
  systemd.startWatchdog();
  return 0;
}

/** The socket of our own, or those that systemd has handed over. */
async function listen(
  path: string,
  descriptors: readonly number[],
  { service }: Server,
  options: ListenerOptions,
): Promise<Listener[]> {
  if (descriptors.length === 0) {
    return [await listenOnPath(path, service, options)];
  }
  const listeners: Listener[] = [];
  for (const fd of descriptors) {
    try {
      if (!isSocket(fd)) {
        throw new Error('not a socket');
      }
      setCloseOnExec(fd);
      listeners.push(await listenOnDescriptor(fd, service, options));
    } catch (thrown) {
      throw new FatalError(`descriptor ${fd} of LISTEN_FDS: ${reasonOf(thrown)}`, {
        cause: thrown,
      });
    }
  }
  return listeners;
}

function placeName(path: string, descriptors: readonly number[]): string {
  return descriptors.length === 0 ? path : `descriptor ${descriptors.join(', ')} of systemd`;
}

function serveOptions(args: readonly string[]): ServeOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      socket: { type: 'string' },
      ...configOptions,
      verbose: { type: 'boolean', short: 'v', multiple: true },
    },
  });
  if (positionals[0] !== undefined) {
    throw new UsageError(`unexpected command-line argument: ${positionals[0]}`);
  }
  return {
    socket: resolve(namedSocket(values.socket ?? standaloneSocket)),
    choice: configChoice(values),
    verbose: values.verbose?.length ?? 0,
  };
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    const reason =
      code === 'EEXIST' || code === 'ENOTDIR' ? 'a file stands in its place' : reasonOf(thrown);
    throw new FatalError(`folder ${folder} can't be made: ${reason}`, { cause: thrown });
  }
}

/**
 * Sessions and the pool's state are nobody else's, and nobody else's files are
 * ours to change. The way there counts too: who may rename a folder above puts
 * another in its place, and no verb would trust the socket there.
 */
function requireOwnFolder(folder: string): void {
  // What isn't there, or out of reach, is told by whoever opens a file in it.
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
  { choice }: ServeOptions,
  folder: string,
  io: CliIo,
  log: ProcessLogger,
): LoadOptions {
  const defaults = new Map([
    ['data_directory', folder],
    ...postfixCacheNames.map((label): [string, string] => [
      `${label}_tls_session_cache_database`,
      `btree:\${data_directory}/${label}_scache`,
    ]),
  ]);
  return {
    ...choice,
    environment: io.environment,
    programName: 'tlsmgr',
    mode: 'standalone',
    serviceName: 'tlsmgr',
    defaults,
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
