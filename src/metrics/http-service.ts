/**
 * HTTP for the metrics and the page: GET and HEAD only, few connections, short
 * time limits. The same event loop serves the mail server, so the cost of these
 * clients is bounded: twenty requests a second over all of them, one request at
 * a time on a connection, a small header, and no client that stops reading.
 *
 * A connection has at most one request that waits, and the request is given up
 * when the connection closes. So a request waits for at most one request of each
 * other connection. A refused request isn't counted, and its connection is
 * closed. A fault of ours gives an answer of 500 and one limited warning.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { messageOf } from '../errors.ts';
import type { LogWarning } from '../log/logger.ts';
import { reasonOf } from '../system/calls.ts';
import { systemClock } from '../system/clock.ts';
import { isAllowedHost } from './allowed-host.ts';
import { Pace } from './pace.ts';
import type { Answer, Pages } from './pages.ts';
import { Places } from './places.ts';
import { RequestStream } from './request-stream.ts';

export interface HttpServiceOptions {
  pages: Pages;
  warn: LogWarning;
  /** Names that a Host header may have; undefined: any, where no browser gets to. */
  ownNames: ReadonlySet<string> | undefined;
  /** When answers are given. */
  pace?: Pace;
}

const mostConnections = 16;
const patienceMs = 5000;

/** A page takes seven requests, then one every few seconds. */
const requestsPerSecond = 20;
const requestsAtOnce = 40;
const longestHeaderBytes = 8192;

/** Nothing from elsewhere, nothing within a line, and in nobody's frame. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** For who finds all places taken by others that wait as well. */
const noPlace = [
  'HTTP/1.1 503 Service Unavailable',
  'Retry-After: 1',
  'Content-Type: text/plain; charset=utf-8',
  'Connection: close',
  '',
  'all places are taken\n',
].join('\r\n');

const commonHeaders = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': contentSecurityPolicy,
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** @returns a server that doesn't listen yet, and never keeps the process alive. */
export function httpService(options: HttpServiceOptions): Server {
  const { pages, warn, ownNames } = options;
  const pace = options.pace ?? new Pace(systemClock, requestsPerSecond, requestsAtOnce);
  const places = new Places<RequestStream>(mostConnections);
  /** What takes a connection's request out of those that wait. */
  const giveUps = new WeakMap<RequestStream, () => void>();
  const server = createServer(
    {
      headersTimeout: patienceMs,
      requestTimeout: patienceMs,
      keepAliveTimeout: patienceMs,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: longestHeaderBytes,
    },
    (request, response) => {
      const connection = request.socket as unknown as RequestStream;
      response.once('finish', () => connection.next());
      const refused = refusalOf(request, ownNames);
      if (refused !== undefined) {
        send(response, refused, { Allow: 'GET, HEAD', Connection: 'close' });
        return;
      }
      if (connection.sentAhead) {
        connection.destroy();
        return;
      }
      const begin = (): void => {
        places.serve(connection);
        respond(request, response, pages).catch((thrown: unknown) => {
          warn('metrics', () => `metrics request failed: ${messageOf(thrown)}`);
          if (response.headersSent) {
            connection.destroy();
          } else {
            send(response, refusal(500, 'failed\n'), {});
          }
        });
      };
      places.asks(connection);
      giveUps.set(connection, pace.ask(begin));
    },
  );
  const [serve] = server.listeners('connection') as ((stream: RequestStream) => void)[];
  server.removeAllListeners('connection');
  server.on('connection', (socket) => {
    const connection = new RequestStream(socket, patienceMs);
    const gone = places.enter(connection, connection.remoteAddress);
    if (gone === connection) {
      connection.write(noPlace);
      connection.destroySoon();
      return;
    }
    gone?.destroy();
    connection.once('close', () => {
      places.leave(connection);
      giveUps.get(connection)?.();
    });
    serve!.call(server, connection);
  });
  server.maxHeadersCount = 64;
  server.unref();
  server.on('error', (error) => {
    if (server.listening) {
      warn('metrics', () => `metrics connection: ${reasonOf(error)}`);
    }
  });
  return server;
}

/** Why a request gets no answer; undefined: it gets one. */
function refusalOf(
  { headers, method }: IncomingMessage,
  ownNames: ReadonlySet<string> | undefined,
): Sent | undefined {
  if (ownNames !== undefined && !isAllowedHost(headers.host, ownNames)) {
    return refusal(421, 'this name is not ours: tlsmgr_metrics_listen\n');
  }
  if (method !== 'GET' && method !== 'HEAD') {
    return refusal(405, 'GET or HEAD only\n');
  }
  // To be read to its end, though nobody wants it.
  const hasBody =
    headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return hasBody ? refusal(413, 'no body is taken\n') : undefined;
}

async function respond(
  { url = '', headers }: IncomingMessage,
  response: ServerResponse,
  pages: Pages,
): Promise<void> {
  const [path = ''] = url.split('?', 1);
  send(response, await pages.answer(path, headers.accept), {});
}

type Sent = Omit<Answer, 'status'> & { status: number };

function refusal(status: number, body: string): Sent {
  return { status, body, type: 'text/plain; charset=utf-8' };
}

function send(response: ServerResponse, answer: Sent, headers: Record<string, string>): void {
  const { status, type, body } = answer;
  response.writeHead(status, {
    ...commonHeaders,
    ...headers,
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}
