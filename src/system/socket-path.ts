/**
 * How long the path of a UNIX-domain socket may be. libuv cuts a longer one to
 * its first 107 bytes, binds or connects to that without a word, and then
 * speaks with whoever is there. So every path is measured here first.
 */
import { connect, Socket } from 'node:net';

/** sun_path of sockaddr_un, unix(7), less its final zero. */
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

/** Why connect(2) failed, in words of what to do. */
export function connectReason(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return 'there is no such socket: does Postfix run (postfix start), or tlsmgr serve?';
    case 'ECONNREFUSED':
      return 'nobody listens there: does Postfix run (postfix start), or tlsmgr serve?';
    case 'EACCES':
      return 'permission denied: run it as root, or as the user who serves';
    default:
      return error.message;
  }
}

/** connect() of node:net; a path that is too long is an `error` event, as any other failure. */
export function connectToPath(path: string): Socket {
  try {
    requireSocketPath(path);
  } catch (thrown) {
    return new Socket().destroy(thrown as Error);
  }
  return connect(path);
}
