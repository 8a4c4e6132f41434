import type { ScopedKey } from '../tickets/scoped-key.ts';

/** What each call takes as its last argument. */
export interface AskOptions {
  /** Milliseconds that the call may take; the client's own bound if not given. */
  deadlineMs?: number;
}

/** What this part needs of the client library: `TlsmgrClient` has it all. */
export interface TicketClient {
  /**
   * Every key of a scope; rejects with code `UNSUPPORTED` at a tlsmgr that has no such request.
   * Who asks owns the memory, and overwrites it when the keys are taken: give copies to each.
   */
  ticketRing(scope: string, options?: AskOptions): Promise<ScopedKey[] | undefined>;
  /** 88 bytes: the key that seals, or the one of the name. Who asks owns the memory, and overwrites it. */
  ticketKey(name?: Buffer, options?: AskOptions): Promise<Buffer | undefined>;
  policy(cache: 'smtpd', options?: AskOptions): Promise<{ timeoutSeconds: number }>;
  lookup(cache: 'smtpd', id: string, options?: AskOptions): Promise<Buffer | undefined>;
  update(cache: 'smtpd', id: string, session: Buffer): Promise<boolean>;
}
