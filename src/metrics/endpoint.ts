/**
 * The listener of tlsmgr_metrics_listen in the phases of a daemon's start:
 * opened before the chroot, bound with mail_owner's rights, served when
 * everything is there. It costs the daemon nothing but itself: an address that
 * can't be had is one warning. One in use is tried again, for after a reload
 * the process before may still have it.
 *
 * A UNIX-domain socket has mode 0660, mail_owner and its group; a stale one is
 * replaced, anything else at its path refused.
 */
import { lookup } from 'node:dns/promises';
import { chmodSync } from 'node:fs';
import type { Server } from 'node:http';
import { isIP } from 'node:net';
import type { Logger, LogWarning } from '../log/logger.ts';
import type { Report } from '../daemon/report.ts';
import { reasonOf } from '../system/calls.ts';
import { bindOwnSocket } from '../system/own-socket.ts';
import { httpService } from './http-service.ts';
import { addressText, type ListenAddress } from './listen-address.ts';
import { Pages } from './pages.ts';

export interface EndpointOptions {
  address: ListenAddress;
  /** This host's name: a Host header may have it. */
  hostname: string;
  log: Logger;
}

const parameter = 'tlsmgr_metrics_listen';

const socketMode = 0o660;
/** Newcomers are seen at once, and then it is decided who stays. */
const backlog = 100;

/** While the process before may be on its way out nothing is said. */
const silentTries = 10;
const silentRetryMs = 250;
const laterRetryMs = 10_000;

export class MetricsEndpoint {
  readonly #options: EndpointOptions;
  readonly #pages = new Pages();
  readonly #server: Server;
  #warn: LogWarning;
  #tries = 0;
  #retry: NodeJS.Timeout | undefined;
  /** What the configured host stood for before the chroot; undefined: nothing. */
  #host: string | undefined;

  constructor(options: EndpointOptions) {
    const { address, hostname, log } = options;
    this.#options = options;
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

  /** Finds the address of a name: in the chroot that can't be done. A failure is logged. */
  async resolve(): Promise<void> {
    const { address } = this.#options;
    if (address.kind === 'unix') {
      return;
    }
    if (isIP(address.host) !== 0) {
      this.#host = address.host;
      return;
    }
    try {
      ({ address: this.#host } = await lookup(address.host));
    } catch (thrown) {
      this.#giveUp(thrown);
    }
  }

  /** Listens, or logs why not. Binds a path before it first gives up control, with the rights of that moment. */
  async listen(): Promise<void> {
    const { address } = this.#options;
    if (address.kind === 'tcp') {
      await this.#tryPort();
      return;
    }
    try {
      await bindOwnSocket(address.path, () => this.#bind({ path: address.path }));
    } catch (thrown) {
      this.#giveUp(thrown);
    }
  }

  /** Answers from now on. @param warn limited: for what a client can cause. */
  serve(makeReport: () => Report, warn: LogWarning): void {
    this.#warn = warn;
    this.#pages.serve(makeReport);
    if (this.#server.listening) {
      const { address, log } = this.#options;
      log.info(`metrics and a page are served on ${addressText(address)}`);
    }
  }

  /** Removes a socket's file: not for where the next process may have made its own already. */
  close(): void {
    clearTimeout(this.#retry);
    this.#server.close();
  }

  async #tryPort(): Promise<void> {
    const { address, log } = this.#options;
    if (address.kind !== 'tcp' || this.#host === undefined) {
      return;
    }
    try {
      await this.#bind({ host: this.#host, port: address.port });
      if (this.#tries >= silentTries) {
        log.info(`${parameter} = ${addressText(address)}: served now`);
      }
    } catch (thrown) {
      const inUse = thrown instanceof Error && 'code' in thrown && thrown.code === 'EADDRINUSE';
      this.#tries += 1;
      if (!inUse || this.#tries === silentTries) {
        this.#giveUp(thrown);
      }
      if (inUse) {
        const waitMs = this.#tries < silentTries ? silentRetryMs : laterRetryMs;
        this.#retry = setTimeout(() => void this.#tryPort(), waitMs).unref();
      }
    }
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

  #giveUp(thrown: unknown): void {
    const { address, log } = this.#options;
    log.warning(`${parameter} = ${addressText(address)}: ${reasonOf(thrown)}: no metrics`);
  }
}
