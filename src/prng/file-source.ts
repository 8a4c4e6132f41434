/**
 * A regular file as a source: opened before the chroot, read once and closed,
 * in pieces of 8192 bytes up to what is asked for. Follows
 * src/tls/tls_prng_file.c.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { TlsmgrError } from '../errors.ts';
import { reasonOf } from '../system/calls.ts';
import type { EntropySource } from './source.ts';

const pieceBytes = 8192;

export class FileSource implements EntropySource {
  readonly lasting = false;
  readonly #path: string;
  #file: FileHandle | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async open(): Promise<void> {
    if (this.#file !== undefined) {
      return;
    }
    try {
      this.#file = await open(this.#path, 'r');
    } catch (thrown) {
      throw this.#failure(thrown);
    }
  }

  async read(bytes: number): Promise<Buffer> {
    await this.open();
    const pieces: Buffer[] = [];
    let left = bytes;
    try {
      while (left > 0) {
        const piece = Buffer.alloc(Math.min(left, pieceBytes));
        const { bytesRead } = await this.#file!.read(piece, 0, piece.length, null);
        if (bytesRead === 0) {
          break;
        }
        pieces.push(piece.subarray(0, bytesRead));
        left -= bytesRead;
      }
    } catch (thrown) {
      throw this.#failure(thrown);
    } finally {
      this.close();
    }
    return Buffer.concat(pieces);
  }

  close(): void {
    const file = this.#file;
    this.#file = undefined;
    // What a close of a file that was only read could report is of no interest.
    void file?.close().catch(() => undefined);
  }

  #failure(thrown: unknown): TlsmgrError {
    return new TlsmgrError(
      'SOURCE',
      `cannot read from entropy file ${this.#path}: ${reasonOf(thrown)}`,
      { cause: thrown },
    );
  }
}
