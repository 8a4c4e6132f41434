/**
 * HTTP for the metrics and the page: GET and HEAD, few connections, short
 * patience. What a client may cost is bounded, for the event loop is the one
 * that serves the mail server: twenty requests a second over all of them, one at
 * a time on a connection, a small header, no client that stops reading. A fault of ours is an answer
 * of 500 and one limited warning.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import type { LogWarning } from '../log/logger.ts';
import { reasonOf } from '../system/calls.ts';
import { systemClock } from '../system/clock.ts';
import { isAllowedHost } from './allowed-host.ts';
import { Pace } from './pace.ts';
import type { Answer, Pages } from './pages.ts';

export interface HttpServiceOptions {
  pages: Pages;
  warn: LogWarning;
  /** Names that a Host header may have; undefined: any, where no browser gets to. */
  ownNames: ReadonlySet<string> | undefined;
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

const commonHeaders = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': contentSecurityPolicy,
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** @returns a server that doesn't listen yet, and never keeps the process alive. */
export function httpService(options: HttpServiceOptions): Server {
  const { warn } = options;
  const pace = new Pace(systemClock, requestsPerSecond, requestsAtOnce);
  const latest = new WeakMap<Socket, ServerResponse>();
  const server = createServer(
    {
      headersTimeout: patienceMs,
      requestTimeout: patienceMs,
      keepAliveTimeout: patienceMs,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: longestHeaderBytes,
    },
    (request, response) => {
      const { socket } = request;
      if (latest.get(socket)?.writableEnded === false) {
        // Requests sent ahead of their answers: a whole buffer of them would hold up everybody.
        socket.destroy();
        return;
      }
      latest.set(socket, response);
      respond(request, response, options, pace.take()).catch((thrown: unknown) => {
        warn('metrics', () => `metrics request failed: ${messageOf(thrown)}`);
        if (response.headersSent) {
          socket.destroy();
        } else {
          send(response, refusal(500, 'failed\n'), {});
        }
      });
    },
  );
  server.maxConnections = mostConnections;
  server.maxHeadersCount = 64;
  // Also for who doesn't read what was sent.
  server.setTimeout(patienceMs);
  server.unref();
  server.on('error', (error) => {
    if (server.listening) {
      warn('metrics', () => `metrics connection: ${reasonOf(error)}`);
    }
  });
  return server;
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  { pages, ownNames }: HttpServiceOptions,
  delayMs: number,
): Promise<void> {
  const { method, url = '', headers } = request;
  if (delayMs > 0) {
    await pause(delayMs, undefined, { ref: false });
  }
  if (ownNames !== undefined && !isAllowedHost(headers.host, ownNames)) {
    send(response, refusal(421, 'this name is not ours: tlsmgr_metrics_listen\n'), {});
  } else if (method !== 'GET' && method !== 'HEAD') {
    send(response, refusal(405, 'GET or HEAD only\n'), { Allow: 'GET, HEAD', Connection: 'close' });
  } else {
    const [path = ''] = url.split('?', 1);
    send(response, await pages.answer(path, headers.accept), {});
  }
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
