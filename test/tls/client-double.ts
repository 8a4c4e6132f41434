/** A tlsmgr's cache in this process, for clients: there, away or silent. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { SessionClient } from '../../src/tls/client/session-keeper.ts';
import type { ClientSessionMessage } from '../../src/tls/client/session-watch.ts';

export class CacheDouble implements SessionClient {
  readonly sessions = new Map<string, Buffer>();
  is: 'there' | 'away' | 'failing' = 'there';
  lookups = 0;

  lookup(_cache: string, id: string): Promise<Buffer | undefined> {
    this.lookups += 1;
    const found = this.sessions.get(id);
    return this.#answer(undefined, () => found && Buffer.from(found));
  }

  update(_cache: string, id: string, session: Buffer): Promise<boolean> {
    const copy = Buffer.from(session);
    return this.#answer(false, () => {
      this.sessions.set(id, copy);
      return true;
    });
  }

  delete(_cache: string, id: string): Promise<boolean> {
    return this.#answer(false, () => this.sessions.delete(id));
  }

  /** TlsmgrClient tells no server as a miss; another client may reject. */
  #answer<Value>(without: Value, answer: () => Value): Promise<Value> {
    if (this.is === 'failing') {
      return Promise.reject(new Error('no server'));
    }
    return Promise.resolve(this.is === 'away' ? without : answer());
  }
}

/** What `tlsmgr.client.session` tells while it is followed. */
export class Told {
  readonly messages: ClientSessionMessage[] = [];
  readonly #listen = (message: unknown): void =>
    void this.messages.push(message as ClientSessionMessage);

  constructor() {
    subscribe('tlsmgr.client.session', this.#listen);
  }

  /** `stored`, `refused: identity`. */
  get events(): string[] {
    return this.messages.map(({ event, why }) => (why === undefined ? event : `${event}: ${why}`));
  }

  end(): void {
    unsubscribe('tlsmgr.client.session', this.#listen);
  }
}
