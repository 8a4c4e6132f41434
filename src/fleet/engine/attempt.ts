/** One attempt to connect: what it has open, so that all of it ends together. */
import type { EngineClient, EngineCommands } from './engine-commands.ts';

interface Destroyable {
  destroy(): void;
}

export class Attempt implements EngineClient {
  /** Changes when it has found out where to go. */
  server: string;
  readonly ready: Promise<EngineCommands>;
  readonly #lost: (reason: unknown) => void;
  readonly #held = new Set<Destroyable>();
  #isOver = false;

  constructor(
    server: string,
    lost: (reason: unknown) => void,
    begin: (attempt: Attempt) => Promise<EngineCommands>,
  ) {
    this.server = server;
    this.#lost = lost;
    this.ready = begin(this);
  }

  /** Throws when the attempt is over. */
  hold(client: Destroyable): void {
    if (this.#isOver) {
      client.destroy();
      throw new Error('the attempt was given up');
    }
    this.#held.add(client);
  }

  holds(client: Destroyable): boolean {
    return this.#held.has(client);
  }

  /** It has done its part. */
  drop(client: Destroyable): void {
    this.#held.delete(client);
    client.destroy();
  }

  /** A client that is up has failed. */
  failed(client: Destroyable, reason: unknown): void {
    if (this.#held.has(client)) {
      this.#lost(reason);
    }
  }

  destroy(): void {
    this.#isOver = true;
    for (const client of this.#held) {
      this.drop(client);
    }
  }
}
