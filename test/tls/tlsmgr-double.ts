/** A tlsmgr in this process, for those who use a client: ours or Postfix's own, there or not. */
import { randomFillSync } from 'node:crypto';
import { KeyRing } from '../../src/tickets/key-ring.ts';
import {
  readScopedKeys,
  type ScopedKey,
  scopedKeyBytes,
  writeScopedKey,
} from '../../src/tickets/scoped-key.ts';
import type { TicketClient } from '../../src/tls/ticket-client.ts';

export interface TestClock {
  seconds: number;
  nowSeconds(): number;
  monotonicMs(): number;
}

export function testClock(): TestClock {
  const clock: TestClock = {
    seconds: Math.floor(Date.now() / 1000),
    nowSeconds: () => clock.seconds,
    monotonicMs: () => clock.seconds * 1000,
  };
  return clock;
}

export class TlsmgrDouble implements TicketClient {
  readonly ring: KeyRing;
  readonly lifetimeSeconds: number;
  readonly sessions = new Map<string, Buffer>();
  /** `silent`: never answers. */
  is: 'ours' | 'original' | 'away' | 'silent' = 'ours';
  asked = 0;
  lookups = 0;

  constructor(clock: TestClock, lifetimeSeconds = 3600) {
    this.lifetimeSeconds = lifetimeSeconds;
    this.ring = new KeyRing(
      lifetimeSeconds,
      {
        fill: (target, start, end) => void randomFillSync(target, start, end - start),
        stirTime: () => {},
        stirData: () => {},
      },
      clock,
    );
  }

  async ticketRing(scope: string): Promise<ScopedKey[] | undefined> {
    await this.#answer();
    if (this.is === 'original') {
      throw Object.assign(new Error('no such request'), { code: 'UNSUPPORTED' });
    }
    return this.ring.keys().map((key) => {
      const wire = Buffer.alloc(scopedKeyBytes);
      writeScopedKey(wire, 0, key.bytes, key, Buffer.from(scope));
      return readScopedKeys(wire)![0]!;
    });
  }

  async ticketKey(name?: Buffer): Promise<Buffer | undefined> {
    await this.#answer();
    const key = name === undefined ? this.ring.current() : this.ring.named(name, 0);
    return key && Buffer.from(key);
  }

  async policy(): Promise<{ timeoutSeconds: number }> {
    await this.#answer();
    return { timeoutSeconds: this.lifetimeSeconds };
  }

  async lookup(_cache: string, id: string): Promise<Buffer | undefined> {
    this.lookups += 1;
    await this.#answer();
    return this.sessions.get(id);
  }

  async update(_cache: string, id: string, session: Buffer): Promise<boolean> {
    await this.#answer();
    this.sessions.set(id, Buffer.from(session));
    return true;
  }

  async #answer(): Promise<void> {
    this.asked += 1;
    if (this.is === 'away') {
      throw new Error('no server');
    }
    if (this.is === 'silent') {
      await new Promise(() => {});
    }
  }
}
