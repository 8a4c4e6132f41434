/** A connection for clients that don't keep to the protocol. No error of it is thrown. */
import { connect, type Socket } from 'node:net';

/** Waits for an event, or for the end. */
export function eventOrEnd(socket: Socket, event: 'connect' | 'drain' | 'close'): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off(event, done);
      socket.off('close', done);
      resolve();
    };
    socket.on(event, done);
    socket.on('close', done);
  });
}

/** Tried again while the queue of those who wait is full. */
export async function openSocket(path: string): Promise<Socket> {
  for (;;) {
    const socket = connect(path);
    socket.on('error', () => socket.destroy());
    await eventOrEnd(socket, 'connect');
    if (!socket.destroyed) {
      return socket;
    }
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
