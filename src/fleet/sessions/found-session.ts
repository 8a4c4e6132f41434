import type { ByteSpan } from '../../sessions/session-cache.ts';
import { unmovedBuffer, wipe } from '../../system/secret-memory.ts';

/** A session outside of the local cache, in memory of its own. */
export class FoundSession implements ByteSpan {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  /** Wall clock, seconds since 1970. */
  readonly storedAtSeconds: number;

  /** @param buffer taken over. */
  constructor(buffer: Buffer, storedAtSeconds: number) {
    this.buffer = buffer;
    this.start = 0;
    this.end = buffer.length;
    this.storedAtSeconds = storedAtSeconds;
  }

  copy(): FoundSession {
    return new FoundSession(copyOf(this).buffer, this.storedAtSeconds);
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

export function lengthOf(span: ByteSpan | undefined): number {
  return span === undefined ? 0 : span.end - span.start;
}
