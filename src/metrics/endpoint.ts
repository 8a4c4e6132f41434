/**
 * The listener of tlsmgr_metrics_listen. It is made before the chroot. It is
 * bound to a path with mail_owner's rights, or to a port with root's, and it
 * answers from serve() on. It never stops or delays the daemon: nobody waits for
 * the look-up of its host, and an address that can't be bound is one warning. A
 * port is tried again, in the chroot too: after a reload the earlier process may
 * still have it, or the interface or DNS may not be up yet.
 *
 * A UNIX-domain socket has mode 0660, mail_owner and its group; a stale one is
 * replaced, anything else at its path refused.
 */
import { chmodSync } from 'node:fs';
import type { Server } from 'node:http';
import type { Logger, LogWarning } from '../log/logger.ts';
import type { Report } from '../report/report.ts';
import { reasonOf } from '../system/calls.ts';
import { bindOwnSocket, closeOwnSocket } from '../system/own-socket.ts';
import { after, type Timer } from '../system/timers.ts';
import { HostAddress, type HostAddressOptions } from './host-address.ts';
import { httpService } from './http-service.ts';
import { addressText, type ListenAddress } from '../config/listen-address.ts';
import { Pages } from './pages.ts';

export interface EndpointOptions {
  address: ListenAddress;
  /** This host's name: a Host header may have it. */
  hostname: string;
  log: Logger;
  /** Called when a port has been bound: nothing more of root's rights is needed. */
  portBound?: (() => void) | undefined;
  names?: HostAddressOptions;
  schedule?: typeof after;
}

const parameter = 'tlsmgr_metrics_listen';

const socketMode = 0o660;
/** New connections are accepted at once; places.ts decides which of them stay. */
const backlog = 100;

/** As long as the earlier process may still be ending, nothing is logged. */
const silentTries = 10;
const silentRetrySeconds = 0.25;
const laterRetrySeconds = 10;

/** Whose binding is root's alone. */
const lowPortsEnd = 1024;

export class MetricsEndpoint {
  readonly #options: EndpointOptions;
  readonly #pages = new Pages();
  readonly #server: Server;
  readonly #host: HostAddress | undefined;
  #warn: LogWarning;
  #triesInUse = 0;
  #retry: Timer | undefined;
  #state: 'opened' | 'serving' | 'closed' = 'opened';
  /** What the log says of where it is served: nothing yet, that it isn't, or that it is. */
  #told: 'nothing' | 'missing' | 'served' = 'nothing';
  #fault = '';

  constructor(options: EndpointOptions) {
    const { address, hostname, log, names } = options;
    this.#options = options;
    this.#host = address.kind === 'tcp' ? new HostAddress(address.host, names) : undefined;
    this.#warn = (_kind, text) => log.warning(text());
    this.#server = httpService({
      pages: this.#pages,
      warn: (kind, text) => this.#warn(kind, text),
      ownNames:
        address.kind === 'tcp'
          ? new Set([address.host.toLowerCase(), hostname.toLowerCase()])
          : undefined,
    });
  }

  /** Binds a path before it first gives up control, with the rights of that moment, or logs why not. */
  async listenOnPath(): Promise<void> {
    const { address } = this.#options;
    if (address.kind === 'unix') {
      try {
        await bindOwnSocket(address.path, () => this.#bind({ path: address.path }));
      } catch (thrown) {
        this.#miss(thrown, 'no metrics');
      }
    }
  }

  /** Binds a port whose address is known, with the rights of that moment; else in the background. */
  async listenOnPort(): Promise<void> {
    const done = this.#tryPort();
    if (this.#host?.known !== undefined) {
      await done;
    }
  }

  /** Why nobody can ask it, after the first tries; empty when somebody can, or it is too early to tell. */
  get fault(): string {
    return this.#server.listening ? '' : this.#fault;
  }

  /** Whether a port is still to be bound that root alone may bind. */
  get needsLowPort(): boolean {
    const { address } = this.#options;
    return address.kind === 'tcp' && address.port < lowPortsEnd && !this.#server.listening;
  }

  /** Answers from now on. @param warn limited: for what a client can cause. */
  serve(makeReport: () => Report, warn: LogWarning): void {
    this.#warn = warn;
    this.#pages.serve(makeReport);
    this.#state = 'serving';
    this.#tellServed();
  }

  /** Removes a socket's file: not for where the next process may have made its own already. */
  close(): void {
    this.#state = 'closed';
    this.#retry?.cancel();
    const { address } = this.#options;
    if (address.kind === 'unix' && this.#server.listening) {
      closeOwnSocket(this.#server, address.path);
    } else {
      this.#server.close();
    }
  }

  async #tryPort(): Promise<void> {
    const { address } = this.#options;
    const host = this.#host;
    if (address.kind !== 'tcp' || host === undefined) {
      return;
    }
    try {
      const found = host.known ?? (await host.ask());
      if (this.#state === 'closed') {
        return;
      }
      await this.#bind({ host: found, port: address.port });
    } catch (thrown) {
      this.#tryAgain(thrown);
      return;
    }
    this.#options.portBound?.();
    this.#tellServed();
  }

  #tryAgain(thrown: unknown): void {
    const inUse = thrown instanceof Error && 'code' in thrown && thrown.code === 'EADDRINUSE';
    this.#triesInUse += inUse ? 1 : 0;
    const silent = inUse && this.#triesInUse < silentTries;
    if (!silent) {
      this.#miss(thrown, 'no metrics yet');
    }
    const { schedule = after } = this.#options;
    this.#retry = schedule(silent ? silentRetrySeconds : laterRetrySeconds, () => {
      void this.#tryPort();
    });
  }

  #tellServed(): void {
    const { address, log } = this.#options;
    if (this.#state !== 'serving' || !this.#server.listening || this.#told === 'served') {
      return;
    }
    if (this.#told === 'missing') {
      log.info(`${parameter} = ${addressText(address)}: served now`);
    } else {
      log.info(`metrics and a page are served on ${addressText(address)}`);
    }
    this.#told = 'served';
  }

  #bind(where: { path: string } | { host: string; port: number }): Promise<void> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ ...where, backlog }, () => {
        server.off('error', reject);
        resolve();
      });
      if ('path' in where && server.listening) {
        // Bound already, and the rights are still those of who is to own it.
        chmodSync(where.path, socketMode);
      }
    });
  }

  /** Says once that it isn't served. */
  #miss(thrown: unknown, what: string): void {
    const { address, log } = this.#options;
    this.#fault = `${addressText(address)}: ${reasonOf(thrown)}`;
    if (this.#told === 'nothing') {
      this.#told = 'missing';
      log.warning(`${parameter} = ${this.#fault}: ${what}`);
    }
  }
}
