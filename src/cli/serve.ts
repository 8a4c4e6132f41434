/** tlsmgr serve: reads the options of standalone service and starts it. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { serveStandalone } from '../daemon/serve.ts';
import { configChoice, configOptions } from './config-options.ts';
import { type CliIo, UsageError } from './io.ts';
import { namedSocket, standaloneSocket } from './reach.ts';

/** Returns once it serves; the service ends the process itself. Throws FatalError when it can't start. */
export async function runServe(args: readonly string[], io: CliIo): Promise<number> {
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
  await serveStandalone({
    socketPath: resolve(namedSocket(values.socket ?? standaloneSocket)),
    mainCf: configChoice(values),
    verbose: values.verbose?.length ?? 0,
    environment: io.environment,
  });
  return 0;
}
