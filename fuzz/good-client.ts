/**
 * A client that keeps to the protocol, beside those that don't, and what it
 * must be answered: seeds that are new, its own sessions or none, one ticket key
 * for one name. Throws at the first answer that is not right.
 */
import assert from 'node:assert/strict';
import type { TlsmgrClient } from '../src/client/client.ts';
import { patientClient } from '../test/patient-client.ts';

const seedBytes = 32;
const sessionsInTurn = 20;

export class GoodClient {
  readonly #client: TlsmgrClient;
  readonly #seeds = new Set<string>();
  readonly #key: Buffer;
  #rounds = 0;
  /** Answers that were right. */
  answers = 0;
  /** Look-ups that found the session. The others may drop it, as any client may. */
  hits = 0;

  private constructor(client: TlsmgrClient, key: Buffer) {
    this.#client = client;
    this.#key = key;
  }

  static async connect(socketPath: string): Promise<GoodClient> {
    const client = patientClient(socketPath);
    const key = await client.ticketKey();
    assert.ok(key !== undefined, 'no ticket key');
    return new GoodClient(client, Buffer.from(key));
  }

  /** Asks one of each. */
  async round(): Promise<void> {
    const number = this.#rounds % sessionsInTurn;
    const id = `a good client's id ${number}`;
    const session = Buffer.alloc(100 + number, id);
    this.#rounds += 1;

    const seed = await this.#client.seed(seedBytes);
    assert.equal(seed.length, seedBytes, 'a seed of another length');
    const text = seed.toString('latin1');
    assert.ok(!this.#seeds.has(text), 'the same seed twice');
    this.#seeds.add(text);

    assert.equal((await this.#client.policy('smtpd')).cachable, true, 'another policy');
    const key = await this.#client.ticketKey();
    assert.ok(key !== undefined && this.#key.equals(key), 'another ticket key');
    const named = await this.#client.ticketKey(this.#key.subarray(0, 16));
    assert.ok(named !== undefined && this.#key.equals(named), 'another key for the name');

    await this.#client.update('smtp', id, session);
    const found = await this.#client.lookup('smtp', id);
    if (found !== undefined) {
      assert.ok(session.equals(found), 'the session of another id');
      this.hits += 1;
    }
    this.answers += 6;
  }

  /** Open connections, its own among them. */
  async openConnections(): Promise<number> {
    const { connections } = (await this.#client.stats()) as { connections: { open: number } };
    return connections.open;
  }

  close(): void {
    void this.#client.close();
  }
}
