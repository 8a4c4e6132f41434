/**
 * A client of a service in this process, without a socket: bytes in pieces of
 * any size, replies taken at once or, as by a client that reads slowly, later.
 *
 * What a write hands over is copied as late as the contract allows (when it is
 * drained): a buffer that another connection's replies were written to in the
 * meantime would show. Throws when the service breaks the transport's contract.
 */
import assert from 'node:assert/strict';
import { Connection } from '../src/socket/connection.ts';
import type { SocketServer } from '../src/socket/socket-server.ts';
import type { Transport } from '../src/socket/transport.ts';

/** A request that is answered later is answered within so many microtasks, */
const microtasks = 20;
/** and what waits for its turn within so many more turns of the event loop. */
const longestWait = microtasks + 40;

export interface ConversationPlan {
  pieces: readonly Buffer[];
  /** Whether the next write is taken at once. */
  takesWrite: () => boolean;
  /** Called while a write waits to be taken. */
  meanwhile: () => Promise<void>;
}

export interface Received {
  bytes: Buffer;
  /** The service closed at once, with replies still under way. */
  cutShort: boolean;
}

class SlowTransport implements Transport {
  readonly descriptor = undefined;
  readonly sent: Buffer[] = [];
  held: Buffer | undefined;
  paused = false;
  ended = false;
  destroyed = false;
  readonly #takesWrite: () => boolean;

  constructor(takesWrite: () => boolean) {
    this.#takesWrite = takesWrite;
  }

  get isOver(): boolean {
    return this.ended || this.destroyed;
  }

  write(buffer: Buffer, length: number): boolean {
    assert.ok(!this.isOver, 'writes to a connection that it has closed');
    assert.equal(this.held, undefined, 'writes before the last write is drained');
    const bytes = buffer.subarray(0, length);
    if (this.#takesWrite()) {
      this.sent.push(Buffer.from(bytes));
      return true;
    }
    this.held = bytes;
    return false;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  takeHeld(): void {
    if (this.held !== undefined) {
      this.sent.push(Buffer.from(this.held));
      this.held = undefined;
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Settles once the service has closed the connection. */
export async function converse(service: SocketServer, plan: ConversationPlan): Promise<Received> {
  const transport = new SlowTransport(plan.takesWrite);
  const connection = new Connection(transport, service);
  /** Until the service reads again, or has closed. */
  const settle = async (): Promise<void> => {
    let answers = 0;
    for (let wait = 0; wait < longestWait && !transport.isOver;) {
      if (transport.held !== undefined) {
        await plan.meanwhile();
        transport.takeHeld();
        connection.drained();
      } else if (!transport.paused) {
        return;
      }
      await (wait < microtasks ? Promise.resolve() : nextTurn());
      wait = transport.sent.length === answers ? wait + 1 : 0;
      answers = transport.sent.length;
    }
    assert.ok(transport.isOver, 'reads no more');
  };
  for (const piece of plan.pieces) {
    if (!transport.isOver) {
      // The piece is only lent: whoever keeps it reads something else afterwards.
      const lent = Buffer.from(piece);
      connection.received(lent, lent.length);
      lent.fill(0xff);
      await settle();
    }
  }
  if (!transport.isOver) {
    connection.receivedEnd();
    await settle();
  }
  assert.ok(transport.isOver, 'stays open after its end');
  const cutShort = transport.destroyed && transport.held !== undefined;
  if (!cutShort) {
    transport.takeHeld();
  }
  connection.closed();
  return { bytes: Buffer.concat(transport.sent), cutShort };
}
