import type { ByteSpan } from '../session-cache.ts';
import type { Segment } from './segment.ts';

/** What keeps a copy of a circular log in a file. The log calls it; it never blocks the log. */
export interface LogMirror {
  /** Records have been appended to the segment. */
  changed(segment: Segment): void;
  /** The record at this offset of the segment was replaced or deleted. The segment has others. */
  died(segment: Segment, offset: number): void;
  /** The segment has left the log. The file no longer needs what it holds of it. */
  released(segment: Segment): void;
  /** Called for each delete, also for ids that the log doesn't know: they may still be read back. */
  deleted(id: ByteSpan): void;
  /** All entries are gone. What is still unread in the file must not be read back either. */
  flushed(): void;
  /** The size of the file in bytes. */
  fileBytes(): number;
  /** False while the file can't be written. */
  healthy(): boolean;
  /** Writes what is left and closes the file, before it returns. */
  closeNow(): void;
}
