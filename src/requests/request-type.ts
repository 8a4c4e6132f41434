/**
 * What a request is: its attributes in order, what its reply holds, and what
 * answers it. Adding a request is adding one of these to request-types.ts.
 */
import { type Encoder, encodedName } from '../protocol/encoder.ts';
import { isLater, type MaybeLater } from '../sessions/later.ts';
import type { ByteSpan } from '../sessions/session-cache.ts';

/** `string` and `data` arrive as bytes (data decoded from base64), `number` as a number. */
export type AttributeKind = 'string' | 'number' | 'data';

export interface AttributeType {
  readonly name: string;
  readonly kind: AttributeKind;
}

/** The attributes of one request by their place in its type; valid only during the call. */
export interface Arguments {
  readonly numbers: number[];
  readonly spans: ByteSpan[];
}

/** Writes one whole reply. @returns the status that it says. */
export type WriteReply = (reply: Encoder) => number;

export interface RequestType {
  readonly name: string;
  readonly attributes: readonly AttributeType[];
  /** What follows the status in a reply; a refusal says 0 for numbers and nothing for the rest. */
  readonly reply: readonly AttributeType[];
  /** Takes so much time that other clients have their turn after it. */
  readonly costly?: boolean;
  /**
   * Writes the reply and returns its status; or promises to do so later, having
   * copied what it still needs of its arguments.
   */
  handle(args: Arguments, reply: Encoder): number | Promise<WriteReply>;
}

/** Writes a reply with a value now, or promises to do so when the value comes later. */
export function replyWith<Value>(
  value: MaybeLater<Value>,
  reply: Encoder,
  write: (value: Value, reply: Encoder) => number,
): number | Promise<WriteReply> {
  return isLater(value)
    ? value.then((known) => (laterReply) => write(known, laterReply))
    : write(value, reply);
}

/** A reply that says no more than a status: the other attributes are there, and empty. */
export function writeRefusal(type: RequestType, code: number, reply: Encoder): number {
  reply.status(code);
  for (const attribute of type.reply) {
    if (attribute.kind === 'number') {
      reply.number(attributeName(attribute.name), 0);
    } else {
      reply.string(attributeName(attribute.name), '');
    }
  }
  reply.end();
  return code;
}

const encodedNames = new Map<string, Buffer>();

/** Refusals are many when somebody floods us: each name is encoded once. */
function attributeName(name: string): Buffer {
  let bytes = encodedNames.get(name);
  if (bytes === undefined) {
    bytes = encodedName(name);
    encodedNames.set(name, bytes);
  }
  return bytes;
}
