/**
 * Keeps a connection to the engine, and says in the log when it comes and goes.
 *
 *     opening -> up        an attempt of the first round succeeds
 *             -> away      no place of the first round could be used
 *     away    -> up        an attempt succeeds
 *     up      -> away      the connection ends, no PING is answered for 2 s, or
 *                          the engine says that it can't serve us
 *     any     -> closed
 *
 * An attempt takes one place (a server, or a Sentinel). The next place is tried
 * at once, and after the last one of a round there is a pause: 100 ms at first,
 * then twice as long each time, up to 5 s, half of it random. Each attempt has a
 * new client of the library, and an attempt that takes too long is given up, so a
 * library that hangs does no harm.
 */
import type { Logger } from '../../log/logger.ts';
import type { Clock } from '../../system/clock.ts';
import type { Timer } from '../../system/timers.ts';
import { pauseSeconds } from './back-off.ts';
import type { After } from './deadlines.ts';
import type { EngineClient, EngineCommands, EngineLibrary } from './engine-commands.ts';
import { type FaultText, isRefused } from './engine-fault.ts';
import type { EngineConnection } from './engine.ts';

/** One PING at a time, a second after the answer to the last one. */
const pingEverySeconds = 1;
const silenceSeconds = 2;

export interface ConnectionEvents {
  /** A connection is there. */
  opened(): void;
  /** It is gone, or a round of attempts has failed. */
  away(): void;
  /** A PING was answered. */
  pinged(milliseconds: number): void;
}

export interface ConnectionDependencies {
  library: EngineLibrary;
  /** An attempt that takes longer is given up. */
  attemptSeconds: number;
  faultText: FaultText;
  log: Logger;
  clock: Clock;
  after: After;
  /** At least 0, less than 1. */
  random: () => number;
}

interface Failure {
  server: string;
  /** Why, in words. */
  reason: string;
  /** The server is there, and refuses us. */
  isRefusal: boolean;
}

export class Connection {
  readonly #dependencies: ConnectionDependencies;
  readonly #events: ConnectionEvents;
  #state: EngineConnection = 'opening';
  #sinceMs: number;
  #client: EngineClient | undefined;
  #commands: EngineCommands | undefined;
  #server = '';
  #target = 0;
  /** Places of this round that failed. */
  #tried = 0;
  /** Rounds that failed since it was up. */
  #rounds = 0;
  /** Of this round; of the last one while none goes on. */
  #failure: Failure | undefined;
  /** What the last line of the log has said of it. */
  #told: 'nothing' | 'away' | 'refused' = 'nothing';
  #awaySinceMs = 0;
  #reconnects = 0;
  /** Of an attempt, of a pause, or of PING. */
  #timer: Timer | undefined;

  constructor(dependencies: ConnectionDependencies, events: ConnectionEvents) {
    this.#dependencies = dependencies;
    this.#events = events;
    this.#sinceMs = dependencies.clock.monotonicMs();
  }

  get state(): EngineConnection {
    return this.#state;
  }

  /** Undefined unless it is up. */
  get commands(): EngineCommands | undefined {
    return this.#commands;
  }

  /** `host:port` where it leads to, or was tried last. */
  get server(): string {
    return this.#client?.server ?? this.#server;
  }

  /** Why it is away; empty when it isn't. */
  get reason(): string {
    return this.#failure?.reason ?? '';
  }

  get reconnects(): number {
    return this.#reconnects;
  }

  get sinceSeconds(): number {
    return Math.floor((this.#dependencies.clock.monotonicMs() - this.#sinceMs) / 1000);
  }

  start(): void {
    if (this.#state === 'opening' && this.#client === undefined) {
      this.#attempt();
    }
  }

  /** The engine has said, on this connection, that it can't serve us. */
  fail(commands: EngineCommands, thrown: unknown): void {
    if (this.#client !== undefined && commands === this.#commands) {
      this.#failed(this.#client, thrown);
    }
  }

  close(): void {
    this.#become('closed');
    this.#timer?.cancel();
    this.#dropClient();
  }

  #attempt(): void {
    const { library, attemptSeconds } = this.#dependencies;
    const client = library.connect(this.#target, (reason) => this.#failed(client, reason));
    this.#client = client;
    this.#wait(attemptSeconds, () => {
      this.#failed(client, new Error(`no answer within ${attemptSeconds} s`));
    });
    client.ready.then(
      (commands) => this.#opened(client, commands),
      (thrown: unknown) => this.#failed(client, thrown),
    );
  }

