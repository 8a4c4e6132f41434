/**
 * Numbers as an argument gives them: in decimal digits alone. JavaScript's own
 * Number() takes `0x10`, `1e1` and a blank, which somebody has most likely mistyped.
 */

/** NaN for what is no whole number. */
export function wholeNumber(text: string): number {
  return /^[0-9]+$/u.test(text) ? Number(text) : Number.NaN;
}

/** Whole or with a decimal point; NaN for anything else. */
export function decimalNumber(text: string): number {
  return /^(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)$/u.test(text) ? Number(text) : Number.NaN;
}
