/**
 * How log lines leave the process: through a socket (socket-channel.ts) or a
 * descriptor (stderr.ts). Only waitForRoom() waits. A failure is returned as an
 * outcome, because there is nowhere to report it.
 */
import type { LineBlock } from './line-block.ts';

/**
 * - `sent`: all lines of the block are on their way.
 * - `full`: the reader is behind. The rest is to be sent again later.
 * - `away`: there is no reader. Connect, then send the rest again.
 * - `refused`: the next line of the block will never go, and must be given up.
 */
export type SendOutcome = 'sent' | 'full' | 'away' | 'refused';

export interface Channel {
  readonly connected: boolean;
  /** A line has been sent in part: it is the next that must be sent. */
  readonly midway: boolean;
  /** The byte that ends a line in a stream, or in a datagram with several. */
  readonly terminator: number;
  /** So many new lines are worth a try, if they needn't leave at once. */
  readonly fewLines: number;
  /** @returns false when there is no reader. */
  connect(): boolean;
  /** Sends lines in their order, and moves `block.first` past those that have gone. */
  send(block: LineBlock): SendOutcome;
  /** Calls `task` once when there may be room again. Without it the sender tries from time to time. */
  awaitRoom?(task: () => void): void;
  /** Blocks until there may be room, or the time is over. @returns false when it doesn't wait. */
  waitForRoom?(limitMs: number): boolean;
  close(): void;
}
