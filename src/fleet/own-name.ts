/**
 * Whether another host has this one's name: a clone, or a myhostname that is the
 * same on all. Then the two overwrite each other's heartbeats.
 */
import type { Logger } from '../log/logger.ts';
import type { Heartbeat } from './heartbeat-value.ts';

const goneAfterMs = 90_000;
/** After a reload, the process before may tell of itself once more. */
const fewestSeen = 2;

export class OwnName {
  readonly #self: Pick<Heartbeat, 'host' | 'process'>;
  readonly #log: Logger;
  #other: { process: string; atMs: number; seen: number } | undefined;

  constructor(self: Pick<Heartbeat, 'host' | 'process'>, log: Logger) {
    this.#self = self;
    this.#log = log;
  }

  /**
   * @param heartbeats under this host's name. @param nowMs by the engine's clock.
   * @param startedMs when this process has put its first heartbeat.
   */
  take(heartbeats: readonly Heartbeat[], nowMs: number, startedMs: number): void {
    const wasTold = this.#isTaken;
    const found = heartbeats.findLast(
      ({ process, atMs }) => process !== this.#self.process && atMs > startedMs,
    );
    if (found !== undefined) {
      const { process, atMs } = found;
      const isNews = this.#other?.process !== process || atMs > this.#other.atMs;
      this.#other = { process, atMs, seen: (this.#other?.seen ?? 0) + (isNews ? 1 : 0) };
    } else if (this.#other !== undefined && nowMs - this.#other.atMs > goneAfterMs) {
      this.#other = undefined;
    }
    if (this.#isTaken && !wasTold) {
      this.#log.warning(`fleet: ${this.#text}`);
    }
  }

  warnings(): string[] {
    return this.#isTaken ? [this.#text] : [];
  }

  get #isTaken(): boolean {
    return this.#other !== undefined && this.#other.seen >= fewestSeen;
  }

  get #text(): string {
    return `another host is named ${this.#self.host}, too: each needs a name of its own (tlsmgr_fleet_host)`;
  }
}
