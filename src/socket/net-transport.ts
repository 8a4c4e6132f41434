/** A transport over net.Socket: public interfaces only. */
import type { Socket } from 'node:net';
import type { Accept, Transport } from './transport.ts';

/** Gives an accepted socket its connection. The socket must allow half-open. */
export function serveSocket(socket: Socket, accept: Accept): void {
  let writing = false;
  const transport: Transport = {
    descriptor: undefined,
    write(buffer, length) {
      socket.write(buffer.subarray(0, length), () => {
        if (writing) {
          writing = false;
          buffer.fill(0, 0, length);
          events.drained();
        }
      });
      writing = socket.writableLength > 0;
      return !writing;
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end: () => socket.end(() => socket.destroy()),
    destroy: () => socket.destroy(),
  };
  const events = accept(transport);
  socket.on('data', (chunk: Buffer) => {
    events.received(chunk, chunk.length);
    chunk.fill(0);
  });
  socket.on('end', () => events.receivedEnd());
  // A client that goes away is nothing to report; 'close' follows.
  socket.on('error', () => socket.destroy());
  socket.on('close', () => events.closed());
}
