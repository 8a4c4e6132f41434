/**
 * A client of a service in this process, without a socket: bytes in pieces of
 * any size, replies taken at once or, as by a client that reads slowly, later.
 * Throws when the service breaks the transport's contract.
 */
import assert from 'node:assert/strict';
import type { SocketServer } from '../src/socket/socket-server.ts';
import { nextTurn, ScriptedTransport } from '../test/socket/scripted-transport.ts';

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

/** Settles once the service has closed the connection. */
export async function converse(service: SocketServer, plan: ConversationPlan): Promise<Received> {
  const transport = new ScriptedTransport(service, undefined, plan.takesWrite);
  const { connection } = transport;
  /** Until the service reads again, or has closed. */
  const settle = async (): Promise<void> => {
    let answers = 0;
    for (let wait = 0; wait < longestWait && !transport.isOver;) {
      if (transport.held !== undefined) {
        await plan.meanwhile();
        transport.drained();
      } else if (!transport.paused) {
        return;
      }
      await (wait < microtasks ? Promise.resolve() : nextTurn());
      wait = transport.writes === answers ? wait + 1 : 0;
      answers = transport.writes;
    }
    assert.ok(transport.isOver, 'reads no more');
  };
  for (const piece of plan.pieces) {
    if (!transport.isOver) {
      transport.receive(piece);
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
  return { bytes: transport.takenBytes, cutShort };
}
