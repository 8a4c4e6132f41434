/**
 * Makes the reply to a decoded list. It finds the request's type, reads the
 * attributes and gives them to the handler. The attributes must have the order of
 * the type, and none may be missing or stand between. A wrong request gets status
 * -2 and changes nothing. If a handler throws, the client gets status -1.
 *
 * The warnings are those of Postfix src/util/attr_scan0.c, without the data that
 * it quotes.
 */
import type { LogWarning } from '../log/logger.ts';
import { messageOf } from '../errors.ts';
import { Base64Reader } from '../protocol/base64/reader.ts';
import { type Decoder, maxStrings } from '../protocol/decoder.ts';
import type { Encoder } from '../protocol/encoder.ts';
import { requestName, status } from '../protocol/names.ts';
import { readNumber } from '../protocol/numbers.ts';
import { type ByteSpan, longestIdBytes } from '../sessions/session-cache.ts';
import { within } from '../system/timers.ts';
import { type Arguments, type RequestType, type WriteReply, writeRefusal } from './request-type.ts';
import type { RequestCounts } from './request-counts.ts';

/** The longest wait for an answer that comes later. The client gets status -1 then, as mail must go on. */
const usualLateAnswerMs = 5000;

/** Called for every answer when verbose, with enough for one log line and without data. */
export type TraceRequest = (
  name: string,
  detail: string,
  code: number,
  microseconds: number,
) => void;

export interface DispatcherOptions {
  types: readonly RequestType[];
  /** The service's name, as warnings call the socket. */
  serviceName: string;
  warn: LogWarning;
  counts: RequestCounts;
  /** Called before each request: the pool stirs the time into itself. */
  stirTime: () => void;
  trace?: TraceRequest | undefined;
  /** Called with each attribute's name and length when very verbose. */
  traceAttribute?: ((name: string, bytes: number) => void) | undefined;
  /** The longest wait for a handler that answers later, in milliseconds. */
  lateAnswerMs?: number;
}

/** What a connection needs to know about a request. */
export interface AnsweredRequest {
  readonly name: string;
  /** It takes so much time that the client's turn ends after it. */
  readonly costly: boolean;
}

/** A request type, prepared. All rows have the same shape, so V8 reads them fast; request types differ. */
interface Row extends AnsweredRequest {
  readonly type: RequestType;
  readonly index: number;
  readonly nameBytes: Buffer;
  readonly attributeNames: readonly Buffer[];
  /** The places of all attributes with data except the last. They are copied, as the next data is decoded into the same memory. */
  readonly copiedPlaces: readonly number[];
}

const requestBytes = Buffer.from(requestName, 'latin1');

export class Dispatcher {
  readonly #rows: readonly Row[];
  readonly #peer: string;
  readonly #warn: LogWarning;
  readonly #counts: RequestCounts;
  readonly #stirTime: () => void;
  readonly #trace: TraceRequest | undefined;
  readonly #traceAttribute: ((name: string, bytes: number) => void) | undefined;
  readonly #lateAnswerMs: number;
  readonly #arguments: Arguments;
  readonly #data = new Base64Reader();
  /** The type of the last request; undefined when its name was unknown. */
  answered: AnsweredRequest | undefined;

