/** What is made of the rounds of a benchmark. */

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** The median of ratios, the least and the largest: `1.20 (1.10 to 1.31)`. */
export function spreadText(ratios: readonly number[]): string {
  const [middle, low, high] = [median(ratios), Math.min(...ratios), Math.max(...ratios)];
  return `${middle.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}
