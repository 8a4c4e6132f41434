/**
 * Text for people's eyes that can't do anything to a terminal: what it can't
 * show as a character of its own is written as JSON writes it, `\u001b`.
 *
 *   unprintable = C0, DEL and C1 controls          move the cursor, set a title
 *               / format characters                reorder what is read: bidirectional
 *               / line and paragraph separators
 *               / blanks other than the blank      look like one and are none
 *               / characters without a shape       zero width, byte order mark
 *               / halves of surrogate pairs
 *
 * Nothing here fails.
 */

interface Expressions {
  /** For one character of a text. Other than the blank itself. */
  any: RegExp;
  each: RegExp;
  eachButLineFeed: RegExp;
}

let made: Expressions | undefined;

/** Made at the first use: for all of Unicode that takes most of a millisecond, and a start needs none. */
function expressions(): Expressions {
  if (made === undefined) {
    const any = /(?! )[\p{Cc}\p{Cf}\p{Cs}\p{Z}\p{Default_Ignorable_Code_Point}]/u;
    made = {
      any,
      each: new RegExp(any, 'gu'),
      eachButLineFeed: new RegExp(`(?!\n)${any.source}`, 'gu'),
    };
  }
  return made;
}

export function isUnprintable(text: string): boolean {
  return expressions().any.test(text);
}

/** One value, in one line. */
export function printable(text: string): string {
  return text.replace(expressions().each, escaped);
}

/**
 * A text of several lines, or JSON: there an escape stands for what it was, as
 * such characters occur within strings alone.
 */
export function printableLines(text: string): string {
  return text.replace(expressions().eachButLineFeed, escaped);
}

/** The same for every text in a value that was JSON. */
export function printableValues<Value>(value: Value): Value {
  const copy = (part: unknown): unknown => {
    if (typeof part === 'string') {
      return printable(part);
    }
    if (Array.isArray(part)) {
      return part.map(copy);
    }
    return typeof part === 'object' && part !== null
      ? Object.fromEntries(
          Object.entries(part).map(([name, inner]) => [printable(name), copy(inner)]),
        )
      : part;
  };
  return copy(value) as Value;
}

/** As JSON has it: each UTF-16 unit by itself. */
function escaped(character: string): string {
  return [...Array(character.length).keys()]
    .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
    .join('');
}
