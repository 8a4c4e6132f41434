/**
 * How a screen may look on the reader's side: colours only on a terminal and
 * without NO_COLOR (no-color.org), block characters only where the locale is
 * UTF-8, as wide as the terminal.
 */

export type Tone = 'good' | 'warning' | 'bad' | 'faint' | 'strong';

export interface Look {
  /** Cells in a line. */
  columns: number;
  colours: boolean;
  blocks: boolean;
}

const codes: Record<Tone, string> = {
  good: '32',
  warning: '33',
  bad: '1;31',
  faint: '2',
  strong: '1',
};

const usualColumns = 80;
const fewestColumns = 40;

/** @param terminal standard output, when it is a terminal. */
export function lookOf(
  environment: NodeJS.ProcessEnv,
  terminal: { columns?: number } | undefined,
): Look {
  const locale =
    [environment['LC_ALL'], environment['LC_CTYPE'], environment['LANG']].find(
      (value) => value !== undefined && value !== '',
    ) ?? '';
  const { NO_COLOR: noColour = '', TERM: kind } = environment;
  return {
    // A terminal that can't tell its width says 0.
    columns: Math.max(fewestColumns, terminal?.columns || usualColumns),
    colours: terminal !== undefined && noColour === '' && kind !== 'dumb',
    blocks: /utf-?8/iu.test(locale),
  };
}

export function paint(look: Look, tone: Tone, text: string): string {
  return look.colours ? `\u001B[${codes[tone]}m${text}\u001B[0m` : text;
}

/** Cuts a text without colours to so many cells; a cut shows. */
export function cut(text: string, cells: number): string {
  if (text.length <= cells) {
    return text;
  }
  const kept = text.slice(0, Math.max(0, cells - 3));
  // A character of two units goes whole.
  return `${kept.replace(/[\uD800-\uDBFF]$/u, '')}...`;
}
