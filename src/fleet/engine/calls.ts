/**
 * The calls that are under way: each ends within its time limit, and all
 * together are bounded, whatever the engine does.
 *
 * - A limit counts from the call. What is answered later is dropped.
 * - At most 1,000 commands and 4 MiB are under way. Commands whose limit is over
 *   count until the engine has answered them, or the connection has ended, as
 *   the library holds them so long.
 * - A call that can't be sent at once rejects at once (connection.ts, flow.ts).
 */
import type { Clock } from '../../system/clock.ts';
import type { CommandPlace } from './command-faults.ts';
import type { Connection } from './connection.ts';
import { type After, Deadlines } from './deadlines.ts';
import type { EngineCommands } from './engine-commands.ts';
import { faultOf, type FaultText, isAnswer } from './engine-fault.ts';
import { EngineError } from './engine.ts';
import type { CallKind, Flow } from './flow.ts';
import { Latencies } from './latencies.ts';

const otherLimitMs = 5000;
export const mostCommands = 1000;
const mostBytes = 4 * 1024 * 1024;

export interface Call<Result> extends CommandPlace {
  kind: CallKind;
  /** How many commands it sends, and their bytes. */
  commands: number;
  bytes: number;
  send: (commands: EngineCommands) => Promise<Result>;
}

export interface CallsDependencies {
  connection: Connection;
  flow: Flow;
  clock: Clock;
  after: After;
  readLimitMs: number;
  faultText: FaultText;
}

export class Calls {
  readonly #connection: Connection;
  readonly #flow: Flow;
  readonly #clock: Clock;
  readonly #readLimitMs: number;
  readonly #faultText: FaultText;
  readonly #deadlines: Deadlines;
  readonly latencies = new Latencies();
  /** As EngineReport has them. */
  readonly counts = { reads: 0, late: 0, writes: 0, failed: 0 };
  /** Of this connection; one that is gone counts for itself. */
  #underWay = { commands: 0, bytes: 0 };

  constructor(dependencies: CallsDependencies) {
    const { connection, flow, clock, after, readLimitMs, faultText } = dependencies;
    this.#faultText = faultText;
    this.#connection = connection;
    this.#flow = flow;
    this.#clock = clock;
    this.#readLimitMs = readLimitMs;
    this.#deadlines = new Deadlines(clock, after);
  }

  /** Rejects with EngineError. */
  begin<Result>(call: Call<Result>): Promise<Result> {
    const { kind } = call;
    const { commands } = this.#connection;
    if (commands === undefined) {
      return Promise.reject(new EngineError('the engine is away'));
    }
    const obstacle = this.#obstacle(call);
    if (obstacle !== undefined) {
      return Promise.reject(new EngineError(obstacle));
    }
    this.#count(kind);
    const limitMs = kind === 'other' ? otherLimitMs : this.#readLimitMs;
    const begunMs = this.#clock.monotonicMs();
    const underWay = this.#underWay;
    underWay.commands += call.commands;
    underWay.bytes += call.bytes;
    return new Promise((resolve, reject) => {
      const limited = this.#deadlines.begin(limitMs, () => {
        this.#late(kind);
        reject(new EngineError(`no answer within ${limitMs} ms`));
      });
      /** @returns whether the limit isn't over. */
      const ended = (): boolean => {
        underWay.commands -= call.commands;
        underWay.bytes -= call.bytes;
        const isInTime = limited.expire !== undefined;
        this.#deadlines.end(limited);
        return isInTime;
      };
      const answered = (result: Result): void => {
        if (ended()) {
          if (kind === 'read') {
            this.latencies.add(this.#clock.monotonicMs() - begunMs);
          }
          this.#flow.done(kind, call);
          resolve(result);
        }
      };
      const refused = (thrown: unknown): void => {
        if (ended()) {
          this.counts.failed += 1;
        }
        this.#refused(call, commands, thrown);
        // Without its cause, which may quote what was sent.
        reject(new EngineError(this.#faultText(thrown)));
      };
      call.send(commands).then(answered, refused);
    });
  }

  /** The connection is a new one, or there is none. */
  connectionChanged(): void {
    this.#underWay = { commands: 0, bytes: 0 };
  }

  /** Why a call can't be sent now. */
  #obstacle({ kind, commands, bytes }: Call<unknown>): string | undefined {
    if (kind === 'read' && this.#flow.reads === 'paused') {
      return 'reads are paused';
    }
    if (kind === 'write' && this.#flow.writes === 'paused') {
      return 'writes are paused';
    }
    const isFull =
      this.#underWay.commands + commands > mostCommands || this.#underWay.bytes + bytes > mostBytes;
    return isFull ? 'too much is under way' : undefined;
  }

  #count(kind: CallKind): void {
    this.counts.reads += kind === 'read' ? 1 : 0;
    this.counts.writes += kind === 'write' ? 1 : 0;
  }

  #late(kind: CallKind): void {
    if (kind === 'read') {
      this.counts.late += 1;
      this.#flow.late();
    } else {
      this.counts.failed += 1;
    }
  }

  #refused(call: Call<unknown>, commands: EngineCommands, thrown: unknown): void {
    switch (faultOf(thrown)) {
      case 'not signed in':
      case 'does not serve':
        this.#connection.fail(commands, thrown);
        break;
      case 'not allowed':
        this.#flow.denied(call.kind, call, this.#faultText(thrown));
        break;
      case 'takes no writes':
        this.#flow.writesRefused(this.#faultText(thrown));
        break;
      case 'other':
        if (isAnswer(thrown)) {
          this.#flow.failing(call, this.#faultText(thrown));
        }
        break;
    }
  }
}
