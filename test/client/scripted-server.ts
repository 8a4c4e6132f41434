/** A server that tells a client who it is as the real ones do, and then answers as a test says. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { announcement, list } from '../socket/harness.ts';

export interface Asked {
  name: string;
  /** Names and values of the whole request, in turn. */
  words: readonly string[];
  /** Number of the connection, from 1. */
  connection: number;
  socket: Socket;
  reply: (...words: string[]) => void;
}

export interface Script {
  /** Postfix's own answers the first of several requests, and no request of ours. Default `tlsmgr`. */
  as?: 'tlsmgr' | 'postfix';
  /** Called for each connection; false: it says nothing at all. */
  greets?: (connection: number) => boolean;
  asked: (request: Asked) => void;
}

const policy = list('status', '0', 'cachable', '1', 'timeout', '3600');
const seed = list('status', '0', 'seed', 'QQ==');

export class ScriptedServer {
  readonly path: string;
  readonly #folder: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  connections = 0;
  /** Names of requests, those that tell who serves left out. */
  readonly requests: string[] = [];

  private constructor(folder: string, script: Script) {
    this.#folder = folder;
    this.path = join(folder, 'socket');
    this.#server = createServer((socket) => this.#serve(socket, script));
  }

  static async start(script: Script): Promise<ScriptedServer> {
    const server = new ScriptedServer(mkdtempSync(join(tmpdir(), 'tlsmgr-client-')), script);
    await server.listen();
    return server;
  }

  async listen(): Promise<void> {
    this.#server.listen(this.path);
    await once(this.#server, 'listening');
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#sockets.size;
  }

  /** Closes all connections; new ones are taken. */
  drop(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  /** No server any more, until listen(). */
  async away(): Promise<void> {
    this.#server.close();
    this.drop();
    await once(this.#server, 'close');
  }

  async stop(): Promise<void> {
    if (this.#server.listening) {
      await this.away();
    }
    rmSync(this.#folder, { recursive: true });
  }

  #serve(socket: Socket, { as = 'tlsmgr', greets, asked }: Script): void {
    this.connections += 1;
    const connection = this.connections;
    this.#sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
    if (greets?.(connection) === false) {
      socket.resume();
      return;
    }
    socket.write(announcement);
    let text = '';
    let known = false;
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      const { lists, rest } = listsOf(text + chunk);
      text = rest;
      for (const words of as === 'postfix' ? lists.slice(0, 1) : lists) {
        const name = words[1] ?? '';
        if (known) {
          this.requests.push(name);
          const reply = (...said: string[]): void => void socket.write(list(...said));
          asked({ name, words, connection, socket, reply });
        } else {
          known = name === 'seed';
          socket.write(known ? seed : policy);
        }
      }
    });
  }
}

/** The words of each complete list; values may be empty, names not. */
function listsOf(text: string): { lists: string[][]; rest: string } {
  const lists: string[][] = [];
  let words: string[] = [];
  let start = 0;
  let at = 0;
  for (let end = text.indexOf('\0'); end >= 0; end = text.indexOf('\0', at)) {
    const word = text.slice(at, end);
    at = end + 1;
    if (word === '' && words.length % 2 === 0) {
      lists.push(words);
      words = [];
      start = at;
    } else {
      words.push(word);
    }
  }
  return { lists, rest: text.slice(start) };
}
