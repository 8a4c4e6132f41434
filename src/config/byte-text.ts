/**
 * main.cf is bytes, of whatever encoding: names and values are kept as strings
 * of one character a byte, so that nothing is lost before a value is whole.
 */

/** UTF-8 text as one character a byte. */
export function toByteText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** One character a byte to text; bytes that aren't UTF-8 become U+FFFD. */
export function fromByteText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
