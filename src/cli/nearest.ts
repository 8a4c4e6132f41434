/** The name that was meant. */

/** Names further apart than this aren't taken for each other. */
const farthest = 4;

/** @returns undefined when none is near. */
export function nearestOf(
  name: string,
  known: readonly string[],
  most: number = farthest,
): string | undefined {
  const nearest = known
    .map((one) => ({ one, distance: distanceOf(name, one) }))
    .toSorted((one, other) => one.distance - other.distance)[0];
  return nearest !== undefined && nearest.distance <= most ? nearest.one : undefined;
}

/** How many letters to put in, leave out or change (Levenshtein). */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let at = 1; at <= one.length; at += 1) {
    const next = [at];
    for (let index = 1; index <= other.length; index += 1) {
      const change = row[index - 1]! + (one[at - 1] === other[index - 1] ? 0 : 1);
      next.push(Math.min(change, row[index]! + 1, next[index - 1]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
