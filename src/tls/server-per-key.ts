/**
 * A ring of ticket keys by what Node documents alone: one tls.Server a key, and
 * in front of them a net.Server that reads the key's name in the ClientHello and
 * hands the connection to the server with that key. Old tickets are resumed, and
 * not renewed. For a Node without the ticket key callback; shareSessions needs it
 * nowhere today.
 */
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import { TlsmgrError } from '../errors.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import { ticketKeyName } from './client-hello.ts';
import { type CallbackKey, singleKey } from './key-callback.ts';
import { requireScope, sessionIdContextOf } from './scope.ts';
import { targetOf } from './target.ts';
import type { TicketClient } from './ticket-client.ts';
import { TicketRing } from './ticket-ring.ts';

/** A ClientHello that isn't whole then goes to a server all the same, which refuses it. */
const longestHelloBytes = 16_389;
/** As Node's handshakeTimeout. */
const helloLimitMs = 120_000;

/** What ServerPerKey is made of. */
export interface ServerPerKeyOptions {
  client: TicketClient;
  scope: string;
  /**
   * Makes one more server, with its certificate and listeners. It must have this
   * `sessionIdContext`, and needs not listen.
   */
  makeServer: (options: { sessionIdContext: string }) => TlsServer;
  clock?: Clock;
}

/** A ring of ticket keys by documented interfaces alone, for a Node whose ticket key callback is gone. */
export class ServerPerKey implements AsyncDisposable {
  /** The one that listens. */
  readonly server: NetServer;
  readonly #options: ServerPerKeyOptions;
  readonly #ring: TicketRing;
  /** By the name of their key, in hexadecimal. */
  readonly #servers = new Map<string, TlsServer>();
  /** Without a key of ours. */
  readonly #plain: TlsServer;

  /**
   * Throws TlsmgrError `REFUSED` where certificates of clients are asked for: which
   * authorities have let a client in isn't told apart here.
   */
  constructor(options: ServerPerKeyOptions) {
    const { client, scope, clock = systemClock } = options;
    requireScope(scope);
    this.#options = options;
    this.#plain = this.#make();
    if (targetOf(this.#plain).clientAuthorities !== undefined) {
      throw new TlsmgrError('REFUSED', 'one server a key is not for client certificates');
    }
    this.#ring = new TicketRing({ client, scope, clock, changed: () => this.#forget() });
    this.server = createServer((socket) => this.#read(socket));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#ring.close();
    this.#servers.clear();
    return Promise.resolve();
  }

  #read(socket: Socket): void {
    const chunks: Buffer[] = [];
    const giveUp = (): void => void socket.destroy();
    const received = (chunk: Buffer): void => {
      chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      const name = ticketKeyName(bytes);
      if (name === 'more' && bytes.length < longestHelloBytes) {
        return;
      }
      socket.off('data', received).off('error', giveUp).off('end', giveUp);
      socket.setTimeout(0).off('timeout', giveUp);
      socket.pause();
      socket.unshift(bytes);
      this.#serverOf(name === 'more' ? undefined : name).emit('connection', socket);
    };
    socket.on('data', received).on('error', giveUp).on('end', giveUp);
    socket.setTimeout(helloLimitMs).on('timeout', giveUp);
  }

  #serverOf(name: Buffer | undefined): TlsServer {
    const known = name && this.#ring.named(name);
    if (name !== undefined && known === undefined) {
      this.#ring.missed(name);
    }
    const key = known ?? this.#ring.sealing();
    if (key === undefined) {
      return this.#plain;
    }
    const label = key.name.toString('hex');
    let server = this.#servers.get(label);
    if (server === undefined) {
      server = this.#make(key);
      this.#servers.set(label, server);
    }
    return server;
  }

  #make(key?: CallbackKey): TlsServer {
    const sessionIdContext = sessionIdContextOf(this.#options.scope);
    const server = this.#options.makeServer({ sessionIdContext });
    if (key !== undefined) {
      const bytes = singleKey(key);
      server.setTicketKeys(bytes);
      bytes.fill(0);
    }
    return server;
  }

  /** Lets go of servers whose key opens no more. */
  #forget(): void {
    for (const label of this.#servers.keys()) {
      if (this.#ring.named(Buffer.from(label, 'hex')) === undefined) {
        this.#servers.delete(label);
      }
    }
  }
}
