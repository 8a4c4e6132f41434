/**
 * Replies with random data made comparable: seeds and ticket keys by their
 * length alone, once it is certain that they are well-formed.
 */

/** Bytes of a ticket key record. */
const ticketKeyBytes = 88;

/** @param bytes lists, one after the other. @throws Error when a seed or key isn't canonical base64. */
export function masked(bytes: string): string {
  return bytes.replace(
    /(?<name>seed|keybuf)\0(?<value>[^\0]+)\0/gu,
    (whole: string, name: string, value: string) => {
      const data = Buffer.from(value, 'base64');
      if (data.toString('base64') !== value) {
        throw new Error(`not canonical base64: ${JSON.stringify(whole)}`);
      }
      // A name that comes back as it was sent is no secret and must be compared.
      return name === 'seed' || data.length === ticketKeyBytes
        ? `${name}\0<${data.length} bytes>\0`
        : whole;
    },
  );
}
