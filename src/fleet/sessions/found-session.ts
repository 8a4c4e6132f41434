import type { ByteSpan } from '../../sessions/session-cache.ts';
import { unmovedBuffer, wipe } from '../../system/secret-memory.ts';

/** A session outside of the local cache, in memory of its own. */
export class FoundSession implements ByteSpan {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  /** Wall clock, seconds since 1970. */
  readonly storedAtSeconds: number;

  /** @param span taken over. */
  constructor({ buffer, start, end }: ByteSpan, storedAtSeconds: number) {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    this.storedAtSeconds = storedAtSeconds;
  }

  copy(): FoundSession {
    return new FoundSession(copyOf(this), this.storedAtSeconds);
  }

  wipe(): void {
    wipe(this.buffer, this.start, this.end);
  }
}

/** A copy in memory of its own. */
export function copyOf({ buffer, start, end }: ByteSpan): ByteSpan {
  const copy = unmovedBuffer(end - start);
  buffer.copy(copy, 0, start, end);
  return { buffer: copy, start: 0, end: copy.length };
}

/** Copies of both, in the same memory. */
export function copiesOf(first: ByteSpan, second: ByteSpan): [ByteSpan, ByteSpan] {
  const middle = lengthOf(first);
  const buffer = unmovedBuffer(middle + lengthOf(second));
  first.buffer.copy(buffer, 0, first.start, first.end);
  second.buffer.copy(buffer, middle, second.start, second.end);
  return [
    { buffer, start: 0, end: middle },
    { buffer, start: middle, end: buffer.length },
  ];
}

export function lengthOf(span: ByteSpan | undefined): number {
  return span === undefined ? 0 : span.end - span.start;
}
