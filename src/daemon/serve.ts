/**
 * tlsmgr serve: the same service in the foreground, without master(8) and
 * without privileges. All three caches are on; files go into the socket's
 * folder, run/ if not told otherwise. Ctrl-C saves, removes the socket and
 * exits with 0.
 */
import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { configChoice, configOptions } from '../cli/config-options.ts';
import { type CliIo, UsageError } from '../cli/io.ts';
import { standaloneSocket } from '../cli/reach.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { FatalError } from '../errors.ts';
import { consoleLogger } from '../log/console-logger.ts';
import type { ProcessLogger } from '../log/process-logger.ts';
import { openMetricsEndpoint } from '../metrics/open-endpoint.ts';
import { Prng } from '../prng/prng.ts';
import { openCaches } from '../sessions/caches.ts';
import { cacheLabels } from '../sessions/session-cache.ts';
import { listenOnPath, requireUnserved } from '../socket/listener.ts';
import { forbidCoreDumps, raiseOpenFilesLimit, reasonOf } from '../system/calls.ts';
import { systemClock } from '../system/clock.ts';
import { leave, panicOnUncaught } from './exit.ts';
import { openProcessFigures } from './process-figures.ts';
import { assembleServer } from './server.ts';

/** SIGUSR1 would open Node's debugger if it had no handler. */
const endingSignals = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1'] as const;

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
  const folder = dirname(options.socket);
  makeFolder(folder);
  await requireUnserved(options.socket);
  const config = standaloneConfig(options, folder, io, log);

  const figures = openProcessFigures();
  const prng = new Prng(config.random, { log, clock: systemClock });
  await prng.openSource();
  prng.openExchangeFile(config.random.exchangeName);
  await prng.openEgdListener();
  const metrics = await openMetricsEndpoint(config, log);
  await metrics?.listen();
  const caches = openCaches(config, { log, clock: systemClock });
  forbidCoreDumps();
  raiseOpenFilesLimit();
  const server = assembleServer({ config, log, prng, caches, figures, mode: 'standalone' });
  const listener = await listenOnPath(options.socket, server.service, {
    log,
    warn: server.limiter.warn,
  });
  panicOnUncaught(log);
  const end = (signal: string): never => {
    log.info(`${signal}: saving state and exiting`);
    return leave(log, () => {
      listener.close();
      metrics?.close();
      server.close();
    });
  };
  for (const signal of endingSignals) {
    process.on(signal, end);
  }
  prng.start();
  metrics?.serve(server.report, server.limiter.warn);
  const on = cacheLabels.filter((label) => caches[label].cache !== undefined);
  log.info(`serving on ${options.socket}, caches: ${on.join(' ') || 'none'}`);
  return 0;
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
    socket: resolve(values.socket ?? standaloneSocket),
    choice: configChoice(values),
    verbose: values.verbose?.length ?? 0,
  };
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    throw new FatalError(`mkdir ${folder}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/** main.cf where there is one, with defaults that need no Postfix. */
function standaloneConfig(
  options: ServeOptions,
  folder: string,
  io: CliIo,
  log: ProcessLogger,
): Config {
  const defaults = new Map([
    ['data_directory', folder],
    ...cacheLabels.map((label): [string, string] => [
      `${label}_tls_session_cache_database`,
      `btree:\${data_directory}/${label}_scache`,
    ]),
  ]);
  return loadConfig({
    ...options.choice,
    environment: io.environment,
    programName: 'tlsmgr',
    serviceName: 'tlsmgr',
    mode: 'standalone',
    defaults,
    warn: (text) => log.warning(text),
  });
}
