/** The sessions that this process holds: a few for each destination. */

interface Held {
  /** Never offered, the newest last. */
  fresh: Buffer[];
  /** The one that was offered last. */
  last: Buffer | undefined;
}

export class HeldSessions {
  readonly #perDestination: number;
  readonly #maxDestinations: number;
  /** The destination used last is the last. */
  readonly #held = new Map<string, Held>();

  constructor(perDestination: number, maxDestinations: number) {
    this.#perDestination = perDestination;
    this.#maxDestinations = maxDestinations;
  }

  get destinations(): number {
    return this.#held.size;
  }

  keep(id: string, session: Buffer): void {
    const held = this.#touch(id);
    held.fresh.push(session);
    if (held.fresh.length > this.#perDestination) {
      held.fresh.shift()!.fill(0);
    }
  }

  /** The newest that was never offered; it is not held any more. */
  takeFresh(id: string): Buffer | undefined {
    return this.#held.get(id)?.fresh.pop();
  }

  last(id: string): Buffer | undefined {
    return this.#held.get(id)?.last;
  }

  /** Keeps a session that is being offered, for when there are no fresh ones. */
  keepLast(id: string, session: Buffer): void {
    const held = this.#touch(id);
    held.last?.fill(0);
    held.last = session;
  }

  /** What was offered is of no use any more. */
  drop(id: string, offered: Buffer): void {
    const held = this.#held.get(id);
    if (held?.last?.equals(offered) === true) {
      held.last.fill(0);
      held.last = undefined;
    }
  }

  clear(): void {
    for (const id of this.#held.keys()) {
      this.#forget(id);
    }
  }

  #touch(id: string): Held {
    const held = this.#held.get(id) ?? { fresh: [], last: undefined };
    this.#held.delete(id);
    this.#held.set(id, held);
    if (this.#held.size > this.#maxDestinations) {
      this.#forget(this.#held.keys().next().value!);
    }
    return held;
  }

  #forget(id: string): void {
    const { fresh, last } = this.#held.get(id)!;
    [...fresh, ...(last ? [last] : [])].forEach((session) => session.fill(0));
    this.#held.delete(id);
  }
}
