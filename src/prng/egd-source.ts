/**
 * An EGD server as a source, over one connection that stays open. Each read
 * sends `01 nn` and takes what the server has at once. A connection that fails
 * is closed. The next read opens another one, if the path can still be reached.
 * Follows src/tls/tls_prng_egd.c.
 */
import type { Socket } from 'node:net';
import { TlsmgrError } from '../errors.ts';
import { reasonOf } from '../system/calls.ts';
import { connectToPath } from '../system/socket-path.ts';
import { egd } from './egd-protocol.ts';
import type { EntropySource } from './entropy-source.ts';

interface Waiting {
  resolve(data: Buffer): void;
  reject(reason: string): void;
}

export class EgdSource implements EntropySource {
  readonly lasting = true;
  readonly #path: string;
  readonly #timeoutMs: number;
  #socket: Socket | undefined;
  #received = Buffer.alloc(0);
  #waiting: Waiting | undefined;

  constructor(path: string, timeoutMs: number) {
    this.#path = path;
    this.#timeoutMs = timeoutMs;
  }

  async open(): Promise<void> {
    if (this.#socket !== undefined) {
      return;
    }
    const socket = connectToPath(this.#path);
    try {
      await new Promise<void>((resolve, reject) => {
        const limit = setTimeout(() => reject(new Error('Connection timed out')), this.#timeoutMs);
        socket.once('connect', () => {
          clearTimeout(limit);
          resolve();
        });
        socket.once('error', (error) => {
          clearTimeout(limit);
          reject(error);
        });
      });
    } catch (thrown) {
      socket.destroy();
      throw new TlsmgrError(
        'SOURCE',
        `cannot connect to EGD server ${this.#path}: ${reasonOf(thrown)}`,
        { cause: thrown },
      );
    }
    socket.unref();
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#lose());
    this.#socket = socket;
  }

  async read(bytes: number): Promise<Buffer> {
    await this.open();
    this.#received.fill(0);
    this.#received = Buffer.alloc(0);
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => this.#lose(), this.#timeoutMs);
      limit.unref();
      this.#waiting = {
        resolve: (data) => {
          clearTimeout(limit);
          resolve(data);
        },
        reject: (reason) => {
          clearTimeout(limit);
          reject(new TlsmgrError('SOURCE', reason));
        },
      };
      this.#socket?.write(Buffer.from([egd.readNow, bytes]));
    });
  }

  close(): void {
    this.#lose();
  }

  #onData(chunk: Buffer): void {
    const received = Buffer.concat([this.#received, chunk]);
    this.#received.fill(0);
    chunk.fill(0);
    this.#received = received;
    const count = received[0]!;
    const waiting = this.#waiting;
    if (waiting === undefined) {
      this.#lose();
    } else if (count === 0) {
      this.#waiting = undefined;
      waiting.reject(`EGD server ${this.#path} reports zero bytes available`);
    } else if (received.length > count) {
      this.#waiting = undefined;
      waiting.resolve(Buffer.from(received.subarray(1, 1 + count)));
      received.fill(0);
    }
  }

  #lose(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(`lost connection to EGD server ${this.#path}`);
  }
}
