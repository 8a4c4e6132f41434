/**
 * The keys that seal (encrypt and authenticate) cache files. There are one or
 * two: the first seals what is written, and either may open what is read back.
 *
 *     key file = 64 hexadecimal digits, once or twice, blanks and line ends between
 *              | 32 or 64 bytes that aren't such text
 *
 * Any other content, or a key file that can't be read, is a FatalError, as the
 * sessions must neither be written in the clear nor be lost. The start goes on
 * without cache files (caches.ts).
 *
 * Each cache file has a key of its own: the HMAC-SHA-256, under a key of the key
 * file, of the cache's label and the random id of the cache file. So the random
 * nonces of one key never come near their limit, and a frame of one cache can't
 * pass for a frame of another.
 */
import { createHmac } from 'node:crypto';
import { FatalError } from '../../errors.ts';
import type { Logger } from '../../log/logger.ts';
import { gcmExtraBytes, gcmOpen, gcmSealInto } from '../../system/aes-gcm.ts';
import { reasonOf } from '../../system/calls.ts';
import { bytesOfHex, hexDigit } from '../../system/hex.ts';
import { type KeyFile, readKeyFile } from '../../system/key-file.ts';
import type { CacheName } from '../../config/cache-names.ts';

const keyBytes = 32;

/** Bytes that sealing adds to a payload. */
export const sealBytes = gcmExtraBytes;

/** Seals and opens the payloads of one cache file. */
export interface FileKeys {
  /** Names the key that seal() uses. It is written to the file, to tell which key opens it. Never 0. */
  readonly currentId: number;
  /** @returns nonce, ciphertext, tag. */
  seal(payload: Buffer, associated: Buffer): Buffer;
  /** @returns undefined for an unknown key or a payload that isn't what was sealed. */
  open(keyId: number, sealed: Buffer, associated: Buffer): Buffer | undefined;
}

export interface CacheKeys {
  /** @param fileId 8 random bytes. */
  forFile(label: CacheName, fileId: Buffer): FileKeys;
  /** Overwrites the keys. The keys of files, which were derived from them, stay. */
  wipe(): void;
}

interface NamedKey {
  id: number;
  key: Buffer;
}

/** Where a word of a text begins and ends. */
interface Word {
  readonly start: number;
  end: number;
}

function isBlank(character: number): boolean {
  return character === 0x20 || (character >= 0x09 && character <= 0x0d) || character === 0xa0;
}

/** @returns undefined if the text has anything but hexadecimal digits and blanks, or nothing but blanks. */
function hexWordsOf(content: Buffer): Word[] | undefined {
  const words: Word[] = [];
  let word: Word | undefined;
  for (const [at, character] of content.entries()) {
    if (isBlank(character)) {
      word = undefined;
      continue;
    }
    if (hexDigit(character) === undefined) {
      return undefined;
    }
    if (word === undefined) {
      word = { start: at, end: at };
      words.push(word);
    }
    word.end = at + 1;
  }
  return words.length === 0 ? undefined : words;
}

/** @returns the keys, or the reason why there are none. */
export function parseKeys(content: Buffer): Buffer[] | string {
  const words = hexWordsOf(content);
  if (words !== undefined) {
    const isRight =
      words.length <= 2 && words.every(({ start, end }) => end - start === keyBytes * 2);
    return isRight
      ? words.map(({ start, end }) => bytesOfHex(content, start, end)!)
      : 'not one or two keys of 64 hexadecimal digits';
  }
  if (content.length !== keyBytes && content.length !== keyBytes * 2) {
    return 'neither 64 hexadecimal digits nor 32 bytes, once or twice';
  }
  const keys: Buffer[] = [];
  for (let at = 0; at < content.length; at += keyBytes) {
    keys.push(Buffer.from(content.subarray(at, at + keyBytes)));
  }
  return keys;
}

function idOf(key: Buffer): number {
  return createHmac('sha256', key).update('tlsmgr key id').digest().readUInt32LE(0) || 1;
}

function fileKeysOf(keys: NamedKey[], label: CacheName, fileId: Buffer): FileKeys {
  const ofFile = keys.map(({ id, key }) => ({
    id,
    key: createHmac('sha256', key).update(`tlsmgr cache ${label} `).update(fileId).digest(),
  }));
  const current = ofFile[0]!;
  return {
    currentId: current.id,
    seal: (payload, associated) => {
      const sealed = Buffer.allocUnsafe(sealBytes + payload.length);
      gcmSealInto(sealed, current.key, payload, associated);
      return sealed;
    },
    open: (keyId, sealed, associated) => {
      const named = ofFile.find(({ id }) => id === keyId);
      return named === undefined || sealed.length < sealBytes
        ? undefined
        : gcmOpen(sealed, named.key, associated);
    },
  };
}

/** @param path the value of tlsmgr_session_cache_key_file, not empty. Throws FatalError. */
export function readCacheKeys(path: string, log: Logger): CacheKeys {
  const fatal = (reason: string, cause?: unknown): FatalError =>
    new FatalError(`tlsmgr_session_cache_key_file = ${path}: ${reason}`, { cause });
  let file: KeyFile;
  try {
    file = readKeyFile(path);
  } catch (error) {
    throw fatal(reasonOf(error), error);
  }
  const { content, isOpen } = file;
  if (isOpen) {
    log.warning(
      `tlsmgr_session_cache_key_file = ${path}: the file is open to its group or to others`,
    );
  }
  const keys = parseKeys(content);
  content.fill(0);
  if (typeof keys === 'string') {
    throw fatal(keys);
  }
  const named = keys.map((key) => ({ id: idOf(key), key }));
  return {
    forFile: (label, fileId) => fileKeysOf(named, label, fileId),
    wipe: () => {
      for (const { key } of named) {
        key.fill(0);
      }
    },
  };
}
