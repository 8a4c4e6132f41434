/**
 * The wire as a client of tlsmgr(8) sees it, byte by byte: nothing is encoded
 * or understood for the caller but where a list ends.
 *
 *     list = { name NUL value NUL } NUL      with no empty name
 *
 * Bytes are strings of one character a byte (latin1).
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export const announcement = list('protocol', 'tlsmgr_protocol');

/** `list('a', 'b')` is `a␀b␀␀`. */
export function list(...strings: readonly string[]): string {
  return `${strings.map((text) => `${text}\0`).join('')}\0`;
}

/** A request with its attributes: names and values in turn. */
export function request(name: string, ...attributes: readonly string[]): string {
  return list('request', name, ...attributes);
}

export function base64(bytes: string | Buffer): string {
  return (typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes).toString('base64');
}

/** The value of an attribute of a list. @throws Error when it isn't there. */
export function valueOf(text: string, name: string): string {
  const strings = text.split('\0');
  for (let index = 0; index + 1 < strings.length; index += 2) {
    if (strings[index] === name) {
      return strings[index + 1]!;
    }
  }
  throw new Error(`no ${name} in ${JSON.stringify(text)}`);
}

export class AttributeClient {
  readonly #socket: Socket;
  #unread = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;

  /** Connected, the announcement not read. */
  static async connect(path: string): Promise<AttributeClient> {
    const socket = connect({ path, allowHalfOpen: true });
    await once(socket, 'connect');
    return new AttributeClient(socket);
  }

  /** Connected and greeted. */
  static async greeted(path: string): Promise<AttributeClient> {
    const client = await AttributeClient.connect(path);
    const greeting = await client.readList();
    if (greeting !== announcement) {
      throw new Error(`greeted with ${JSON.stringify(greeting)}`);
    }
    return client;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#unread = Buffer.concat([this.#unread, chunk]);
      this.#wake?.();
    });
    const ended = (): void => {
      this.#ended = true;
      this.#wake?.();
    };
    socket.on('end', ended);
    socket.on('close', ended);
    // A reset is an end like others here.
    socket.on('error', ended);
  }

  send(bytes: string): void {
    this.#socket.write(bytes, 'latin1');
  }

  /** Each in a write of its own, as soon as the one before was taken. */
  async sendPieces(pieces: Iterable<string>): Promise<void> {
    for (const piece of pieces) {
      await new Promise<void>((resolve) => {
        this.#socket.write(piece, 'latin1', () => resolve());
      });
    }
  }

  /** Reads no more. */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#socket.resume();
  }

  /** No more from here; replies are still read. */
  sendEnd(): void {
    this.#socket.end();
  }

  async ask(bytes: string): Promise<string> {
    this.send(bytes);
    return this.readList();
  }

  /** The next list, its last NUL included. @throws Error with what came, when the end comes first. */
  async readList(): Promise<string> {
    for (;;) {
      const length = listLength(this.#unread);
      if (length !== undefined) {
        const found = this.#unread.toString('latin1', 0, length);
        this.#unread = this.#unread.subarray(length);
        return found;
      }
      if (this.#ended) {
        throw new Error(`closed after ${JSON.stringify(this.#unread.toString('latin1'))}`);
      }
      await this.#more();
    }
  }

  /** All that comes until the other side closes. */
  async readToEnd(): Promise<string> {
    while (!this.#ended) {
      await this.#more();
    }
    return this.#unread.toString('latin1');
  }

  close(): void {
    this.#socket.destroy();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

/** Bytes of the list at the start; undefined while it isn't whole. */
function listLength(bytes: Buffer): number | undefined {
  let at = 0;
  for (;;) {
    const nameEnd = bytes.indexOf(0, at);
    if (nameEnd === at) {
      return at + 1;
    }
    const valueEnd = nameEnd < 0 ? -1 : bytes.indexOf(0, nameEnd + 1);
    if (valueEnd < 0) {
      return undefined;
    }
    at = valueEnd + 1;
  }
}
