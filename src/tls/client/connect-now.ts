/**
 * tls.connect() for callers that want the socket at once. What this process holds
 * is offered at once. What only tlsmgr holds comes while the connection is being
 * made: the name is looked up after it, or, over a socket of the caller's, the
 * handshake begins after it. A connection to an address in figures can't wait.
 */
import { lookup as usualLookup } from 'node:dns';
import { isIP, Socket, type LookupFunction } from 'node:net';
import type { connect, TLSSocket } from 'node:tls';
import type { Destination, SessionConnectionOptions } from './destination.ts';
import type { SessionKeeper } from './session-keeper.ts';

type Connect = typeof connect;
type Connected = () => void;

export function connectNow(
  keeper: SessionKeeper,
  connectWith: Connect,
  options: SessionConnectionOptions,
  connected?: Connected,
): TLSSocket {
  const plain = (more: object = {}): TLSSocket => connectWith({ ...options, ...more }, connected);
  const destination = keeper.destinationOf(options);
  if (destination === undefined) {
    return plain();
  }
  if (options.session !== undefined && options.session !== null) {
    // The caller's own choice. What comes is kept all the same.
    const socket = plain();
    keeper.follow(socket, destination);
    return socket;
  }
  const session = keeper.offerNow(destination);
  if (session !== undefined) {
    const socket = plain({ session });
    keeper.follow(socket, destination, session);
    return socket;
  }
  return connectLater(keeper, plain, options, destination);
}

function connectLater(
  keeper: SessionKeeper,
  plain: (more?: object) => TLSSocket,
  options: SessionConnectionOptions,
  destination: Destination,
): TLSSocket {
  const { socket: parent, host = 'localhost', path } = options;
  let socket: TLSSocket;
  let isAsked = false;
  /** Calls back when there is nothing to wait for any more. */
  const whenFound = async (proceed: () => void): Promise<void> => {
    if (!isAsked) {
      isAsked = true;
      try {
        const session = await keeper.offer(destination);
        if (session !== undefined && !socket.destroyed) {
          offerOn(socket, session);
        }
        keeper.follow(socket, destination, session);
      } catch {
        keeper.failed(destination.label);
      }
    }
    proceed();
  };
  if (parent instanceof Socket && !parent.connecting && !parent.destroyed) {
    socket = held(parent, plain);
    void whenFound(() => release(socket));
  } else if (!parent && typeof path !== 'string' && isIP(host) === 0) {
    const lookup: LookupFunction = (name, how, found) =>
      void whenFound(() => (options.lookup ?? usualLookup)(name, how, found));
    socket = plain({ lookup });
  } else {
    socket = plain();
    keeper.follow(socket, destination);
  }
  return socket;
}

/** Node's types don't have setSession(). */
function offerOn(socket: TLSSocket, session: Buffer): void {
  const set = (): void =>
    (socket as unknown as { setSession(one: Buffer): void }).setSession(session);
  set();
  // Node forgets it when it goes on to another address of the name.
  socket.on('connectionAttempt', set);
  socket.once('secureConnect', () => socket.off('connectionAttempt', set));
}

/**
 * Node begins the handshake over a socket that is being connected once the new
 * socket tells that it is.
 */
function held(parent: Socket, plain: () => TLSSocket): TLSSocket {
  const state = parent as { connecting: boolean };
  state.connecting = true;
  try {
    return plain();
  } finally {
    state.connecting = false;
  }
}

function release(socket: TLSSocket): void {
  if (socket.connecting) {
    (socket as { connecting: boolean }).connecting = false;
    socket.emit('connect');
  }
}
