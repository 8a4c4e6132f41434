/**
 * A file as a source. It is opened before the chroot, read once in pieces of
 * 8192 bytes, up to the number of bytes asked for, and closed. The path may be
 * that of a device. Follows src/tls/tls_prng_file.c.
 */
import { closeSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { TlsmgrError } from '../errors.ts';
import { reasonOf } from '../system/calls.ts';
import { unmovedBuffer } from '../system/secret-memory.ts';
import { openForReading } from '../system/safe-open.ts';
import type { EntropySource } from './entropy-source.ts';

const pieceBytes = 8192;
const readPiece = promisify(read);

export class FileSource implements EntropySource {
  readonly lasting = false;
  readonly #path: string;
  /** Undefined, too, while it is being read. */
  #fd: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async open(): Promise<void> {
    if (this.#fd !== undefined) {
      return;
    }
    try {
      this.#fd = openForReading(this.#path, ['regular file', 'character device']);
    } catch (thrown) {
      throw this.#failure(thrown);
    }
  }

  async read(bytes: number): Promise<Buffer> {
    await this.open();
    const fd = this.#fd!;
    this.#fd = undefined;
    const pieces: Buffer[] = [];
    let left = bytes;
    try {
      while (left > 0) {
        const piece = unmovedBuffer(Math.min(left, pieceBytes));
        const { bytesRead } = await readPiece(fd, piece, 0, piece.length, null);
        if (bytesRead === 0) {
          break;
        }
        pieces.push(piece.subarray(0, bytesRead));
        left -= bytesRead;
      }
    } catch (thrown) {
      throw this.#failure(thrown);
    } finally {
      closeSync(fd);
    }
    const data = Buffer.concat(pieces);
    for (const piece of pieces) {
      piece.fill(0);
    }
    return data;
  }

  close(): void {
    if (this.#fd !== undefined) {
      closeSync(this.#fd);
      this.#fd = undefined;
    }
  }

  #failure(thrown: unknown): TlsmgrError {
    return new TlsmgrError(
      'SOURCE',
      `cannot read from entropy file ${this.#path}: ${reasonOf(thrown)}`,
      { cause: thrown },
    );
  }
}
