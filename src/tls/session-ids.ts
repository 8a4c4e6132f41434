/**
 * Sessions by their id, for clients that have no ticket: kept in tlsmgr's cache
 * `smtpd`, under names that begin with the scope. Off by default, as clients of
 * TLS 1.3 send random ids, and each of them costs a look-up.
 *
 * Node waits for the answer to both events: a store is answered at once and done
 * behind, a look-up at the deadline at the latest, and never with an error, which
 * would break the connection off.
 */
import { createHash } from 'node:crypto';
import { types } from 'node:util';
import type { Server } from 'node:tls';
import { TlsmgrError } from '../errors.ts';
import { within } from '../system/timers.ts';
import type { TicketClient } from './ticket-client.ts';

export const usualDeadlineMs = 50;

/** Sessions being stored at one time; more are not kept. */
const mostStores = 100;
/** Longest session kept. */
const longestSessionBytes = 65_536;

type FoundSession = (error: Error | null, session: Buffer | null) => void;

export class SessionIds {
  readonly #client: TicketClient;
  readonly #prefix: string;
  readonly #deadlineMs: number;
  #storing = 0;
  readonly counts = { hits: 0, misses: 0, late: 0, stored: 0, dropped: 0 };

  constructor(client: TicketClient, scope: string, deadlineMs: number) {
    this.#client = client;
    this.#deadlineMs = deadlineMs;
    const digest = createHash('sha256').update(`tlsmgr session id ${scope}`).digest('hex');
    // What one version of OpenSSL has written another may not read.
    this.#prefix = `tls&${digest.slice(0, 32)}&l=${process.versions.openssl}&`;
  }

  /**
   * Throws TlsmgrError `REFUSED` where somebody else answers such look-ups: Node
   * breaks a connection off that gets two answers.
   * @returns what ends it.
   */
  follow(server: Server): () => void {
    if (server.listenerCount('resumeSession') > 0) {
      throw new TlsmgrError(
        'REFUSED',
        'sessionIds: the server has a resumeSession listener already',
      );
    }
    const store = (id: Buffer, session: Buffer, done: () => void): void => {
      done();
      void this.#store(id, session);
    };
    const answer = async (id: Buffer, done: FoundSession): Promise<void> => {
      const session = await this.#find(id);
      done(null, session);
    };
    const find = (id: Buffer, done: FoundSession): void => void answer(id, done);
    server.on('newSession', store);
    server.on('resumeSession', find);
    return () => void server.off('newSession', store).off('resumeSession', find);
  }

  /** Never rejects, whatever the client does. */
  async #store(id: Buffer, session: Buffer): Promise<void> {
    if (isTls13(session)) {
      return;
    }
    if (this.#storing >= mostStores || session.length > longestSessionBytes) {
      this.counts.dropped += 1;
      return;
    }
    this.#storing += 1;
    try {
      const isKept = await this.#client.update('smtpd', this.#nameOf(id), session);
      this.counts[isKept ? 'stored' : 'dropped'] += 1;
    } catch {
      this.counts.dropped += 1;
    }
    this.#storing -= 1;
  }

  /** Never rejects. */
  async #find(id: Buffer): Promise<Buffer | null> {
    try {
      const deadlineMs = this.#deadlineMs;
      const looking = this.#client.lookup('smtpd', this.#nameOf(id), { deadlineMs });
      const found = await within(looking, deadlineMs, { unref: true });
      this.counts[found === undefined ? 'misses' : 'hits'] += 1;
      // A copy, as Node ends the process for what only looks like bytes.
      return types.isUint8Array(found) ? Buffer.from(found) : null;
    } catch {
      // No server, or a late one: the client makes a full handshake.
      this.counts.late += 1;
      return null;
    }
  }

  #nameOf(id: Buffer): string {
    return this.#prefix + id.toString('hex');
  }
}

/**
 * A session of TLS 1.3 is never looked up by its id. OpenSSL's form begins with
 * SEQUENCE, INTEGER 1, INTEGER 0x0304.
 */
function isTls13(session: Buffer): boolean {
  const version = Buffer.from([0x02, 0x01, 0x01, 0x02, 0x02, 0x03, 0x04]);
  const at = session.indexOf(version);
  return at >= 2 && at <= 5;
}
