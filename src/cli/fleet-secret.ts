/**
 * tlsmgr fleet-secret FILE [--rotate [--force]]: makes the file of the fleet's
 * secrets, or goes one step on in the replacement of the secret
 * (fleet/secret-rotation.ts). The old secret isn't removed while sessions may need
 * it, unless that is forced. Prints what to do next, and never a secret.
 */
import { randomFillSync } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { loadConfig } from '../config/load.ts';
import { FatalError, TlsmgrError } from '../errors.ts';
import {
  fleetSecretBytes,
  type FleetSecretFile,
  readFleetSecretFile,
} from '../fleet/secret-file.ts';
import {
  type Advice,
  firstSecretFile,
  removalTime,
  rotatedSecretFile,
  type SecretFileText,
  timeText,
} from '../fleet/secret-rotation.ts';
import { reasonOf } from '../system/calls.ts';
import { createFile, type FileOwner, replaceFile } from '../system/safe-open.ts';
import { unmovedBuffer, wipe } from '../system/secret-memory.ts';
import { shellWord } from './findings/shell-word.ts';
import { type CliIo, UsageError } from './io.ts';
import type { fleetSecretOptions, Given } from './options.ts';

const secretMode = 0o600;
const usualLifetimeSeconds = 3600;

export async function runFleetSecret(
  { values, words }: Given<typeof fleetSecretOptions>,
  io: CliIo,
): Promise<number> {
  const [path] = words;
  if (path === undefined || path === '') {
    throw new UsageError('no file given: that of tlsmgr_fleet_secret_file');
  }
  const { rotate: isRotation = false, force = false } = values;
  if (force && !isRotation) {
    throw new UsageError('--force goes with --rotate');
  }
  const fresh = randomFillSync(unmovedBuffer(fleetSecretBytes));
  try {
    const advice = isRotation
      ? rotate(path, fresh, force ? undefined : longestLifetime(io))
      : make(path, fresh);
    io.out(adviceText(path, advice));
    return 0;
  } finally {
    wipe(fresh, 0, fresh.length);
  }
}

function make(path: string, fresh: Buffer): Advice {
  const { content, advice } = firstSecretFile(fresh, new Date());
  try {
    createFile(path, content, { mode: secretMode });
  } catch (thrown) {
    const isThere = (thrown as NodeJS.ErrnoException).code === 'EEXIST';
    const reason = isThere
      ? 'it is there already, and stays as it is: --rotate replaces its secret, step by step'
      : reasonOf(thrown);
    throw new TlsmgrError('STORAGE', `${path}: ${reason}`, { cause: thrown });
  } finally {
    wipe(content, 0, content.length);
  }
  return advice;
}

/** Seconds; by main.cf, or its default where there is none that can be read. */
function longestLifetime({ environment }: CliIo): number {
  try {
    const { caches } = loadConfig({
      environment,
      overrides: [],
      programName: 'tlsmgr',
      serviceName: 'tlsmgr',
      mode: 'print',
      warn: () => undefined,
    });
    return Math.max(...[...caches.values()].map(({ lifetimeSeconds }) => lifetimeSeconds));
  } catch (thrown) {
    if (!(thrown instanceof FatalError)) {
      throw thrown;
    }
    return usualLifetimeSeconds;
  }
}

/** @param lifetimeSeconds undefined: the old secret is removed whoever needs it. */
function rotate(path: string, fresh: Buffer, lifetimeSeconds: number | undefined): Advice {
  const read = readFleetSecretFile(path);
  if (typeof read === 'string') {
    throw new TlsmgrError('STORAGE', `${path}: ${read}`);
  }
  const { secrets, uid, gid } = read;
  const now = new Date();
  const text = earlyText(read, lifetimeSeconds, now) ?? rotatedSecretFile(secrets, fresh, now);
  for (const { bytes } of secrets) {
    wipe(bytes, 0, bytes.length);
  }
  if (typeof text === 'string') {
    throw new TlsmgrError('STORAGE', `${path}: ${text}`);
  }
  replace(path, text, uid, gid);
  return text.advice;
}

/** Why it is too early for the next step; undefined when it isn't. */
function earlyText(
  read: FleetSecretFile,
  lifetimeSeconds: number | undefined,
  now: Date,
): string | undefined {
  const time = lifetimeSeconds === undefined ? undefined : removalTime(read, lifetimeSeconds);
  return time === undefined || now >= time
    ? undefined
    : `step 2 was done at ${timeText(read.steppedAt!)}, and the old secret is needed until ${timeText(time)}, which is twice the longest session lifetime and 10 minutes later: do step 3 then, or now with --force, which costs full handshakes`;
}

function replace(path: string, { content }: SecretFileText, uid: number, gid: number): void {
  // Only root can keep another owner, and only root needs to.
  const owner: Pick<FileOwner, 'uid' | 'gid'> = process.geteuid!() === 0 ? { uid, gid } : {};
  try {
    // A link stays one.
    replaceFile(realpathSync(path), content, { mode: secretMode, ...owner });
  } catch (thrown) {
    throw new TlsmgrError('STORAGE', `${path}: ${reasonOf(thrown)}`, { cause: thrown });
  } finally {
    wipe(content, 0, content.length);
  }
}

function adviceText(path: string, { state, next, later }: Advice): string {
  const word = shellWord(path);
  const named = (text: string): string => text.replaceAll('FILE', () => word);
  return `${path}: ${state}\nnext: ${named(next)}\nthen: ${named(later)}\n`;
}
