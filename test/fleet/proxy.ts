/**
 * A TCP proxy between a program under test and a server: it delays each way,
 * stalls (nothing passes, connections stay) and cuts.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface ProxyTarget {
  host: string;
  port: number;
}

type Passing =
  | 'yes'
  /** Connections are taken and kept, and nothing goes through them. */
  | 'stalled'
  /** There are no connections: each new one is closed at once. */
  | 'cut';

export class Proxy {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #target: ProxyTarget;
  #passing: Passing = 'yes';
  /** Milliseconds that each byte takes, each way. */
  delayMs = 0;
  /** Connections that were taken since the start. */
  connections = 0;
  /** Bytes that went to the server, and came from it. */
  readonly bytes = { sent: 0, received: 0 };

  private constructor(target: ProxyTarget) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: false }, (socket) => this.#taken(socket));
  }

  /** Listens on a free port of `host`. close() ends it. */
  static async start(target: ProxyTarget, host = '127.0.0.1', port = 0): Promise<Proxy> {
    const proxy = new Proxy(target);
    proxy.#server.listen(port, host);
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get host(): string {
    return (this.#server.address() as AddressInfo).address;
  }

  /** `host:port`, as the .cf file names it. */
  get address(): string {
    return `${this.host}:${this.port}`;
  }

  /** Open now. */
  get open(): number {
    return this.#pairs.size;
  }

  /** New connections lead there. */
  set target(target: ProxyTarget) {
    this.#target = target;
  }

  /** Closes all connections by a reset, and each new one at once, until mend(). */
  cut(): void {
    this.#passing = 'cut';
    this.reset();
  }

  /** Closes the connections that are open now; new ones are taken. */
  reset(): void {
    for (const pair of this.#pairs) {
      pair.reset();
    }
  }

  /** Lets nothing through until mend(); connections stay, and new ones are taken. */
  stall(): void {
    this.#passing = 'stalled';
    for (const pair of this.#pairs) {
      pair.passing(false);
    }
  }

  /** All passes again; what has waited goes first. */
  mend(): void {
    this.#passing = 'yes';
    for (const pair of this.#pairs) {
      pair.passing(true);
    }
  }

  async close(): Promise<void> {
    this.reset();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #taken(socket: Socket): void {
    this.connections += 1;
    if (this.#passing === 'cut') {
      socket.on('error', () => {});
      socket.resetAndDestroy();
      return;
    }
    const pair = new Pair(socket, connect(this.#target), {
      delayMs: () => this.delayMs,
      count: (direction, bytes) => {
        this.bytes[direction] += bytes;
      },
      ended: () => this.#pairs.delete(pair),
    });
    pair.passing(this.#passing === 'yes');
    this.#pairs.add(pair);
  }
}

interface PairEvents {
  delayMs: () => number;
  count: (direction: 'sent' | 'received', bytes: number) => void;
  ended: () => void;
}

/** The two sockets of a connection through the proxy. */
class Pair {
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #events: PairEvents;
  #open = true;
  #mended: Promise<void> = Promise.resolve();
  #mend: (() => void) | undefined;

  constructor(near: Socket, far: Socket, events: PairEvents) {
    this.#near = near;
    this.#far = far;
    this.#events = events;
    this.#pass(near, far, 'sent');
    this.#pass(far, near, 'received');
  }

  passing(passes: boolean): void {
    if (passes) {
      this.#mend?.();
      this.#mend = undefined;
      this.#near.resume();
      this.#far.resume();
    } else if (this.#mend === undefined) {
      // What the kernel holds stays there, as it does behind a dead network.
      this.#near.pause();
      this.#far.pause();
      this.#mended = new Promise((resolve) => {
        this.#mend = resolve;
      });
    }
  }

  reset(): void {
    for (const socket of [this.#near, this.#far]) {
      if (!socket.destroyed) {
        socket.resetAndDestroy();
      }
    }
    this.#end();
  }

  #end(): void {
    if (this.#open) {
      this.#open = false;
      this.#mend?.();
      this.#events.ended();
    }
  }

  #pass(from: Socket, to: Socket, direction: 'sent' | 'received'): void {
    /** Chunks on their way, so that none overtakes another. */
    let underWay = 0;
    let last: Promise<unknown> = Promise.resolve();
    from.setNoDelay(true);
    from.on('error', () => {});
    from.on('data', (chunk: Buffer) => {
      this.#events.count(direction, chunk.length);
      const delayMs = this.#events.delayMs();
      if (delayMs === 0 && underWay === 0 && this.#mend === undefined) {
        to.write(chunk);
        return;
      }
      underWay += 1;
      const before = Promise.all([last, pause(delayMs)]);
      const write = async (): Promise<void> => {
        await before;
        await this.#mended;
        underWay -= 1;
        if (!to.destroyed) {
          to.write(chunk);
        }
      };
      last = write();
    });
    from.on('close', () => {
      const end = async (): Promise<void> => {
        await last;
        to.destroySoon();
        this.#end();
      };
      void end();
    });
  }
}
