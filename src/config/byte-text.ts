/**
 * main.cf may have any encoding. So names and values are strings with one
 * character for each byte until a value is complete. Then it is decoded.
 */

/** A text to a string with one character for each byte of its UTF-8. */
export function toByteText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The way back. Bytes that aren't UTF-8 become U+FFFD. */
export function fromByteText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
