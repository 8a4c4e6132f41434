/**
 * A closed-loop load for a tlsmgr socket: each connection has one request under
 * way. It runs in this process, so its own processor time is part of what it
 * measures; `busy` tells how much. The benchmark of the repository, npm run
 * bench, has a generator with more headroom.
 *
 * It writes to the socket itself. The client library would spend more time on a
 * call (its promise, its timer, overwriting) than the daemon spends on the
 * request, so that the figures would be the client's.
 */
import type { Socket } from 'node:net';
import type { TlsmgrClient } from '../client/client.ts';
import { TlsmgrError } from '../errors.ts';
import { Encoder, encodedName } from '../protocol/encoder.ts';
import { requestName } from '../protocol/names.ts';
import { connectReason, connectToPath } from '../system/socket-path.ts';

export type Operation = 'seed' | 'policy' | 'tktkey' | 'lookup' | 'miss' | 'update' | 'mix';

export interface LoadOptions {
  socketPath: string;
  operation: Operation;
  connections: number;
  requests: number;
  /** Different session ids. */
  ids: number;
  sessionBytes: number;
  announcement: boolean;
  /** A server that says nothing for so long gives no answer. Default 10,000. */
  patienceMs?: number;
}

export interface LoadResult {
  requestsPerSecond: number;
  /** Microseconds. */
  p50: number;
  p99: number;
  /** Share of the time that this process itself was running. */
  busy: number;
}

/** Shares of 100 requests of a mail server, as captured. */
const mix: readonly [Exclude<Operation, 'mix'>, number][] = [
  ['seed', 45],
  ['update', 25],
  ['lookup', 17],
  ['miss', 5],
  ['policy', 5],
  ['tktkey', 3],
];

/** Ids of this load's own, so that nobody else's session is replaced. */
const idPrefix = 'tlsmgr-bench-';

const name = encodedName(requestName);

const usualPatienceMs = 10_000;

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const sockets: Socket[] = [];
  try {
    await Promise.all(Array.from({ length: options.connections }, () => open(options, sockets)));
    return await measure(options, sockets);
  } finally {
    for (const socket of sockets) {
      socket.destroy();
    }
  }
}

async function measure(options: LoadOptions, sockets: readonly Socket[]): Promise<LoadResult> {
  const requests = encodeAll(options);
  const latencies = new Float64Array(options.requests);
  let asked = 0;
  let answered = 0;
  const startedMs = performance.now();
  const before = process.cpuUsage();
  await new Promise<void>((resolve, reject) => {
    const serve = (socket: Socket): void => {
      let sentMs = 0;
      let last = 0;
      const ask = (): void => {
        if (asked === options.requests) {
          socket.setTimeout(0);
        } else {
          const request = requests[asked % requests.length]!;
          asked += 1;
          sentMs = performance.now();
          socket.write(request);
        }
      };
      socket.on('data', (chunk: Buffer) => {
        if (!endsList(chunk, last)) {
          last = chunk.at(-1)!;
          return;
        }
        last = 1;
        latencies[answered] = (performance.now() - sentMs) * 1000;
        answered += 1;
        if (answered === options.requests) {
          resolve();
        } else {
          ask();
        }
      });
      const fail = (reason: string): void => {
        reject(new TlsmgrError('UNAVAILABLE', `${options.socketPath}: ${reason}`));
      };
      socket.on('timeout', () => fail(`no answer within ${socket.timeout} ms`));
      socket.on('close', () => fail('connection closed'));
      ask();
    };
    for (const socket of sockets) {
      serve(socket);
    }
  });
  const elapsedMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(before);
  latencies.sort();
  return {
    requestsPerSecond: (options.requests * 1000) / elapsedMs,
    p50: latencies[Math.floor(options.requests / 2)]!,
    p99: latencies[Math.floor(options.requests * 0.99)]!,
    busy: (user + system) / 1000 / elapsedMs,
  };
}

/** Takes the sessions of a load out of the cache again. */
export async function forgetSessions(client: TlsmgrClient, ids: number): Promise<void> {
  for (let index = 0; index < ids; index += 1) {
    await client.delete('smtpd', `${idPrefix}stored-${index}`);
  }
}

/** Whether a reply ends with the chunk: two NULs, the first perhaps in the chunk before. */
function endsList(chunk: Buffer, last: number): boolean {
  const beforeLast = chunk.length > 1 ? chunk.at(-2) : last;
  return chunk.at(-1) === 0 && beforeLast === 0;
}

/** @param opened where it is kept, also when it fails. */
function open(options: LoadOptions, opened: Socket[]): Promise<void> {
  const { socketPath, announcement, patienceMs = usualPatienceMs } = options;
  return new Promise((resolve, reject) => {
    const socket = connectToPath(socketPath);
    opened.push(socket);
    const fail = (reason: string, cause?: Error): void => {
      reject(new TlsmgrError('UNAVAILABLE', `${socketPath}: ${reason}`, { cause }));
    };
    socket.setTimeout(patienceMs, () => fail(`no answer within ${patienceMs} ms`));
    socket.once('close', () => fail('connection closed'));
    socket.once('error', (error) => fail(connectReason(error), error));
    if (announcement) {
      socket.once('data', () => resolve());
    } else {
      socket.once('connect', () => resolve());
    }
  });
}

/** Requests in an order that repeats; of a mix in its shares. */
function encodeAll(options: LoadOptions): Buffer[] {
  if (options.operation !== 'mix') {
    const { operation } = options;
    return Array.from({ length: options.ids }, (_, index) => encode(operation, index, options));
  }
  const kinds = mix.flatMap(([kind, share]) => Array.from({ length: share }, () => kind));
  // 37 has no divisor with 100: every kind comes in its share, well mixed.
  return Array.from({ length: options.ids }, (_, index) =>
    encode(kinds[(index * 37) % kinds.length]!, index, options),
  );
}

function encode(operation: Exclude<Operation, 'mix'>, index: number, options: LoadOptions): Buffer {
  const list = new Encoder();
  list.string(name, operation === 'miss' ? 'lookup' : operation);
  switch (operation) {
    case 'seed':
      list.number(encodedName('size'), 32);
      break;
    case 'policy':
      list.string(encodedName('cache_type'), 'smtpd');
      break;
    case 'tktkey':
      list.string(encodedName('keyname'), '');
      break;
    default: {
      const kind = operation === 'miss' ? 'never' : 'stored';
      list.string(encodedName('cache_type'), 'smtpd');
      list.string(encodedName('cache_id'), `${idPrefix}${kind}-${index % options.ids}`);
    }
  }
  if (operation === 'update') {
    const session = Buffer.alloc(options.sessionBytes, index % 251);
    list.data(encodedName('session'), session, 0, session.length);
  }
  list.end();
  return Buffer.from(list.buffer.subarray(0, list.length));
}