  constructor(options: DispatcherOptions) {
    this.#rows = options.types.map((type, index) => ({
      type,
      name: type.name,
      costly: type.costly === true,
      index,
      nameBytes: Buffer.from(type.name, 'latin1'),
      attributeNames: type.attributes.map(({ name }) => Buffer.from(name, 'latin1')),
      copiedPlaces: placesOfData(type).slice(0, -1),
    }));
    const most = Math.max(0, ...options.types.map(({ attributes }) => attributes.length));
    if (2 + most * 2 > maxStrings) {
      throw new RangeError(`a request type has ${most} attributes`);
    }
    this.#arguments = {
      numbers: Array.from<number>({ length: most }).fill(0),
      spans: Array.from({ length: most }, () => ({ buffer: noBytes, start: 0, end: 0 })),
    };
    this.#lateAnswerMs = options.lateAnswerMs ?? usualLateAnswerMs;
    this.#peer = `${options.serviceName} socket`;
    this.#warn = options.warn;
    this.#counts = options.counts;
    this.#stirTime = options.stirTime;
    this.#trace = options.trace;
    this.#traceAttribute = options.traceAttribute;
  }

  /**
   * Answers the list that the decoder holds. It writes the reply at once, or returns
   * a promise of what will write it. The promise never rejects.
   */
  answer(list: Decoder, reply: Encoder): undefined | Promise<WriteReply> {
    this.#stirTime();
    if (this.#traceAttribute !== undefined) {
      this.#traceAttributes(list, this.#traceAttribute);
    }
    const row = this.#findRow(list);
    if (row === undefined) {
      this.answered = undefined;
      return refuseList(reply);
    }
    const { type } = row;
    this.answered = row;
    const startedMs = this.#trace === undefined ? 0 : performance.now();
    if (!this.#readArguments(list, row)) {
      this.#data.wipe();
      // No detail for the trace: some of the arguments are still those of an earlier request.
      this.#finish(row, writeRefusal(type, status.fail, reply), startedMs, '');
      return undefined;
    }
    const replyStart = reply.length;
    let outcome: number | Promise<WriteReply>;
    try {
      outcome = type.handle(this.#arguments, reply);
    } catch (thrown) {
      reply.length = replyStart;
      outcome = this.#failed(type, thrown, reply);
    }
    this.#data.wipe();
    if (row.copiedPlaces.length > 0) {
      for (const place of row.copiedPlaces) {
        this.#arguments.spans[place]!.buffer.fill(0);
      }
    }
    if (typeof outcome !== 'number') {
      return this.#answerLater(row, outcome, startedMs);
    }
    this.#finish(row, outcome, startedMs);
    return undefined;
  }

  /** The trace names this request, even if others were answered meanwhile. Never rejects. */
  async #answerLater(
    row: Row,
    outcome: Promise<WriteReply>,
    startedMs: number,
  ): Promise<WriteReply> {
    const detail = this.#trace === undefined ? '' : this.#detail(row);
    let write: WriteReply;
    try {
      write = await within(outcome, this.#lateAnswerMs);
    } catch (thrown) {
      write = (reply) => this.#failed(row.type, thrown, reply);
    }
    return (reply) => {
      const replyStart = reply.length;
      let code: number;
      try {
        code = write(reply);
      } catch (thrown) {
        reply.length = replyStart;
        code = this.#failed(row.type, thrown, reply);
      }
      this.#finish(row, code, startedMs, detail);
      return code;
    };
  }

  #traceAttributes(list: Decoder, trace: (name: string, bytes: number) => void): void {
    for (let index = 0; index + 1 < list.stringCount; index += 2) {
      const name = list.text(index);
      if (name !== undefined) {
        trace(name, list.bounds[index * 2 + 3]! - list.bounds[index * 2 + 2]!);
      }
    }
  }

  #finish(row: Row, code: number, startedMs: number, detail?: string): void {
    this.#counts.add(row.index, code);
    if (this.#trace !== undefined) {
      const microseconds = (performance.now() - startedMs) * 1000;
      this.#trace(row.type.name, detail ?? this.#detail(row), code, microseconds);
    }
  }

  /** The cache and the id of the current request, for the log. */
  #detail(row: Row): string {
    const texts = row.type.attributes.map(({ kind }, index) =>
      kind === 'string' ? spanText(this.#arguments.spans[index]!) : '',
    );
    return texts.filter((text) => text !== '').join(' ');
  }

  #failed(type: RequestType, thrown: unknown, reply: Encoder): number {
    this.#warn(`failed ${type.name}`, () => `"${type.name}" request failed: ${messageOf(thrown)}`);
    return writeRefusal(type, status.error, reply);
  }

  #findRow(list: Decoder): Row | undefined {
    const { bounds, buffer } = list;
    if (list.stringCount < 2) {
      this.#warnMissing(requestName);
      return undefined;
    }
    if (!bytesEqual(buffer, bounds[0]!, bounds[1]!, requestBytes)) {
      this.#warnUnexpected(list.text(0)!, requestName);
      return undefined;
    }
    for (const row of this.#rows) {
      if (bytesEqual(buffer, bounds[2]!, bounds[3]!, row.nameBytes)) {
        return row;
      }
    }
    const name = list.text(1)!;
    this.#warn('unknown request', () => `unknown request "${name}" from ${this.#peer}`);
    return undefined;
  }

  #readArguments(list: Decoder, row: Row): boolean {
    const { attributes } = row.type;
    const { bounds, buffer, stringCount } = list;
    for (let index = 0; index < attributes.length; index += 1) {
      const at = 4 + index * 4;
      if (stringCount < index * 2 + 4) {
        this.#warnMissing(attributes[index]!.name);
        return false;
      }
      if (!bytesEqual(buffer, bounds[at]!, bounds[at + 1]!, row.attributeNames[index]!)) {
        this.#warnUnexpected(list.text(index * 2 + 2)!, attributes[index]!.name);
        return false;
      }
      if (!this.#readValue(row, index, buffer, bounds[at + 2]!, bounds[at + 3]!)) {
        return false;
      }
    }
    const expected = 2 + attributes.length * 2;
    if (stringCount > expected) {
      this.#warnUnexpected(list.text(expected) ?? '', '(list terminator)');
    }
    return true;
  }

  #readValue(row: Row, index: number, buffer: Buffer, start: number, end: number): boolean {
    const { kind, name } = row.type.attributes[index]!;
    if (kind === 'number') {
      const value = readNumber(buffer, start, end);
      if (value === undefined) {
        const text = buffer.toString('latin1', start, Math.min(end, start + 100));
        this.#warn('malformed number', () => {
          return `malformed numerical data from ${this.#peer} while reading input attribute value: ${text}`;
        });
        return false;
      }
      this.#arguments.numbers[index] = value;
      return true;
    }
    const span = this.#arguments.spans[index]!;
    if (kind === 'string') {
      if (end - start > longestIdBytes) {
        this.#warn('long attribute', () => {
          return `attribute ${name} of ${end - start} bytes from ${this.#peer} is longer than ${longestIdBytes}`;
        });
        return false;
      }
      setSpan(span, buffer, start, end);
      return true;
    }
    if (!this.#data.read(buffer, start, end)) {
      this.#warn('malformed base64', () => {
        return `malformed base64 data from ${this.#peer} while reading input attribute value`;
      });
      return false;
    }
    const bytes = row.copiedPlaces.includes(index)
      ? Buffer.from(this.#data.bytes)
      : this.#data.bytes;
    setSpan(span, bytes, 0, bytes.length);
    return true;
  }

  #warnMissing(name: string): void {
    this.#warn('missing attribute', () => `missing attribute ${name} in input from ${this.#peer}`);
  }

  #warnUnexpected(name: string, expected: string): void {
    this.#warn('unexpected attribute', () => {
      return `unexpected attribute ${name} from ${this.#peer} (expecting: ${expected})`;
    });
  }
}

const noBytes = Buffer.alloc(0);

/** Answers with status -2 alone, as it isn't known which request's attributes belong to the reply. */
export function refuseList(reply: Encoder): undefined {
  reply.status(status.fail);
  reply.end();
}

function placesOfData(type: RequestType): number[] {
  return type.attributes.flatMap(({ kind }, place) => (kind === 'data' ? [place] : []));
}

function setSpan(span: ByteSpan, buffer: Buffer, start: number, end: number): void {
  span.buffer = buffer;
  span.start = start;
  span.end = end;
}

function spanText(span: ByteSpan): string {
  return span.buffer.toString('utf8', span.start, span.end);
}

function bytesEqual(buffer: Buffer, start: number, end: number, expected: Buffer): boolean {
  const { length } = expected;
  if (end - start !== length) {
    return false;
  }
  for (let index = 0; index < length; index += 1) {
    if (buffer[start + index] !== expected[index]) {
      return false;
    }
  }
  return true;
}
