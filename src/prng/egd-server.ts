/**
 * Serves the EGD protocol from the pool to other programs: tlsmgr_egd_listen.
 * The rate is limited over all clients together: a budget of bytes grows with
 * time. `01` gets what the budget has, `02` waits for it. What a client writes
 * is stirred into the pool and doesn't count as entropy.
 *
 * The socket is made before the chroot with mail_owner's rights, mode 0600; a
 * stale one is replaced.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { FatalError } from '../errors.ts';
import { reasonOf } from '../system/calls.ts';
import { bindOwnSocket, closeOwnSocket } from '../system/own-socket.ts';
import type { Clock } from '../system/clock.ts';
import { EgdClient } from './egd-client.ts';
import type { EgdCommand } from './egd-protocol.ts';
import type { Pool } from './pool.ts';

/** Bytes a second, and the most that is saved up. */
const bytesPerSecond = 16_384;

/** At once. */
const mostClients = 64;

export class EgdServer {
  readonly #path: string;
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #server: Server;
  #budget = bytesPerSecond;
  #filledAtMs: number;

  private constructor(path: string, pool: Pool, clock: Clock) {
    this.#path = path;
    this.#pool = pool;
    this.#clock = clock;
    this.#filledAtMs = clock.monotonicMs();
    this.#server = createServer(
      (socket) => new EgdClient(socket, (command) => this.#answer(command, socket)),
    );
    this.#server.maxConnections = mostClients;
    this.#server.unref();
  }

  /** Binds and listens. Throws FatalError when the path can't be had. */
  static async listen(path: string, pool: Pool, clock: Clock): Promise<EgdServer> {
    const server = new EgdServer(path, pool, clock);
    try {
      await bindOwnSocket(path, () => {
        return new Promise<void>((resolve, reject) => {
          server.#server.once('error', reject);
          server.#server.listen(path, resolve);
        });
      });
    } catch (thrown) {
      throw new FatalError(`tlsmgr_egd_listen = ${path}: ${reasonOf(thrown)}`, { cause: thrown });
    }
    return server;
  }

  close(): void {
    closeOwnSocket(this.#server, this.#path);
  }

  /** @returns 0 when answered, else milliseconds until it may be. */
  #answer(command: EgdCommand, socket: Socket): number {
    const budget = this.#refillBudget();
    switch (command.kind) {
      case 'bits': {
        const bits = Buffer.alloc(4);
        bits.writeUInt32BE(budget * 8);
        socket.write(bits);
        return 0;
      }
      case 'readNow':
        this.#give(socket, Math.min(command.bytes, budget), true);
        return 0;
      case 'readAll':
        if (budget < command.bytes) {
          return Math.ceil(((command.bytes - budget) * 1000) / bytesPerSecond);
        }
        this.#give(socket, command.bytes, false);
        return 0;
      case 'write':
        this.#pool.reseed(command.data);
        command.data.fill(0);
        return 0;
      default: {
        const pid = Buffer.from(String(process.pid));
        socket.write(Buffer.concat([Buffer.from([pid.length]), pid]));
        return 0;
      }
    }
  }

  #give(socket: Socket, bytes: number, counted: boolean): void {
    const head = counted ? 1 : 0;
    const reply = Buffer.alloc(head + bytes);
    if (counted) {
      reply[0] = bytes;
    }
    this.#pool.fill(reply, head, reply.length);
    this.#budget -= bytes;
    socket.write(reply, () => reply.fill(0));
  }

  #refillBudget(): number {
    const nowMs = this.#clock.monotonicMs();
    const earned = ((nowMs - this.#filledAtMs) * bytesPerSecond) / 1000;
    this.#filledAtMs = nowMs;
    this.#budget = Math.min(bytesPerSecond, this.#budget + earned);
    return Math.floor(this.#budget);
  }
}