  #opened(client: EngineClient, commands: EngineCommands): void {
    if (client !== this.#client) {
      return;
    }
    this.#reconnects += this.#state === 'away' ? 1 : 0;
    this.#tried = 0;
    this.#failure = undefined;
    this.#commands = commands;
    this.#become('up');
    this.#wait(pingEverySeconds, () => this.#ping(client, commands));
    this.#events.opened();
  }

  #ping(client: EngineClient, commands: EngineCommands): void {
    const { clock } = this.#dependencies;
    const sentMs = clock.monotonicMs();
    this.#wait(silenceSeconds, () => {
      this.#failed(client, new Error(`no answer for ${silenceSeconds} s`));
    });
    const answered = (): void => {
      if (client === this.#client) {
        this.#wait(pingEverySeconds, () => this.#ping(client, commands));
        this.#holds(client);
        this.#events.pinged(clock.monotonicMs() - sentMs);
      }
    };
    commands.ping().then(answered, (thrown: unknown) => this.#failed(client, thrown));
  }

  /**
   * The connection has lasted for a second. One that is lost before is as good as
   * none: the pauses get longer still, and the log has nothing new to tell.
   */
  #holds(client: EngineClient): void {
    const { log } = this.#dependencies;
    this.#rounds = 0;
    if (this.#told !== 'nothing') {
      const seconds = Math.round((this.#sinceMs - this.#awaySinceMs) / 1000);
      log.info(`fleet: engine ${client.server} is back after ${seconds}s`);
      this.#told = 'nothing';
    }
  }

  /** An attempt has failed, or the connection is lost. */
  #failed(client: EngineClient, thrown: unknown): void {
    if (client !== this.#client) {
      return;
    }
    const { library, random, faultText } = this.#dependencies;
    const wasUp = this.#state === 'up';
    this.#dropClient();
    const isRefusal = isRefused(thrown);
    // Of a round, what says most: a server that refuses us is there.
    if (this.#tried === 0 || isRefusal) {
      this.#failure = { server: client.server, reason: faultText(thrown), isRefusal };
    }
    if (!wasUp) {
      this.#target = (this.#target + 1) % library.targets;
      this.#tried += 1;
      if (this.#tried < library.targets) {
        this.#attempt();
        return;
      }
    }
    const pause = pauseSeconds(this.#rounds, this.#failure?.isRefusal === true, random());
    this.#wait(pause, () => this.#attempt());
    this.#tried = 0;
    this.#rounds += 1;
    this.#becomeAway(this.#failure!);
    this.#events.away();
  }

  #becomeAway({ server, reason, isRefusal }: Failure): void {
    const { log, clock } = this.#dependencies;
    this.#server = server;
    this.#become('away');
    const kind = isRefusal ? 'refused' : 'away';
    if (kind === this.#told) {
      return;
    }
    if (this.#told === 'nothing') {
      this.#awaySinceMs = clock.monotonicMs();
    }
    this.#told = kind;
    if (isRefusal) {
      log.error(`fleet: engine ${server}: ${reason}`);
    } else {
      log.warning(`fleet: engine ${server} is away (${reason})`);
    }
  }

  #become(state: EngineConnection): void {
    if (state !== this.#state) {
      this.#state = state;
      this.#sinceMs = this.#dependencies.clock.monotonicMs();
    }
  }

  #dropClient(): void {
    const client = this.#client;
    this.#server = this.server;
    this.#client = undefined;
    this.#commands = undefined;
    client?.destroy();
  }

  #wait(seconds: number, task: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#dependencies.after(seconds, task);
  }
}
