/**
 * Commands that the engine answers with an error, and what the log has been told of
 * it: the begin and the end of each trouble, once. A command may fail for one part of
 * our keys and not for another, as rights are given for keys: so each part counts for
 * itself. It may fail for one key only. A trouble that comes again within a minute of
 * its end is then the same one: neither it nor its end is told once more.
 */
import type { Timer } from '../../system/timers.ts';
import type { After } from './deadlines.ts';

/** A heartbeat is due every 36 s at the latest. */
const sameWithinSeconds = 60;

/** A command, and what of our keys it is about. */
export interface CommandPlace {
  /** As Redis names it. */
  command: string;
  /** The first word of the key: `s`, `k` or `h`; empty without a key. */
  part: string;
}

export interface CommandFaultsOptions {
  after: After;
  /** Tells that a command fails, and that it no longer does. */
  begins: (command: string, reason: string) => void;
  ends: (command: string) => void;
}

interface Fault {
  command: string;
  reason: string;
  isTold: boolean;
}

export class CommandFaults {
  readonly #options: CommandFaultsOptions;
  /** By command and part. */
  readonly #faults = new Map<string, Fault>();
  /** Troubles that have ended less than a minute ago. */
  readonly #recent = new Map<string, Timer>();

  constructor(options: CommandFaultsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#faults.size;
  }

  /** Why a command fails; undefined when none does. */
  get reason(): string | undefined {
    const [first] = this.#faults.values();
    return first?.reason;
  }

  /** @param reason in the engine's words. */
  failed(place: CommandPlace, reason: string): void {
    const { command } = place;
    const key = keyOf(place);
    const wasTold = this.#faults.get(key)?.isTold === true;
    const isNews = !wasTold && !this.#recent.has(key) && !this.#isTold(command, reason);
    this.#faults.set(key, { command, reason, isTold: wasTold || isNews });
    if (isNews) {
      this.#options.begins(command, reason);
    }
  }

  /** It was answered, and not with an error. */
  succeeded(place: CommandPlace): void {
    const key = keyOf(place);
    const fault = this.#faults.get(key);
    if (fault === undefined) {
      return;
    }
    this.#faults.delete(key);
    this.#recent.get(key)?.cancel();
    const over = this.#options.after(sameWithinSeconds, () => this.#recent.delete(key));
    this.#recent.set(key, over);
    if (fault.isTold) {
      this.#options.ends(place.command);
    }
  }

  close(): void {
    for (const timer of this.#recent.values()) {
      timer.cancel();
    }
    this.#recent.clear();
  }

  /** Of another part: a right to a command that we lack, for one. */
  #isTold(command: string, reason: string): boolean {
    return [...this.#faults.values()].some(
      (fault) => fault.isTold && fault.command === command && fault.reason === reason,
    );
  }
}

function keyOf({ command, part }: CommandPlace): string {
  return `${command} ${part}`;
}
