/**
 * One client of the EGD server: answers its commands in their order.
 *
 *     reading   commands are answered as they come
 *     waiting   the first command waits for the budget
 *     blocked   answers are unread, so nothing more is read from the client
 *     closed
 */
import type { Socket } from 'node:net';
import { takeCommand, type EgdCommand } from './egd-protocol.ts';

/** Longest input that is kept unanswered. */
const longestInput = 8192;

/** Answers a command. @returns 0 when answered, else milliseconds until it can be. */
export type AnswerEgd = (command: EgdCommand) => number;

export class EgdClient {
  readonly #socket: Socket;
  readonly #answer: AnswerEgd;
  #state: 'reading' | 'waiting' | 'blocked' | 'closed' = 'reading';
  #input = Buffer.alloc(0);
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, answer: AnswerEgd) {
    this.#socket = socket;
    this.#answer = answer;
    socket.unref();
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#closed());
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('drain', () => this.#drained());
  }

  get state(): string {
    return this.#state;
  }

  #received(chunk: Buffer): void {
    this.#input = Buffer.concat([this.#input, chunk]);
    if (this.#state === 'reading') {
      this.#work();
    }
  }

  #drained(): void {
    if (this.#state === 'blocked') {
      this.#state = 'reading';
      this.#socket.resume();
      this.#work();
    }
  }

  #waited(): void {
    this.#state = 'reading';
    this.#work();
  }

  #closed(): void {
    this.#state = 'closed';
    clearTimeout(this.#timer);
  }

  /** Answers what can be answered now, in the state `reading`. */
  #work(): void {
    const socket = this.#socket;
    for (;;) {
      const taken = takeCommand(this.#input);
      if (taken === null || this.#input.length > longestInput) {
        socket.destroy();
        return;
      }
      if (taken === undefined) {
        return;
      }
      const delayMs = this.#answer(taken.command);
      if (delayMs > 0) {
        this.#state = 'waiting';
        this.#timer = setTimeout(() => this.#waited(), delayMs);
        return;
      }
      this.#input = this.#input.subarray(taken.length);
      if (socket.writableNeedDrain) {
        this.#state = 'blocked';
        socket.pause();
        return;
      }
    }
  }
}
