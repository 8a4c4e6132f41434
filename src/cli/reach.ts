/**
 * Finds the daemon that a verb talks to. It is the first of these that there is:
 *
 * 1. the socket of `--socket`
 * 2. the tlsmgr of the Postfix that `-c` or MAIL_CONFIG names
 * 3. run/tlsmgr.sock in the current folder
 * 4. the tlsmgr of the usual Postfix
 *
 * A socket in the current folder must belong to the caller or to root. Otherwise
 * anybody who can write to that folder could answer in the daemon's place.
 */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TlsmgrClient } from '../client/client.ts';
import { loadConfig } from '../config/load.ts';
import type { Report } from '../report/report.ts';
import { messageOf, TlsmgrError } from '../errors.ts';
import { printable } from '../log/printable.ts';
import { type CacheName, isCacheName, postfixCacheNames } from '../config/cache-names.ts';
import { strangerOn, thisCaller } from '../system/path-trust.ts';
import { type Place, whoAnswers } from './probe.ts';
import { type CliIo, complain, UsageError } from './io.ts';
import { requireReport } from './report-check.ts';
import { queueDirectoryOf, reasonForOriginal } from './starts.ts';

export const standaloneSocket = 'run/tlsmgr.sock';

/** A person waits longer than a program may. */
const patienceMs = 10_000;

/** The value of --socket. */
export function namedSocket(asked: string): string {
  if (asked === '') {
    throw new UsageError('--socket: no path given');
  }
  return asked;
}

/** Throws TlsmgrError `UNAVAILABLE` for a socket that isn't to be trusted. */
export function placeOf(asked: string | undefined, io: CliIo): Place {
  if (asked !== undefined) {
    return { socketPath: namedSocket(asked), announcement: true };
  }
  const { configDirectory, environment } = io;
  const isNamed = configDirectory !== undefined || environment['MAIL_CONFIG'] !== undefined;
  if (!isNamed && isThere(standaloneSocket)) {
    const socketPath = resolve(standaloneSocket);
    const fault = strangerOn(socketPath, thisCaller());
    if (fault !== undefined) {
      throw new TlsmgrError(
        'UNAVAILABLE',
        `${socketPath} is not trusted: ${fault}; --socket ${standaloneSocket} asks it nevertheless`,
      );
    }
    return { socketPath, announcement: true };
  }
  const config = loadConfig({
    ...(configDirectory === undefined ? {} : { configDirectory }),
    environment,
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

/**
 * What the daemon there tells of itself. Throws TlsmgrError `UNAVAILABLE` when it
 * is no tlsmgr, and `UNSUPPORTED` when it is Postfix's own.
 */
export async function reportOf(place: Place): Promise<Report> {
  const answer = await answerOf(whoAnswers(place));
  if (answer.kind === 'ours') {
    return readableReport(place.socketPath, answer.report);
  }
  throw originalServes(place.socketPath, 'it tells nothing of itself');
}

/** As requireReport(), which doesn't know whose report it is. */
function readableReport(socketPath: string, told: unknown): Report {
  try {
    return requireReport(told);
  } catch (thrown) {
    throw new TlsmgrError('UNAVAILABLE', `${socketPath}: ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** @param lack of Postfix's own, where nothing is known of why it serves. */
function originalServes(socketPath: string, lack: string): TlsmgrError {
  const reason = reasonForOriginal(queueDirectoryOf(socketPath));
  return new TlsmgrError(
    'UNSUPPORTED',
    reason === undefined
      ? `${socketPath}: Postfix's own tlsmgr serves here, and ${lack}`
      : `${socketPath}: Postfix's own tlsmgr serves here, as this one can't start: ${reason}`,
  );
}

/** Who answers, or that nobody does. */
export async function answerOf<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (thrown) {
    throw new TlsmgrError('UNAVAILABLE', `no tlsmgr answers: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

/**
 * Runs one conversation with the daemon and closes it.
 * @param who `either`: Postfix's own knows the request too.
 */
export async function withDaemon<T>(
  asked: string | undefined,
  io: CliIo,
  who: 'ours' | 'either',
  talk: (client: TlsmgrClient, path: string) => Promise<T>,
): Promise<T> {
  const place = placeOf(asked, io);
  tellPlace(asked, place, io);
  return withClient(place, async (client, path) => {
    const { server } = await answerOf(client.identify());
    if (who === 'ours' && server === 'postfix') {
      throw originalServes(path, 'it knows no such request');
    }
    return talk(client, path);
  });
}

/** Throws what kept the last call from being answered, which a client tells as a miss. */
export function requireAnswer({ trouble }: TlsmgrClient): void {
  if (trouble !== undefined) {
    throw trouble;
  }
}

/** The same, where it has been found already. */
export async function withClient<T>(
  place: Place,
  talk: (client: TlsmgrClient, path: string) => Promise<T>,
): Promise<T> {
  const client = new TlsmgrClient({ ...place, deadlineMs: patienceMs });
  try {
    return await talk(client, place.socketPath);
  } finally {
    await client.close();
  }
}

/** The cache that an argument names. Which caches there are, the daemon tells: withCache(). */
export function cacheArgument(text: string | undefined): CacheName {
  if (text === undefined) {
    throw new UsageError('no cache given: smtpd, smtp, lmtp or an added one');
  }
  if (!isCacheName(text)) {
    throw new UsageError(`unknown cache: ${text}`);
  }
  return text;
}

/** withDaemon() about one of its caches. Throws UsageError where it has no cache of that name. */
export async function withCache<T>(
  label: CacheName,
  asked: string | undefined,
  io: CliIo,
  who: 'ours' | 'either',
  talk: (client: TlsmgrClient, path: string) => Promise<T>,
): Promise<T> {
  return withDaemon(asked, io, who, async (client, path) => {
    if (!postfixCacheNames.includes(label)) {
      const names = await cacheNamesOf(client);
      if (!names.includes(label)) {
        throw new UsageError(`unknown cache: ${label}: there are ${names.join(', ')}`);
      }
    }
    return talk(client, path);
  });
}

/** Postfix's own has the caches of Postfix. */
async function cacheNamesOf(client: TlsmgrClient): Promise<readonly CacheName[]> {
  const { server } = await answerOf(client.identify());
  if (server === 'postfix') {
    return postfixCacheNames;
  }
  return Object.keys(requireReport(await client.stats()).caches);
}

/** An id as `list` prints it: the text itself, or `hex:` and the bytes. Throws UsageError. */
export function idArgument(text: string | undefined): Buffer {
  if (text === undefined) {
    throw new UsageError('no cache id given');
  }
  const bytes = text.startsWith('hex:') ? hexBytes(text.slice(4)) : Buffer.from(text);
  if (bytes === undefined) {
    throw new UsageError(`bad cache id: ${text}: pairs of hexadecimal digits follow hex:`);
  }
  // What takes its place here: the program is given its arguments as text.
  if (text.includes('\uFFFD')) {
    throw new UsageError(`bad cache id: ${text}: give bytes that are no text as hex:`);
  }
  if (bytes.includes(0)) {
    throw new UsageError(`bad cache id: ${text}: no id holds a NUL`);
  }
  return bytes;
}

/** Buffer.from() would leave out what is no digit, and all that follows it. */
function hexBytes(digits: string): Buffer | undefined {
  return /^(?:[0-9a-f]{2})*$/iu.test(digits) ? Buffer.from(digits, 'hex') : undefined;
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
