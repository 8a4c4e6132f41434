/**
 * Decides which connections keep one of the few places. When all are taken, one
 * connection is closed for the next, so that nobody can keep others out by
 * holding places.
 *
 *     fresh    connected, has asked nothing yet
 *     asking   its first request waits for an answer
 *     served   has had an answer, whatever it does since
 *
 * The connection to close belongs to the address with the most places. When the
 * newcomer's own address is one of those, that one is chosen. Of its connections the
 * one is closed that has been fresh or served for longest. When all of them are
 * asking, the last one is closed if the newcomer's address has at least two
 * places fewer. Otherwise the newcomer itself is closed: each of the others gets
 * its answer within a moment, and can be closed then.
 */
type State = 'fresh' | 'asking' | 'served';

interface Place<Holder> {
  readonly holder: Holder;
  readonly address: string;
  state: State;
}

export class Places<Holder> {
  readonly #most: number;
  /** In the order in which they came to their state, as far as it isn't `asking`. */
  readonly #places = new Map<Holder, Place<Holder>>();

  constructor(most: number) {
    this.#most = most;
  }

  has(holder: Holder): boolean {
    return this.#places.has(holder);
  }

  /** @returns who has lost its place for it: the newcomer itself where none gives way. */
  enter(holder: Holder, address: string): Holder | undefined {
    let gone: Holder | undefined;
    if (this.#places.size >= this.#most) {
      gone = this.#whoGivesWay(address);
      if (gone === undefined) {
        return holder;
      }
      this.#places.delete(gone);
    }
    this.#places.set(holder, { holder, address, state: 'fresh' });
    return gone;
  }

  /** Its request waits for an answer. */
  asks(holder: Holder): void {
    const place = this.#places.get(holder);
    if (place?.state === 'fresh') {
      place.state = 'asking';
    }
  }

  /** It gets an answer now. */
  serve(holder: Holder): void {
    const place = this.#places.get(holder);
    if (place !== undefined) {
      place.state = 'served';
      this.#places.delete(holder);
      this.#places.set(holder, place);
    }
  }

  leave(holder: Holder): void {
    this.#places.delete(holder);
  }

  #whoGivesWay(newcomer: string): Holder | undefined {
    const byAddress = new Map<string, number>();
    for (const { address } of this.#places.values()) {
      byAddress.set(address, (byAddress.get(address) ?? 0) + 1);
    }
    const largest = Math.max(...byAddress.values());
    const own = byAddress.get(newcomer) ?? 0;
    const crowd = [...this.#places.values()].filter(({ address }) =>
      own === largest ? address === newcomer : byAddress.get(address) === largest,
    );
    const yielding = crowd.find(({ state }) => state !== 'asking');
    const last = largest >= own + 2 ? crowd.at(-1) : undefined;
    return (yielding ?? last)?.holder;
  }
}
