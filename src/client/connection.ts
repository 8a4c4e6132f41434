/**
 * One connection to a tlsmgr: the announcement, then one request at a time.
 * Fails with TlsmgrError `UNAVAILABLE`; after a failure it can't be used again.
 */
import type { Socket } from 'node:net';
import { TlsmgrError, messageOf } from '../errors.ts';
import { Decoder } from '../protocol/decoder.ts';
import { announcementName, announcementValue } from '../protocol/names.ts';
import { connectToPath } from '../system/socket-path.ts';

/** A reply's attributes, values as they stand on the wire. No strings: a value may be secret. */
export type ReplyAttributes = ReadonlyMap<string, Buffer>;

/** Longer than any reply of ours: a page of a listing, or a large session. */
const maxReplyBytes = 64 * 1024 * 1024;

interface Waiting {
  resolve(reply: ReplyAttributes): void;
  reject(error: TlsmgrError): void;
}

export interface ConnectionOptions {
  socketPath: string;
  /** False for a server that says nothing first. */
  announcement: boolean;
  /** For connecting, and for each reply. */
  timeoutMs: number;
}

export class ClientConnection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #decoder = new Decoder(maxReplyBytes);
  #waiting: Waiting | undefined;
  #failure: TlsmgrError | undefined;
  /** Of the reply that is waited for, whatever arrives meanwhile. */
  #limit: NodeJS.Timeout | undefined;

  private constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#socket = connectToPath(options.socketPath);
    this.#socket.on('data', (chunk: Buffer) => this.#received(chunk));
    this.#socket.on('error', (error) => this.#fail(error.message, error));
    this.#socket.on('close', () => this.#fail('connection closed'));
  }

  /** Connects, and reads the announcement. */
  static async open(options: ConnectionOptions): Promise<ClientConnection> {
    const connection = new ClientConnection(options);
    if (options.announcement) {
      const said = await connection.#nextReply();
      const protocol = said.get(announcementName)?.toString();
      if (protocol !== announcementValue) {
        connection.close();
        throw new TlsmgrError(
          'UNAVAILABLE',
          `unexpected protocol ${protocol ?? '(none)'} from ${options.socketPath} (expected: ${announcementValue})`,
        );
      }
    }
    return connection;
  }

  get usable(): boolean {
    return this.#failure === undefined;
  }

  /** Sends one encoded request. */
  send(request: Buffer): Promise<ReplyAttributes> {
    const reply = this.#nextReply();
    this.#socket.write(request);
    return reply;
  }

  close(): void {
    this.#failure ??= new TlsmgrError('UNAVAILABLE', 'connection closed');
    this.#socket.destroy();
  }

  #nextReply(): Promise<ReplyAttributes> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
      } else {
        const { timeoutMs } = this.#options;
        this.#waiting = { resolve, reject };
        this.#limit = setTimeout(() => this.#fail(`no answer within ${timeoutMs} ms`), timeoutMs);
        this.#socket.ref();
      }
    });
  }

  #received(chunk: Buffer): void {
    const decoder = this.#decoder;
    decoder.push(chunk);
    const found = decoder.next();
    if (found === 'list') {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      clearTimeout(this.#limit);
      // An idle connection keeps no program from ending.
      this.#socket.unref();
      if (waiting === undefined || decoder.pendingBytes > 0) {
        this.#fail('the server sent more than was asked for');
      }
      waiting?.resolve(attributesOf(decoder));
    } else if (found === 'too-long') {
      this.#fail('the reply is too long');
    }
    decoder.keepRest();
    chunk.fill(0);
  }

  #fail(reason: string, cause?: Error): void {
    if (this.#failure === undefined) {
      const text = `problem talking to ${this.#options.socketPath}: ${messageOf(reason)}`;
      this.#failure = new TlsmgrError('UNAVAILABLE', text, { cause });
      this.#socket.destroy();
    }
    clearTimeout(this.#limit);
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
  }
}

function attributesOf(list: Decoder): ReplyAttributes {
  const attributes = new Map<string, Buffer>();
  for (let index = 0; index + 1 < list.stringCount; index += 2) {
    attributes.set(bytesAt(list, index).toString(), bytesAt(list, index + 1));
  }
  return attributes;
}

function bytesAt(list: Decoder, index: number): Buffer {
  return Buffer.from(list.buffer.subarray(list.bounds[index * 2], list.bounds[index * 2 + 1]));
}
