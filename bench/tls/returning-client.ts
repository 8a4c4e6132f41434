/** A client that comes back: each https request on a connection of its own, with the newest ticket. */
import { request, type RequestOptions } from 'node:https';
import type { ConnectionOptions, TLSSocket } from 'node:tls';

export type Version = 'TLSv1.2' | 'TLSv1.3';
export const versions: readonly Version[] = ['TLSv1.2', 'TLSv1.3'];

export interface ClientCounts {
  resumed: number;
  /** Full handshakes of a client that had no ticket. */
  first: number;
  /** The same, as the session's life was over. */
  over: number;
  /** The same, for any other reason. */
  full: number;
  failed: number;
}

export const noCounts = (): ClientCounts => ({
  resumed: 0,
  first: 0,
  over: 0,
  full: 0,
  failed: 0,
});

export class ReturningClient {
  readonly #port: number;
  readonly #version: Version;
  readonly #lifeSeconds: number;
  #session: Buffer | undefined;
  /** When the life of the session began: in TLS 1.2 renewals change nothing of it. */
  #bornMs = 0;
  readonly counts = noCounts();
  readonly errors: string[] = [];

  /** @param lifeSeconds of a session. */
  constructor(port: number, version: Version, lifeSeconds: number) {
    this.#port = port;
    this.#lifeSeconds = lifeSeconds;
    this.#version = version;
  }

  /** Never rejects: failures are counted. */
  async visit(): Promise<void> {
    const startMs = performance.now();
    const otherwise =
      this.#session === undefined
        ? 'first'
        : // Ages of tickets are in whole seconds.
          startMs - this.#bornMs > (this.#lifeSeconds - 1) * 1000
          ? 'over'
          : 'full';
    try {
      const isResumed = await this.#request();
      this.counts[isResumed ? 'resumed' : otherwise] += 1;
      if (!isResumed || this.#version === 'TLSv1.3') {
        this.#bornMs = startMs;
      }
    } catch (thrown) {
      this.counts.failed += 1;
      this.errors.push(String(thrown));
    }
  }

  /** The next visit is a first contact. */
  forget(): void {
    this.#session = undefined;
  }

  #request(): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let isResumed = false;
      const options: RequestOptions & ConnectionOptions = {
        port: this.#port,
        host: '127.0.0.1',
        servername: 'mx.example',
        rejectUnauthorized: false,
        agent: false,
        minVersion: this.#version,
        maxVersion: this.#version,
        session: this.#session,
      };
      const asking = request(options);
      asking.once('socket', (stream) => {
        const socket = stream as TLSSocket;
        socket.on('session', (session: Buffer) => {
          this.#session = session;
        });
        socket.once('secureConnect', () => {
          isResumed = socket.isSessionReused();
          // A renewed ticket of TLS 1.2 comes without an event.
          if (this.#version === 'TLSv1.2') {
            this.#session = socket.getSession();
          }
        });
      });
      asking.once('error', reject);
      asking.once('response', (response) => {
        response.resume();
        response.once('error', reject);
        response.once('end', () => resolve(isResumed));
      });
      asking.end();
    });
  }
}
