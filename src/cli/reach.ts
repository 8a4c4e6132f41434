/**
 * Finds the daemon that a verb is about: `--socket`, else run/tlsmgr.sock in
 * the current folder, else that of the Postfix whose main.cf is in use. One in
 * the current folder has to be the caller's or root's: whoever can write there
 * could answer in the daemon's place.
 */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TlsmgrClient } from '../client/client.ts';
import { loadConfig } from '../config/load.ts';
import { TlsmgrError } from '../errors.ts';
import { printable } from '../log/printable.ts';
import { type CacheLabel, cacheLabels } from '../sessions/session-cache.ts';
import type { Place } from './install/question.ts';
import { type CliIo, complain, UsageError } from './io.ts';
import { strangerOn } from './trust.ts';

export const standaloneSocket = 'run/tlsmgr.sock';

/** The option that every verb shares, for parseArgs. */
export const socketOption = { socket: { type: 'string' } } as const;

/** Throws TlsmgrError `UNAVAILABLE` for a socket that isn't to be trusted. */
export function placeOf(asked: string | undefined, io: CliIo): Place {
  if (asked !== undefined) {
    return { socketPath: asked, announcement: true };
  }
  if (isThere(standaloneSocket)) {
    const socketPath = resolve(standaloneSocket);
    const fault = strangerOn(socketPath, { uid: process.geteuid!(), gid: process.getegid!() });
    if (fault !== undefined) {
      throw new TlsmgrError(
        'UNAVAILABLE',
        `${socketPath} is not trusted: ${fault}; --socket ${standaloneSocket} asks it nevertheless`,
      );
    }
    return { socketPath, announcement: true };
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
  tellPlace(asked, place, io);
  return withClient(place, talk);
}

/** The same, where it has been found already. */
export async function withClient<T>(
  place: Place,
  talk: (client: TlsmgrClient, path: string) => Promise<T>,
): Promise<T> {
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

/** For verbs whose output doesn't name it: which daemon the current folder has led to. */
export function tellPlace(asked: string | undefined, { socketPath }: Place, io: CliIo): void {
  if (asked === undefined && socketPath === resolve(standaloneSocket)) {
    io.err(`tlsmgr: asking ${printable(socketPath)}\n`);
  }
}

/** Also what can't be looked at: somebody has closed the way to it. */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isSocket() === true;
  } catch {
    return true;
  }
}
