/**
 * Finds the daemon that a verb is about: `--socket`, else run/tlsmgr.sock in
 * the current folder, else that of the Postfix whose main.cf is in use.
 */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TlsmgrClient } from '../client/client.ts';
import { loadConfig } from '../config/load.ts';
import { type CacheLabel, cacheLabels } from '../sessions/session-cache.ts';
import type { Place } from './install/question.ts';
import { type CliIo, complain, UsageError } from './io.ts';

export const standaloneSocket = 'run/tlsmgr.sock';

/** The option that every verb shares, for parseArgs. */
export const socketOption = { socket: { type: 'string' } } as const;

export function placeOf(asked: string | undefined, io: CliIo): Place {
  if (asked !== undefined) {
    return { socketPath: asked, announcement: true };
  }
  if (isSocket(standaloneSocket)) {
    return { socketPath: resolve(standaloneSocket), announcement: true };
  }
  const config = loadConfig({
    environment: io.environment,
    overrides: [],
    programName: 'tlsmgr',
    serviceName: 'tlsmgr',
    mode: 'print',
    warn: (text) => complain(io, 'warning', text),
  });
  return {
    socketPath: join(config.queueDirectory, 'private', config.serviceName),
    announcement: config.announce,
  };
}

/** Runs one conversation with the daemon and closes it. */
export async function withDaemon<T>(
  asked: string | undefined,
  io: CliIo,
  talk: (client: TlsmgrClient, path: string) => Promise<T>,
): Promise<T> {
  const place = placeOf(asked, io);
  const client = new TlsmgrClient({ ...place, retries: 0 });
  try {
    return await talk(client, place.socketPath);
  } finally {
    client.close();
  }
}

/** The cache that an argument names. */
export function cacheArgument(text: string | undefined): CacheLabel {
  const label = cacheLabels.find((known) => known === text);
  if (label === undefined) {
    throw new UsageError(
      text === undefined ? 'no cache given: smtpd, smtp or lmtp' : `unknown cache: ${text}`,
    );
  }
  return label;
}

/** An id as `list` prints it: the text itself, or `hex:` and the bytes. */
export function idArgument(text: string | undefined): Buffer {
  if (text === undefined) {
    throw new UsageError('no cache id given');
  }
  return text.startsWith('hex:') ? Buffer.from(text.slice(4), 'hex') : Buffer.from(text);
}

/** An id for the eye, and for idArgument(): bytes that aren't printable ASCII as `hex:`. */
export function idText(id: Buffer): string {
  const text = id.toString('latin1');
  return /^[\x20-\x7e]*$/u.test(text) && !text.startsWith('hex:')
    ? text
    : `hex:${id.toString('hex')}`;
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() === true;
}
