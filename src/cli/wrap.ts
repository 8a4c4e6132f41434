/** Text in lines of so many cells. Nothing is left out. */

/** Breaks at blanks, and a word that is longer than a line where the line ends. */
export function wrap(text: string, cells: number): string[] {
  return fill(text.split(' '), cells);
}

/** Puts items in lines with a blank between; an item is broken only when it is longer than a line. */
export function fill(items: readonly string[], cells: number): string[] {
  const lines: string[] = [];
  let line: string | undefined;
  for (const item of items) {
    if (line !== undefined && line.length + 1 + item.length <= cells) {
      line += ` ${item}`;
      continue;
    }
    if (line !== undefined) {
      lines.push(line);
    }
    line = item;
    while (line.length > cells) {
      const at = breakAt(line, cells);
      lines.push(line.slice(0, at));
      line = line.slice(at);
    }
  }
  return line === undefined ? lines : [...lines, line];
}

/** A character of two units stays whole. */
function breakAt(text: string, cells: number): number {
  const splits = /[\uD800-\uDBFF]$/u.test(text.slice(0, cells));
  return splits && cells > 1 ? cells - 1 : cells;
}
