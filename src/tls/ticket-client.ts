/** What this part needs of the client library: `TlsmgrClient` has it all. */
import type { ScopedKey } from '../tickets/scoped-key.ts';

export interface TicketClient {
  /** Every key of a scope; rejects with code `UNSUPPORTED` at a tlsmgr that has no such request. */
  ticketRing(scope: string): Promise<ScopedKey[] | undefined>;
  /** 88 bytes: the key that seals, or the one of the name. */
  ticketKey(name?: Buffer): Promise<Buffer | undefined>;
  policy(cache: 'smtpd'): Promise<{ timeoutSeconds: number }>;
  lookup(cache: 'smtpd', id: string): Promise<Buffer | undefined>;
  update(cache: 'smtpd', id: string, session: Buffer): Promise<boolean>;
}
