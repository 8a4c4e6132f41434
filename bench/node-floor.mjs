/**
 * The least that a server for these requests costs in Node: the handles of
 * net.Server without anything behind them. floor.c is the same in C.
 *
 *     node node-floor.mjs SOCKET    answers every read with one constant
 *     node node-floor.mjs ...       started by master(8): remembers sessions
 */
import { createServer } from 'node:net';

const reader = Buffer.allocUnsafeSlow(16 * 1024);
const announcement = list('protocol', 'tlsmgr_protocol');
const seed = list('status', '0', 'seed', 'LzXoE5LzXoE5LzXoE5LzXoE5LzXoE5LzXoE5LzXog6g=');
const policy = list('status', '0', 'cachable', '1', 'timeout', '3600');
const done = list('status', '0');
const unknown = list('status', '4294967295', 'session', '');
/** Replies to look-ups, by id. */
const replies = new Map();

const [path = ''] = process.argv.slice(2);
const constant = path.startsWith('/');
// Documented as deprecated, and the only way: src/socket/node-handles.ts uses it too.
const { WriteWrap, streamBaseState, kReadBytesOrError } = process.binding('stream_wrap');
const write = new WriteWrap();

const server = createServer();
server.listen(constant ? { path } : { fd: 6 }, () => {
  server._handle.onconnection = (_status, handle) => {
    handle.useUserBuffer(reader);
    handle.onread = () => {
      const bytes = streamBaseState[kReadBytesOrError];
      if (bytes > 0) {
        handle.writeBuffer(write, constant ? seed : answer(bytes));
      } else if (bytes < 0) {
        handle.onread = () => {};
        handle.close();
      }
    };
    handle.writeBuffer(write, announcement);
    handle.readStart();
  };
});

function answer(bytes) {
  const [, request, , , , id, , session] = reader.latin1Slice(0, bytes).split('\0');
  switch (request) {
    case 'seed':
      return seed;
    case 'policy':
      return policy;
    case 'lookup':
      return replies.get(id) ?? unknown;
    case 'update':
      replies.set(id, list('status', '0', 'session', session));
      return done;
    default:
      return unknown;
  }
}

function list(...strings) {
  return new Uint8Array(Buffer.from(`${strings.join('\0')}\0\0`, 'latin1'));
}
