/**
 * The name of the ticket key in a ClientHello: the first 16 bytes of the ticket
 * (TLS 1.2) or of the first pre-shared key's identity (TLS 1.3).
 *
 * Formats: RFC 5246 7.4.1.2, RFC 5077 3.2, RFC 8446 4.1.2 and 4.2.11.
 */

const recordHeaderBytes = 5;
const nameBytes = 16;

const recordType = { handshake: 22 } as const;
const handshakeType = { clientHello: 1 } as const;
const extension = { sessionTicket: 35, preSharedKey: 41 } as const;

/** `more`: the first record isn't whole yet. Undefined: no ticket, or no ClientHello in one record. */
export function ticketKeyName(bytes: Buffer): Buffer | 'more' | undefined {
  if (bytes.length > 0 && bytes[0] !== recordType.handshake) {
    return undefined;
  }
  if (bytes.length < recordHeaderBytes) {
    return 'more';
  }
  const recordEnd = recordHeaderBytes + bytes.readUInt16BE(3);
  if (bytes.length < recordEnd) {
    return 'more';
  }
  try {
    return nameIn(new Reader(bytes.subarray(recordHeaderBytes, recordEnd)));
  } catch (thrown) {
    if (thrown instanceof RangeError) {
      return undefined;
    }
    throw thrown;
  }
}

function nameIn(hello: Reader): Buffer | undefined {
  if (hello.number(1) !== handshakeType.clientHello) {
    return undefined;
  }
  hello.skip(3 + 2 + 32);
  hello.block(1); // session id
  hello.block(2); // cipher suites
  hello.block(1); // compression methods
  const extensions = new Reader(hello.block(2));
  while (extensions.isLeft) {
    const type = extensions.number(2);
    const content = extensions.block(2);
    if (type === extension.sessionTicket && content.length >= nameBytes) {
      return content.subarray(0, nameBytes);
    }
    if (type === extension.preSharedKey) {
      const identity = new Reader(new Reader(content).block(2)).block(2);
      return identity.length >= nameBytes ? identity.subarray(0, nameBytes) : undefined;
    }
  }
  return undefined;
}

/** Throws RangeError where the bytes end too early. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isLeft(): boolean {
    return this.#at < this.#bytes.length;
  }

  number(bytes: 1 | 2): number {
    const value = this.#bytes.readUIntBE(this.#at, bytes);
    this.#at += bytes;
    return value;
  }

  /** What stands behind its own length. */
  block(lengthBytes: 1 | 2): Buffer {
    const length = this.number(lengthBytes);
    const start = this.#at;
    this.skip(length);
    return this.#bytes.subarray(start, this.#at);
  }

  skip(bytes: number): void {
    this.#at += bytes;
    if (this.#at > this.#bytes.length) {
      throw new RangeError('the bytes end too early');
    }
  }
}
