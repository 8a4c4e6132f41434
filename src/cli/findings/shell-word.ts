/** A text as one word of a command for sh(1), to be copied from a remedy. */
import { isUnprintable } from '../../log/printable.ts';

const plainWord = /^[\w./:@%+,-]+$/u;

export function shellWord(text: string): string {
  if (plainWord.test(text)) {
    return text;
  }
  return isUnprintable(text)
    ? `$'${byBytes(text)}'`
    : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** The quotes of POSIX 2024, which bash, ksh and zsh have long had: what isn't printable as its bytes. */
function byBytes(text: string): string {
  return Array.from(text, (character) => {
    if (character === "'" || character === '\\') {
      return `\\${character}`;
    }
    return isUnprintable(character)
      ? [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
      : character;
  }).join('');
}
