/** tlsmgr serve: reads the options of standalone service and starts it. */
import { resolve } from 'node:path';
import { serveStandalone } from '../daemon/serve.ts';
import { configChoice } from './config-options.ts';
import type { CliIo } from './io.ts';
import type { Given, serveOptions } from './options.ts';
import { namedSocket, standaloneSocket } from './reach.ts';

/** Returns once it serves; the service ends the process itself. Throws FatalError when it can't start. */
export async function runServe({ values }: Given<typeof serveOptions>, io: CliIo): Promise<number> {
  await serveStandalone({
    socketPath: resolve(namedSocket(values.socket ?? standaloneSocket)),
    mainCf: configChoice(values),
    verbose: values.verbose?.length ?? 0,
    environment: io.environment,
  });
  return 0;
}
