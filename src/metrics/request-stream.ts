/**
 * A connection as node:http gets it: one request at a time. After the end of a
 * header nothing is passed on until the answer has left. The parser of node:http
 * would work through everything that has been read. That can be two thousand
 * requests in 64 kB, and nobody else is served meanwhile. Reading goes on, so
 * that we notice when the client closes. A client that sends more before it has
 * its answer is cut off. Empty lines before a request are left out (RFC 9112,
 * 2.2).
 */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** The empty line behind a header; a bare LF counts, as somebody may take it for one. */
const headerEnd = /\n\r?\n/u;

export class RequestStream extends Duplex {
  readonly remoteAddress: string;
  /** Whether something came together with the request, behind it. */
  sentAhead = false;
  readonly #socket: Socket;
  /** `begun`: something but line ends has come of the request. */
  #state: 'waiting' | 'begun' | 'answering' = 'waiting';
  /** The last bytes, in which an end may have begun. */
  #tail = '';

  constructor(socket: Socket, patienceMs: number) {
    super();
    this.#socket = socket;
    this.remoteAddress = socket.remoteAddress ?? '';
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('end', () => this.push(null));
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
    // Also for who doesn't read what was sent.
    socket.setTimeout(patienceMs, () => this.destroy());
  }

  /** The answer has left: another request may come. */
  next(): void {
    this.#state = 'waiting';
  }

  /** What node:http calls behind a last answer. */
  destroySoon(): void {
    this.end(() => this.destroy());
  }

  override _read(): void {
    // What there is was pushed already.
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #received(received: Buffer): void {
    if (this.#state === 'answering') {
      this.destroy();
      return;
    }
    const chunk = this.#state === 'begun' ? received : withoutLineEnds(received);
    if (chunk.length === 0) {
      return;
    }
    this.#state = 'begun';
    const text = this.#tail + chunk.toString('latin1');
    const match = headerEnd.exec(text);
    if (match === null) {
      this.#tail = text.slice(-2);
      this.push(chunk);
      return;
    }
    const length = match.index + match[0].length - this.#tail.length;
    this.#state = 'answering';
    this.#tail = '';
    this.sentAhead = length < chunk.length;
    this.push(chunk.subarray(0, length));
  }
}

function withoutLineEnds(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0x0d && byte !== 0x0a);
  return bytes.subarray(start < 0 ? bytes.length : start);
}
