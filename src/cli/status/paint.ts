/**
 * How a screen may look on the reader's side: colours only on a terminal and
 * without NO_COLOR (no-color.org), block characters only where the locale is
 * UTF-8, as wide as COLUMNS says, else as the terminal is. Through a pipe nothing
 * is wrapped without COLUMNS: whoever searches there finds whole lines.
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
const fewestColumns = 20;

/** @param terminal standard output, when it is a terminal. */
export function lookOf(
  environment: NodeJS.ProcessEnv,
  terminal: { columns?: number } | undefined,
): Look {
  const locale =
    [environment['LC_ALL'], environment['LC_CTYPE'], environment['LANG']].find(
      (value) => value !== undefined && value !== '',
    ) ?? '';
  const { NO_COLOR: noColour = '', TERM: kind, COLUMNS: asked = '' } = environment;
  // A terminal that can't tell its width says 0.
  const own = terminal === undefined ? Number.POSITIVE_INFINITY : terminal.columns || usualColumns;
  return {
    columns: Math.max(fewestColumns, /^[1-9][0-9]{0,4}$/u.test(asked) ? Number(asked) : own),
    colours: terminal !== undefined && noColour === '' && kind !== 'dumb',
    blocks: /utf-?8/iu.test(locale),
  };
}

export function paint(look: Look, tone: Tone, text: string): string {
  return look.colours ? `\u001B[${codes[tone]}m${text}\u001B[0m` : text;
}
