/**
 * Describes a request: its attributes in their order, the attributes of its reply,
 * and its handler. To add a request, add one of these to request-types.ts.
 */
import { type Encoder, encodedName } from '../protocol/encoder.ts';
import { isLater, type MaybeLater } from '../system/later.ts';
import type { ByteSpan } from '../sessions/session-cache.ts';

/** `string` and `data` arrive as bytes (data decoded from base64), `number` as a number. */
export type AttributeKind = 'string' | 'number' | 'data';

export interface AttributeType {
  readonly name: string;
  readonly kind: AttributeKind;
}

/** The attributes of one request, by their place in its type. They are valid only during the call. */
export interface Arguments {
  readonly numbers: number[];
  readonly spans: ByteSpan[];
}

/** Writes one whole reply. @returns the status in the reply. */
export type WriteReply = (reply: Encoder) => number;

export interface RequestType {
  readonly name: string;
  readonly attributes: readonly AttributeType[];
  /** What follows the status in a reply. In a refusal numbers are 0, and all others are empty. */
  readonly reply: readonly AttributeType[];
  /** It takes so much time that the client's turn ends after it. */
  readonly costly?: boolean;
  /**
   * Writes the reply and returns its status. Or it returns a promise of what will
   * write the reply; then it first copies what it still needs of its arguments.
   */
  handle(args: Arguments, reply: Encoder): number | Promise<WriteReply>;
}

/** Writes a reply with the value now. If the value comes later, returns a promise of what will write it. */
export function replyWith<Value>(
  value: MaybeLater<Value>,
  reply: Encoder,
  write: (value: Value, reply: Encoder) => number,
): number | Promise<WriteReply> {
  return isLater(value)
    ? value.then((known) => (laterReply) => write(known, laterReply))
    : write(value, reply);
}

/** Writes a reply with a status only: its other attributes are there, but empty. */
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

/** Encodes each name only once, as there are many refusals when a client floods us. */
function attributeName(name: string): Buffer {
  let bytes = encodedNames.get(name);
  if (bytes === undefined) {
    bytes = encodedName(name);
    encodedNames.set(name, bytes);
  }
  return bytes;
}
