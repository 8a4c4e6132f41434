/**
 * Heartbeats that no secret of this host opens. Those that change are of hosts
 * with another secret, which is worth a warning. Those that don't are left over
 * from a secret that was replaced, and are removed after an hour.
 */
import type { Logger } from '../log/logger.ts';
import type { Clock } from '../system/clock.ts';

/** A sealed value begins with a random nonce, so two values differ there. */
const markBytes = 32;

const removedAfterMs = 3_600_000;
const goneAfterMs = 90_000;

interface Unopened {
  mark: string;
  sinceMs: number;
  /** Whether it has changed since it was first seen. */
  isAlive: boolean;
}

export class UnopenedFields {
  readonly #clock: Clock;
  readonly #log: Logger;
  #fields = new Map<string, Unopened>();
  #isTold = false;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** @param fields all of them that there are now. @returns those to be removed. */
  take(fields: ReadonlyMap<string, Buffer>): string[] {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#fields;
    this.#fields = new Map();
    const old: string[] = [];
    for (const [field, sealed] of fields) {
      const mark = sealed.toString('latin1', 0, markBytes);
      const before = known.get(field);
      const isSame = before?.mark === mark;
      const sinceMs = isSame ? before.sinceMs : nowMs;
      if (nowMs - sinceMs > removedAfterMs) {
        old.push(field);
        continue;
      }
      const isAlive = before !== undefined && (before.isAlive || !isSame);
      this.#fields.set(field, { mark, sinceMs, isAlive });
    }
    this.#tell();
    return old;
  }

  warnings(): string[] {
    const count = this.#aliveCount();
    return count === 0 ? [] : [textFor(count)];
  }

  #aliveCount(): number {
    const nowMs = this.#clock.monotonicMs();
    return [...this.#fields.values()].filter(
      ({ isAlive, sinceMs }) => isAlive && nowMs - sinceMs <= goneAfterMs,
    ).length;
  }

  #tell(): void {
    const count = this.#aliveCount();
    if (count > 0 && !this.#isTold) {
      this.#log.warning(`fleet: ${textFor(count)}`);
    }
    this.#isTold = count > 0;
  }
}

/** Whose heartbeat can't be opened isn't known: its name is sealed as well. */
const remedy = 'give all hosts the same tlsmgr_fleet_secret_file, then postfix reload there';

function textFor(count: number): string {
  return count === 1
    ? `1 other host, whose name can't be read here, has another secret: ${remedy}`
    : `${count} other hosts, whose names can't be read here, have another secret: ${remedy}`;
}
