/**
 * A well-behaved client that never stops: it looks a known session up, checks
 * what comes, and asks again a little later. What it felt of a fault is how many
 * right answers it got and the longest wait for one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TlsmgrClient } from '../../src/client/client.ts';
import { patientClient, untilAnswered } from '../../test/patient-client.ts';

export const knownSessions = 50;
const betweenMs = 1;

export const idOf = (number: number): string => `known-${number}&s=smtp&l=805306720`;
export const sessionOf = (number: number): Buffer => Buffer.alloc(1500, `session ${number} `);

export interface Felt {
  answered: number;
  longestWaitMs: number;
  /** Answers that were another session's. */
  wrong: number;
}

export class SteadyClient {
  readonly #client: TlsmgrClient;
  #running: Promise<void> | undefined;
  #stopped = false;
  #felt: Felt = { answered: 0, longestWaitMs: 0, wrong: 0 };

  constructor(socketPath: string) {
    this.#client = patientClient(socketPath, 120_000);
  }

  async store(): Promise<void> {
    for (let number = 0; number < knownSessions; number += 1) {
      await untilAnswered(this.#client, () =>
        this.#client.update('smtpd', idOf(number), sessionOf(number)),
      );
    }
  }

  /** How many of the stored sessions are still there. */
  async kept(): Promise<number> {
    let count = 0;
    for (let number = 0; number < knownSessions; number += 1) {
      count += (await this.#lookup(number)) === undefined ? 0 : 1;
    }
    return count;
  }

  start(): void {
    this.#stopped = false;
    this.#felt = { answered: 0, longestWaitMs: 0, wrong: 0 };
    this.#running = this.#run();
  }

  async stop(): Promise<Felt> {
    this.#stopped = true;
    await this.#running;
    return this.#felt;
  }

  close(): void {
    void this.#client.close();
  }

  #lookup(number: number): Promise<Buffer | undefined> {
    return untilAnswered(this.#client, () => this.#client.lookup('smtpd', idOf(number)));
  }

  async #run(): Promise<void> {
    for (let number = 0; !this.#stopped; number = (number + 1) % knownSessions) {
      const from = performance.now();
      const session = await this.#lookup(number);
      const waitedMs = performance.now() - from;
      this.#felt.longestWaitMs = Math.max(this.#felt.longestWaitMs, waitedMs);
      this.#felt.answered += 1;
      if (session !== undefined && !session.equals(sessionOf(number))) {
        this.#felt.wrong += 1;
      }
      await sleep(betweenMs);
    }
  }
}
