/**
 * tlsmgr fleet-secret FILE [--rotate]: makes the file of the fleet's secrets, or
 * goes one step on in the replacement of the secret (fleet/secret-rotation.ts).
 * Prints what to do next, and never a secret.
 */
import { randomFillSync } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { TlsmgrError } from '../errors.ts';
import { fleetSecretBytes, readFleetSecretFile } from '../fleet/secret-file.ts';
import {
  type Advice,
  firstSecretFile,
  rotatedSecretFile,
  type SecretFileText,
} from '../fleet/secret-rotation.ts';
import { reasonOf } from '../system/calls.ts';
import { createFile, type FileOwner, replaceFile } from '../system/safe-open.ts';
import { unmovedBuffer, wipe } from '../system/secret-memory.ts';
import { shellWord } from './findings/shell-word.ts';
import { type CliIo, UsageError } from './io.ts';
import type { fleetSecretOptions, Given } from './options.ts';

const secretMode = 0o600;

export async function runFleetSecret(
  { values, words }: Given<typeof fleetSecretOptions>,
  io: CliIo,
): Promise<number> {
  const [path] = words;
  if (path === undefined || path === '') {
    throw new UsageError('no file given: that of tlsmgr_fleet_secret_file');
  }
  const fresh = randomFillSync(unmovedBuffer(fleetSecretBytes));
  try {
    const advice = values.rotate === true ? rotate(path, fresh) : make(path, fresh);
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

function rotate(path: string, fresh: Buffer): Advice {
  const read = readFleetSecretFile(path);
  if (typeof read === 'string') {
    throw new TlsmgrError('STORAGE', `${path}: ${read}`);
  }
  const { secrets, uid, gid } = read;
  const text = rotatedSecretFile(secrets, fresh, new Date());
  for (const { bytes } of secrets) {
    wipe(bytes, 0, bytes.length);
  }
  if (typeof text === 'string') {
    throw new TlsmgrError('STORAGE', `${path}: ${text}`);
  }
  replace(path, text, uid, gid);
  return text.advice;
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
