/** Whether a text is a host name. Follows src/util/valid_hostname.c. */
import { toByteText } from './byte-text.ts';

const longestLabel = 63;
const longestName = 255;
const quotedCharacters = 100;

/** What is wrong with a host name, as Postfix's warning says it; undefined for a valid one. */
export function hostnameFault(name: string): string | undefined {
  const quoted = name.slice(0, quotedCharacters);
  if (name === '') {
    return 'valid_hostname: empty hostname';
  }
  let labelLength = 0;
  let onlyNumbers = true;
  const bytes = toByteText(name);
  for (let index = 0; index < bytes.length; index += 1) {
    const character = bytes[index]!;
    const next = bytes[index + 1];
    if (/[A-Za-z0-9_]/u.test(character)) {
      labelLength += 1;
      if (labelLength > longestLabel) {
        return `valid_hostname: hostname label too long: ${quoted}`;
      }
      onlyNumbers &&= /[0-9]/u.test(character);
    } else if (character === '.') {
      if (labelLength === 0 || next === undefined) {
        return `valid_hostname: misplaced delimiter: ${quoted}`;
      }
      labelLength = 0;
    } else if (character === '-') {
      onlyNumbers = false;
      labelLength += 1;
      if (labelLength === 1 || next === undefined || next === '.') {
        return `valid_hostname: misplaced hyphen: ${quoted}`;
      }
    } else {
      return `valid_hostname: invalid character ${character.charCodeAt(0)}(decimal): ${quoted}`;
    }
  }
  if (onlyNumbers) {
    return `valid_hostname: numeric hostname: ${quoted}`;
  }
  if (bytes.length > longestName) {
    return `valid_hostname: bad length ${bytes.length} for ${quoted}...`;
  }
  return undefined;
}
