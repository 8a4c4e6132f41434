/** tlsmgr serve: reads the options of standalone service and starts it. */
import { resolve } from 'node:path';
import { findGroup } from '../config/identities.ts';
import { serveStandalone } from '../daemon/serve.ts';
import type { SocketAccess } from '../daemon/socket-access.ts';
import { configChoice } from './config-options.ts';
import { type CliIo, UsageError } from './io.ts';
import type { Given, serveOptions } from './options.ts';
import { namedSocket, standaloneSocket } from './reach.ts';

const ownerMayUse = 0o600;

/** Returns once it serves; the service ends the process itself. Throws FatalError when it can't start. */
export async function runServe({ values }: Given<typeof serveOptions>, io: CliIo): Promise<number> {
  await serveStandalone({
    socketPath: resolve(namedSocket(values.socket ?? standaloneSocket)),
    mainCf: configChoice(values),
    access: accessChoice(values),
    verbose: values.verbose?.length ?? 0,
    environment: io.environment,
  });
  return 0;
}

/** Undefined when nothing was chosen. */
function accessChoice(values: {
  mode?: string | undefined;
  group?: string | undefined;
}): SocketAccess | undefined {
  const { mode, group } = values;
  if (mode === undefined && group === undefined) {
    return undefined;
  }
  const found = group === undefined ? undefined : findGroup(group);
  if (group !== undefined && found === undefined) {
    throw new UsageError(`--group: there is no group ${group}`);
  }
  return { mode: modeIn(mode ?? '660'), group: found };
}

/** Three octal digits, with a 0 before them or without. */
function modeIn(text: string): number {
  const mode = /^0?[0-7]{3}$/u.test(text) ? Number.parseInt(text, 8) : 0;
  if ((mode & ownerMayUse) !== ownerMayUse) {
    throw new UsageError(`--mode: ${text} is not an octal mode like 660, with 6 or 7 first`);
  }
  return mode;
}
