/**
 * The open connections, and which of them goes when there are too many: one
 * that has asked nothing for long. A mail server's processes keep connections
 * that they don't need and open another when theirs is gone, so nobody who wants
 * an answer is turned away.
 *
 * A hand goes round: who has sent something since it last passed stays, so a
 * read costs one flag, and finding the idle one costs no search among the busy.
 */

export interface Member {
  /** Set when the client sends something. */
  active: boolean;
  /** This class's own. */
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

  /** One that has been idle since the hand last passed; if all are busy, the next; never `except`. */
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
