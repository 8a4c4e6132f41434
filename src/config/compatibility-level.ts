/**
 * Compatibility levels: `major`, `major.minor` or `major.minor.patch`. They are
 * compared part by part; a missing part is 0. Minor and patch go up to 1023.
 * A part may begin with blanks and a sign, as strtol(3) allows. Follows
 * src/global/compat_level.c.
 */
const part = '[ \\t\\n\\v\\f\\r]*[+-]?[0-9]+';
const syntax = new RegExp(`^(${part})(?:\\.(${part}))?(?:\\.(${part}))?$`, 'u');
const largestMajor = 2 ** 43 - 1;
const largestMinor = 1023;

export type CompatibilityLevel = readonly [major: number, minor: number, patch: number];

/** @returns undefined for malformed text. */
export function parseLevel(text: string): CompatibilityLevel | undefined {
  const match = syntax.exec(text);
  if (match === null) {
    return undefined;
  }
  const major = Number(match[1]);
  const minor = Number(match[2] ?? 0);
  const patch = Number(match[3] ?? 0);
  const good = (value: number, largest: number): boolean => value >= 0 && value <= largest;
  return good(major, largestMajor) && good(minor, largestMinor) && good(patch, largestMinor)
    ? [major, minor, patch]
    : undefined;
}

/** Negative, zero or positive, as for sorting. */
export function compareLevels(left: CompatibilityLevel, right: CompatibilityLevel): number {
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
}

/** Postfix's message for a text that isn't a level. */
export function malformedLevel(text: string): string {
  return `malformed compatibility level syntax: "${text}"`;
}
