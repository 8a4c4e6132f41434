/**
 * Requests to tlsmgr_metrics_listen, over sockets of this process: Node's parser,
 * and what is ours behind it. What a page says is not of interest here, who gets
 * one is.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server as HttpServer } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acceptedFormat } from '../../src/metrics/accepted-format.ts';
import { httpService } from '../../src/metrics/http-service.ts';
import type { Pages } from '../../src/metrics/pages.ts';
import { latin1, type Target } from '../target.ts';

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-fuzz-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'http');

/** Nobody waits for as long as this but for something that doesn't come. */
const longestMs = 10_000;

const faults: string[] = [];
const pages = {
  answer: async (asked: string, accept: string | undefined) => {
    const known = asked === '/healthz';
    const type = `text/plain; format=${acceptedFormat(accept)}`;
    return { status: known ? 200 : 404, type, body: known ? 'ok\n' : 'not found\n' };
  },
} as unknown as Pages;

/** One for each input: after so many requests a service answers slowly, as it should. */
function freshService(): HttpServer {
  return httpService({
    pages,
    warn: (_kind, text) => faults.push(text()),
    ownNames: new Set(['mx.example.net']),
  });
}

let service = freshService();
/** Ends of the service's: what a client has left there is of no use to the next input. */
const accepted = new Set<Socket>();
const listener = createServer({ allowHalfOpen: true }, (socket) => {
  accepted.add(socket);
  socket.once('close', () => accepted.delete(socket));
  service.emit('connection', socket);
}).unref();
let listening: Promise<void> | undefined;

async function listen(): Promise<void> {
  listener.listen(path);
  await once(listener, 'listening');
}

/**
 * Sends the pieces, and half-closes unless the service is to close. @returns all
 * that comes until it does.
 */
async function answerTo(pieces: readonly Buffer[], halfCloses = true): Promise<string> {
  const socket = connect({ path, allowHalfOpen: true });
  const limit = setTimeout(() => socket.destroy(new Error('never closed')), longestMs);
  let text = '';
  let failure: Error | undefined;
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    // Closed with unread bytes, as is due to who goes on sending.
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') {
      failure = error;
    }
    socket.destroy();
  });
  socket.on('end', () => socket.end());
  const closed = once(socket, 'close').catch(() => undefined);
  for (const piece of pieces) {
    if (!socket.destroyed && socket.writable) {
      socket.write(piece);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }
  if (halfCloses) {
    socket.end();
  }
  await closed;
  clearTimeout(limit);
  if (failure !== undefined) {
    throw failure;
  }
  return text;
}

const ourHeader = /^Content-Security-Policy: default-src 'none';/mu;
const byNode = new Set(['100', '400', '408', '413', '417', '431', '501']);
const byUs = new Set(['200', '404', '405', '421', '503']);

function bodyLength(head: string): number {
  // What Node answers by itself has an empty body, in chunks.
  return /^Transfer-Encoding: chunked$/mu.test(head)
    ? '0\r\n\r\n'.length
    : Number(/^Content-Length: (\d+)\r?$/mu.exec(head)?.[1] ?? 0);
}

/** Nothing but answers, one after the other, each of a kind that there is. */
function checkAnswers(text: string): void {
  let rest = text;
  while (rest !== '') {
    const [, status = ''] = /^HTTP\/1\.1 (\d{3}) [A-Za-z ]+\r\n/u.exec(rest) ?? [];
    assert.ok(byNode.has(status) || byUs.has(status), 'no answer, or one of another kind');
    const end = rest.indexOf('\r\n\r\n');
    assert.ok(end > 0, 'an answer without end');
    const head = rest.slice(0, end);
    assert.ok(!byUs.has(status) || ourHeader.test(head), 'an answer of ours without its headers');
    rest = rest.slice(end + 4);
    // None to HEAD.
    const hasBody = rest !== '' && !rest.startsWith('HTTP/1.1 ');
    rest = rest.slice(hasBody ? bodyLength(head) : 0);
  }
}

const get = (target: string, ...headers: string[]): Buffer =>
  latin1(`${[`GET ${target} HTTP/1.1`, ...headers].join('\r\n')}\r\n\r\n`);

const probe = get('/healthz', 'Host: localhost', 'Connection: close');

export const httpTarget: Target = {
  name: 'http',
  promise: 'an answer of a known kind or none, to our names only, and others are served',
  seeds: [
    probe,
    get('/metrics?x=y', 'Host: mx.example.net:19465', 'Accept: application/openmetrics-text;q=0.9'),
    get('/', 'Host: [::1]:19465', 'Accept: text/html, text/plain;version=0.0.4;q=0.5, */*;q=0.1'),
    latin1('HEAD /healthz HTTP/1.0\r\n\r\n'),
    latin1(
      'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    ),
    get('/', 'Host: evil.example'),
    Buffer.concat([get('/', 'Host: localhost'), get('/healthz', 'Host: localhost')]),
  ],
  words: [
    '\r\n',
    '\r\n\r\n',
    ' HTTP/1.1',
    'HTTP/1.0',
    'GET ',
    'HEAD ',
    'POST ',
    'CONNECT ',
    'OPTIONS * ',
    'Host: ',
    'localhost',
    'mx.example.net',
    '127.0.0.1',
    '[::1]',
    'Accept: ',
    ';q=',
    '*/*',
    'Connection: ',
    'keep-alive',
    'close',
    'Upgrade: ',
    'Expect: 100-continue',
    'Content-Length: ',
    'Transfer-Encoding: chunked',
    '/healthz',
    '/metrics',
    '%00',
    '__proto__',
    '\0',
    'x'.repeat(300),
  ].map(latin1),
  testRuns: 100,
  async run(input) {
    await (listening ??= listen());
    faults.length = 0;
    service = freshService();
    checkAnswers(await answerTo([input]));
    const half = input.length >> 1;
    checkAnswers(await answerTo([input.subarray(0, half), input.subarray(half)]));
    const good = await answerTo([probe], false);
    assert.ok(good.startsWith('HTTP/1.1 200 ') && good.endsWith('\r\n\r\nok\n'), 'others wait');
    assert.deepEqual(faults, [], 'a fault of ours');
    for (const socket of accepted) {
      socket.destroy();
    }
  },
};
