/**
 * Checks how long the path of a UNIX-domain socket is. libuv cuts a longer path to
 * its first 107 bytes. It binds or connects to that path without an error, and then
 * talks to whoever is there. So every path is checked here first.
 */
import { connect, Socket } from 'node:net';

/** The size of sun_path in sockaddr_un, unix(7), without its final zero. */
const longestPathBytes = 107;

export function fitsSocketAddress(path: string): boolean {
  return Buffer.byteLength(path) <= longestPathBytes;
}

/** Throws an Error whose message says how long the path is, without the path. */
export function requireSocketPath(path: string): void {
  if (!fitsSocketAddress(path)) {
    throw new Error(
      `its path has ${Buffer.byteLength(path)} bytes, that of a socket at most ${longestPathBytes}`,
    );
  }
}

/** Tells why connect(2) failed, and what to do. */
export function connectReason(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return 'there is no such socket: does Postfix run (postfix start, or postfix -c DIR start), or tlsmgr serve?';
    case 'ECONNREFUSED':
      return 'nobody listens there: does Postfix run (postfix start, or postfix -c DIR start), or tlsmgr serve?';
    case 'EACCES':
      return 'permission denied: run it as root, or as the user who serves';
    default:
      return error.message;
  }
}

/**
 * connect() of node:net, to a path only: it takes digits alone for a port, and no
 * path at all for one of this host. It never throws: a path that can't be is an
 * `error` event, as any other failure.
 */
export function connectToPath(path: string): Socket {
  try {
    if (path === '') {
      throw new Error('its path is empty');
    }
    requireSocketPath(path);
    return connect({ path });
  } catch (thrown) {
    return new Socket().destroy(thrown as Error);
  }
}
