/** The states of a connection. The transitions are in connection.ts. */
/** Only `serving` reads from the client. */
export type ConnectionState =
  /** Answers what comes. */
  | 'serving'
  /** Its turn is over; what has been read waits for the next. */
  | 'queued'
  /** Much of a long request has been read; the next part is read at its turn. */
  | 'paced'
  /** A request is being answered later. */
  | 'waiting'
  /** Replies have not been sent whole. */
  | 'sending'
  /** Nothing more is answered; the transport closes once all is sent. */
  | 'closing'
  | 'closed';

/**
 * Whether the client keeps us waiting: with the rest of a request, or by not
 * reading replies.
 * @param pendingBytes what has come of the next request.
 */
export function owes(state: ConnectionState, pendingBytes: number): boolean {
  return (
    state === 'sending' ||
    state === 'closing' ||
    state === 'paced' ||
    (state === 'serving' && pendingBytes > 0)
  );
}
