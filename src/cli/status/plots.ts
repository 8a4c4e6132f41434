/** Bars and small history plots out of characters, with plain ASCII for those who need it. */
import type { Look } from './paint.ts';

const eighths = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const asciiSteps = ['_', '.', ':', '-', '=', '+', '*', '#'];
const nothing = ' ';

/** A bar of so many cells. @param share 0 to 1. */
export function bar(share: number, cells: number, look: Look): string {
  const bounded = Math.min(1, Math.max(0, share));
  // What counts as 1 % shows, and what isn't full doesn't look it.
  const filled =
    Math.round(bounded * 100) === 0
      ? 0
      : bounded === 1
        ? cells
        : Math.min(cells - 1, Math.max(1, Math.round(bounded * cells)));
  const [full, empty] = look.blocks ? ['█', '░'] : ['#', '.'];
  return full.repeat(filled) + empty.repeat(cells - filled);
}

/**
 * One cell a value, newest at the right, from 0 to the largest value.
 * @param values null: nothing is known of that moment.
 */
export function sparkline(values: readonly (number | null)[], cells: number, look: Look): string {
  const shown = values.slice(-cells);
  const top = Math.max(0, ...shown.map((value) => value ?? 0));
  const steps = look.blocks ? eighths : asciiSteps;
  const plotted = shown.map((value) => {
    if (value === null) {
      return nothing;
    }
    const step = top === 0 ? 0 : Math.ceil((value / top) * steps.length) - 1;
    return steps[Math.max(0, step)]!;
  });
  return nothing.repeat(cells - plotted.length) + plotted.join('');
}
