/**
 * Comparisons in main.cf: `{left} op {right}`. Two operands that are digits
 * only are compared as 64-bit numbers, all others as byte strings. With the
 * suffix `level` both are compared as compatibility levels. Follows mac_exp_eval in
 * src/util/mac_expand.c.
 */
import { compareLevels, malformedLevel, parseLevel } from './compatibility-level.ts';
import { ExpansionFault } from './expansion-fault.ts';

export type Operator = '==' | '!=' | '<' | '<=' | '>=' | '>';

const tests: Readonly<Record<Operator, (difference: number) => boolean>> = {
  '==': (difference) => difference === 0,
  '!=': (difference) => difference !== 0,
  '<': (difference) => difference < 0,
  '<=': (difference) => difference <= 0,
  '>=': (difference) => difference >= 0,
  '>': (difference) => difference > 0,
};

const allDigits = /^[0-9]+$/u;
const largest64 = 2n ** 63n - 1n;

export function isOperator(text: string): text is Operator {
  return Object.hasOwn(tests, text);
}

/** Whether the comparison holds. Throws ExpansionFault for operands that can't be compared. */
export function compare(
  left: string,
  operator: Operator,
  right: string,
  byLevel: boolean,
): boolean {
  const difference = byLevel ? levelDifference(left, right) : plainDifference(left, right);
  return tests[operator](difference);
}

function levelDifference(left: string, right: string): number {
  const [leftLevel, rightLevel] = [left, right].map((text) => {
    const level = parseLevel(text);
    if (level === undefined) {
      throw new ExpansionFault(malformedLevel(text));
    }
    return level;
  });
  return compareLevels(leftLevel!, rightLevel!);
}

function plainDifference(left: string, right: string): number {
  if (allDigits.test(left) && allDigits.test(right)) {
    const difference = number64(left) - number64(right);
    return difference < 0n ? -1 : Number(difference > 0n);
  }
  return Buffer.compare(Buffer.from(left, 'latin1'), Buffer.from(right, 'latin1'));
}

function number64(digits: string): bigint {
  const value = BigInt(digits);
  if (value > largest64) {
    throw new ExpansionFault(`mac_exp_eval: bad conversion: ${digits}`);
  }
  return value;
}
