/**
 * How log messages leave the process: through a socket (socket-channel.ts) or a
 * descriptor (stderr.ts). No call ever waits. A failure is returned as an
 * outcome, because there is nowhere to report it.
 */

/**
 * - `sent`: the whole message is on its way.
 * - `full`: the reader is behind. The same message is to be sent again later.
 * - `away`: there is no reader. Connect, then send the message again.
 * - `refused`: this message will never go, and must be given up.
 */
export type SendOutcome = 'sent' | 'full' | 'away' | 'refused';

export interface Channel {
  readonly connected: boolean;
  /** A message has been sent in part: it is the next that must be sent. */
  readonly midway: boolean;
  /** @returns false when there is no reader. */
  connect(): boolean;
  send(message: Buffer): SendOutcome;
  close(): void;
}
