/**
 * The open connections. When there are too many, this class chooses one to close:
 * one that has asked nothing for a long time. A mail server's processes keep
 * connections that they don't need, and open another one when theirs is closed. So
 * no client that wants an answer is refused.
 *
 * The choice is the clock algorithm of page replacement. A hand goes round over
 * all connections. It skips those that have sent something since its last visit,
 * and takes the first other one. A read only sets a flag, and the clients that are
 * busy needn't be sorted.
 */

export interface Member {
  /** Set when the client sends something. */
  active: boolean;
  /** Its index in the list. Only OpenConnections sets it. */
  place: number;
}

export class OpenConnections<One extends Member> {
  readonly #members: One[] = [];
  #hand = 0;

  get size(): number {
    return this.#members.length;
  }

  add(member: One): void {
    member.place = this.#members.length;
    this.#members.push(member);
  }

  remove(member: One): void {
    const last = this.#members.pop();
    if (last !== undefined && last !== member) {
      this.#members[member.place] = last;
      last.place = member.place;
    }
  }

  /**
   * One that has been idle since the hand's last visit. If all are busy, it is the
   * next one. It is never `except`; undefined when there is no other.
   */
  longestIdle(except: One): One | undefined {
    const { length } = this.#members;
    for (let steps = 0; steps < length * 2; steps += 1) {
      this.#hand = (this.#hand + 1) % length;
      const member = this.#members[this.#hand]!;
      if (member === except) {
        continue;
      }
      if (!member.active) {
        return member;
      }
      member.active = false;
    }
    return undefined;
  }
}
