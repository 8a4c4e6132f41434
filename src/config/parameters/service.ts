/** Rows of how requests are served. All of them are ours. */
import { choice, flag, integer, listenAddress, size, time } from '../parameter.ts';

export const serviceRows = {
  /** False for clients of Postfix 3.4 and 3.5, which wait for no announcement. */
  announce: flag({
    name: 'tlsmgr_protocol_announcement',
    group: 'service',
    default: 'yes',
    ours: true,
    applies: 'at once',
    help: 'Whether the server speaks first: yes for Postfix 3.6 and later, no for 3.4 and 3.5.',
  }),
  /** What connections are served through; `auto`: handles where this Node has them. */
  transport: choice({
    name: 'tlsmgr_transport',
    group: 'service',
    default: 'auto',
    words: ['auto', 'handle', 'socket'],
    ours: true,
    help: 'What connections are served through: handle, which is faster and stands on internals of Node.js; socket, its public interface; auto: handle where this Node.js has it.',
  }),
};

export const limitRows = {
  /** Longest request, in bytes. */
  requestSizeBytes: size({
    name: 'tlsmgr_request_size_limit',
    group: 'service',
    default: '1048576',
    min: 4096,
    ours: true,
    applies: 'at once',
    help: 'Longest request in bytes; a longer one closes its connection.',
  }),
  /** Longest time a client may take to finish a request, or to read replies, in seconds. */
  requestTimeSeconds: time({
    name: 'tlsmgr_request_time_limit',
    group: 'service',
    default: '60s',
    min: 1,
    ours: true,
    applies: 'at once',
    help: 'Longest time for a request to arrive whole, or for a reply to be read.',
  }),
  /** At one time. */
  connections: integer({
    name: 'tlsmgr_connection_limit',
    group: 'service',
    default: '5000',
    min: 1,
    ours: true,
    applies: 'at once',
    help: 'Most connections at one time, as far as descriptors allow; an idle one makes room for a new one.',
  }),
};

export const metricsRows = {
  /** Where metrics and the page are served; undefined: nowhere. */
  metricsListen: listenAddress({
    name: 'tlsmgr_metrics_listen',
    group: 'service',
    default: '',
    ours: true,
    help: 'Where metrics and a page for people are served over HTTP: host:port, [address]:port, or the path of a socket; empty: nowhere.',
  }),
};
