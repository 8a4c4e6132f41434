/** A client library that does what a test tells it, so that the guard can be tested without time and servers. */
import type {
  EngineClient,
  EngineCommands,
  EngineLibrary,
} from '../../src/fleet/engine/engine-commands.ts';

export interface Sent {
  command: keyof EngineCommands;
  answer: (value?: unknown) => void;
  refuse: (message: string) => void;
}

export class FakeLibrary implements EngineLibrary {
  readonly targets: number;
  /** All attempts, the newest last. */
  readonly attempts: FakeClient[] = [];

  constructor(targets = 1) {
    this.targets = targets;
  }

  get last(): FakeClient {
    return this.attempts.at(-1)!;
  }

  connect(target: number, lost: (reason: unknown) => void): FakeClient {
    const client = new FakeClient(target, lost);
    this.attempts.push(client);
    return client;
  }
}

export class FakeClient implements EngineClient {
  readonly target: number;
  readonly server: string;
  readonly ready: Promise<EngineCommands>;
  /** Commands without an answer. */
  sent: Sent[] = [];
  isDestroyed = false;
  /** Whether each PING is answered at once. */
  answersPings = false;
  /** Ends the connection from the other side. */
  readonly lose: (message: string) => void;
  #open: (commands: EngineCommands) => void = () => {};
  #refuse: (thrown: Error) => void = () => {};

  constructor(target: number, lost: (reason: unknown) => void) {
    this.target = target;
    this.server = `server${target}:6379`;
    this.ready = new Promise((resolve, reject) => {
      this.#open = resolve;
      this.#refuse = reject;
    });
    this.lose = (message) => {
      this.#endAll();
      lost(new Error(message));
    };
  }

  open(): void {
    this.#open(this.#commands());
  }

  refuse(message: string): void {
    this.#refuse(new Error(message));
  }

  destroy(): void {
    this.isDestroyed = true;
    this.#endAll();
  }

  /** The oldest command of this name without an answer. */
  take(command: keyof EngineCommands): Sent {
    const index = this.sent.findIndex((one) => one.command === command);
    if (index < 0) {
      throw new Error(`no ${command} was sent`);
    }
    return this.sent.splice(index, 1)[0]!;
  }

  count(command: keyof EngineCommands): number {
    return this.sent.filter((one) => one.command === command).length;
  }

  #endAll(): void {
    const all = this.sent;
    this.sent = [];
    for (const { refuse } of all) {
      refuse('Disconnects client');
    }
  }

  #commands(): EngineCommands {
    const names: readonly (keyof EngineCommands)[] = [
      'get',
      'set',
      'unlink',
      'time',
      'hscan',
      'hsetnx',
      'hset',
      'hdel',
      'pexpireat',
      'info',
      'ping',
    ];
    return Object.fromEntries(
      names.map((name) => [name, () => this.#send(name)]),
    ) as unknown as EngineCommands;
  }

  #send(command: keyof EngineCommands): Promise<unknown> {
    if (command === 'ping' && this.answersPings) {
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      this.sent.push({
        command,
        answer: resolve,
        refuse: (message) => reject(new Error(message)),
      });
    });
  }
}
