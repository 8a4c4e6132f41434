/**
 * The states of a connection. The transitions are in connection.ts. Only in
 * `serving` bytes are read from the client.
 */
export type ConnectionState =
  /** It answers requests as they come. */
  | 'serving'
  /** Its turn is over. What has been read waits for the next turn. */
  | 'queued'
  /** Much of a long request has been read. The next part is read at its next turn. */
  | 'paced'
  /** It waits for a request that is answered later. */
  | 'waiting'
  /** Some replies haven't been sent completely. */
  | 'sending'
  /** No more requests are answered. The transport closes when everything is sent. */
  | 'closing'
  | 'closed';

/**
 * Whether we wait for the client: for the rest of a request, or until it reads
 * its replies.
 * @param pendingBytes how much of the next request has come.
 */
export function owes(state: ConnectionState, pendingBytes: number): boolean {
  return (
    state === 'sending' ||
    state === 'closing' ||
    state === 'paced' ||
    (state === 'serving' && pendingBytes > 0)
  );
}
