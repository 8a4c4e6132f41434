/**
 * Whether sessions are read from the engine, and written to it.
 *
 *     open   -> slow    five session reads in a row had no answer in time
 *     slow   -> open    three PINGs in a row were answered within the limit, or
 *                       the connection is a new one
 *     open   -> paused  reads or writes, for 5 s: we lack the right to a command
 *                       writes, for 10 s: the engine is full, or its disk fails
 *
 * While the engine is slow, sessions are neither read nor written, so nothing
 * piles up. A pause ends by itself. Each kind of trouble is logged once, until a
 * command shows that it is over (command-faults.ts).
 */
import type { Logger } from '../../log/logger.ts';
import type { Timer } from '../../system/timers.ts';
import { CommandFaults, type CommandPlace } from './command-faults.ts';
import type { After } from './deadlines.ts';
import type { EngineFlow } from './engine.ts';

const lateReadsToPause = 5;
const goodPingsToResume = 3;
const refusedWritesPauseSeconds = 10;
const deniedPauseSeconds = 5;

/** What a command is for; `other`: ticket keys, heartbeats and checks, which go on. */
export type CallKind = 'read' | 'write' | 'other';

/** Commands that a full engine refuses. */
const addingCommands: ReadonlySet<string> = new Set(['SET', 'HSETNX', 'HSET']);

export interface FlowDependencies {
  readLimitMs: number;
  /** `host:port`, for the log. */
  server: () => string;
  log: Logger;
  after: After;
  /** Called after each change. */
  changed: () => void;
}

export class Flow {
  readonly #dependencies: FlowDependencies;
  #slow: 'no' | 'yes, not logged' | 'yes' = 'no';
  #lateReads = 0;
  #goodPings = 0;
  readonly #pauses: { read: Timer | undefined; write: Timer | undefined } = {
    read: undefined,
    write: undefined,
  };
  /** Commands that we may not use. */
  readonly #denied: CommandFaults;
  /** Commands that are answered with an error that tells nothing of us. */
  readonly #failing: CommandFaults;
  /** Why it takes no writes; empty when it does. */
  #refusesWrites = '';

  constructor(dependencies: FlowDependencies) {
    this.#dependencies = dependencies;
    const { log, server, after } = dependencies;
    this.#denied = new CommandFaults({
      after,
      begins: (_, reason) => log.error(`fleet: engine ${server()}: ${reason}`),
      ends: (command) => log.info(`fleet: engine ${server()} allows ${command} again`),
    });
    this.#failing = new CommandFaults({
      after,
      begins: (command, reason) =>
        log.warning(`fleet: engine ${server()} fails at ${command}: ${reason}`),
      ends: (command) => log.info(`fleet: engine ${server()} answers ${command} again`),
    });
  }

  get reads(): EngineFlow {
    return this.#slow === 'no' && this.#pauses.read === undefined ? 'open' : 'paused';
  }

  get writes(): EngineFlow {
    return this.#slow === 'no' && this.#pauses.write === undefined ? 'open' : 'paused';
  }

  /** What is wrong; empty when nothing is. */
  get reason(): string {
    const trouble = this.#denied.reason ?? this.#failing.reason;
    return trouble ?? (this.#refusesWrites || (this.#slow === 'no' ? '' : 'it is too slow'));
  }

  /** A command was answered, and not with an error. */
  done(kind: CallKind, place: CommandPlace): void {
    if (kind === 'read') {
      this.#lateReads = 0;
    }
    if (this.#denied.size + this.#failing.size === 0 && this.#refusesWrites === '') {
      return;
    }
    this.#denied.succeeded(place);
    this.#failing.succeeded(place);
    if (this.#refusesWrites !== '' && addingCommands.has(place.command)) {
      const { log, server } = this.#dependencies;
      this.#refusesWrites = '';
      log.info(`fleet: engine ${server()} takes writes again`);
    }
  }

  /** A session read had no answer in time. */
  late(): void {
    this.#lateReads += 1;
    if (this.#lateReads >= lateReadsToPause && this.#slow === 'no') {
      // A PING that is answered tells that it is slow, and not away. So the log waits for it.
      this.#slow = 'yes, not logged';
      this.#goodPings = 0;
      this.#dependencies.changed();
    }
  }

  pinged(milliseconds: number): void {
    if (this.#slow === 'no') {
      return;
    }
    const { log, readLimitMs, server, changed } = this.#dependencies;
    if (this.#slow === 'yes, not logged') {
      this.#slow = 'yes';
      log.warning(`fleet: engine ${server()} is too slow: reads paused`);
    }
    this.#goodPings = milliseconds <= readLimitMs ? this.#goodPings + 1 : 0;
    if (this.#goodPings >= goodPingsToResume) {
      this.#startAnew();
      log.info(`fleet: engine ${server()} is fast enough again: reads resumed`);
      changed();
    }
  }

  /** The connection is a new one, or there is none. */
  connectionChanged(): void {
    this.#startAnew();
  }

  /** @param reason in the engine's words. */
  denied(kind: CallKind, place: CommandPlace, reason: string): void {
    this.#denied.failed(place, reason);
    if (kind !== 'other') {
      this.#pause(kind, deniedPauseSeconds);
    }
  }

  /** It answers a command with an error that tells nothing of us. @param reason in the engine's words. */
  failing(place: CommandPlace, reason: string): void {
    this.#failing.failed(place, reason);
  }

  /** @param reason in the engine's words. */
  writesRefused(reason: string): void {
    const { log, server } = this.#dependencies;
    if (this.#refusesWrites === '') {
      log.warning(`fleet: engine ${server()} refuses writes: ${reason}`);
    }
    this.#refusesWrites = reason;
    this.#pause('write', refusedWritesPauseSeconds);
  }

  close(): void {
    this.#pauses.read?.cancel();
    this.#pauses.write?.cancel();
    this.#denied.close();
    this.#failing.close();
  }

  #startAnew(): void {
    this.#slow = 'no';
    this.#lateReads = 0;
    this.#goodPings = 0;
  }

  #pause(kind: 'read' | 'write', seconds: number): void {
    const { after, changed } = this.#dependencies;
    this.#pauses[kind]?.cancel();
    this.#pauses[kind] = after(seconds, () => {
      this.#pauses[kind] = undefined;
      changed();
    });
    changed();
  }
}
