/** Who asks for metrics in bad faith keeps nobody else from them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as aTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { httpService } from '../../src/metrics/http-service.ts';
import { Pace } from '../../src/metrics/pace.ts';
import type { Pages } from '../../src/metrics/pages.ts';
import { TestClock, TestTimers } from '../log/scratch.ts';
import { poll } from '../postfix/poll.ts';
import { get } from './http-client.ts';

const request = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n';
/** More than have their turn within the patience of a client. */
const crowdSize = 200;
const places = 16;

describe('beside an attacker metrics are served', () => {
  let server: Server;
  let port: number;
  let answers = 0;
  let open = new Set<Socket>();

  async function serve(pace?: Pace): Promise<void> {
    const pages: Pick<Pages, 'answer'> = {
      answer() {
        answers += 1;
        return Promise.resolve({ status: 200, type: 'text/plain', body: 'ok\n' });
      },
    };
    server = httpService({
      pages: pages as Pages,
      warn: (_kind, text) => assert.fail(text()),
      ownNames: new Set(['localhost']),
      ...(pace === undefined ? {} : { pace }),
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    server.ref();
    ({ port } = server.address() as AddressInfo);
  }

  beforeEach(async () => {
    open = new Set();
    answers = 0;
    await serve();
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
    for (const socket of open) {
      socket.destroy();
    }
  });

  /** A connection that writes once it is there. */
  async function attacker(text: string, localAddress = '127.0.0.1'): Promise<Socket> {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => open.delete(socket));
    open.add(socket);
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  }

  async function served(): Promise<void> {
    assert.equal((await get({ host: '127.0.0.1', port }, '/metrics')).status, 200);
  }

  test('requests sent ahead take no turn', async () => {
    for (let times = 0; times < crowdSize; times += 1) {
      const socket = await attacker(request.repeat(3));
      socket.resume();
      await once(socket, 'close');
    }
    assert.equal(answers, 0);
    await served();
  });

  test('a request whose connection is closed takes no turn', async () => {
    for (let times = 0; times < crowdSize; times += 1) {
      (await attacker(request)).destroy();
    }
    await served();
  });

  test('a name that is not ours takes no turn, nor does a method or a body', async () => {
    for (const [text, status] of [
      ['GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n', 421],
      ['POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx', 405],
      ['GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n', 413],
    ] as const) {
      for (let times = 0; times < crowdSize / 4; times += 1) {
        const socket = await attacker(text);
        let said = '';
        socket.setEncoding('latin1').on('data', (piece: string) => (said += piece));
        await once(socket, 'close');
        assert.match(said, new RegExp(`^HTTP/1\\.1 ${status} `, 'u'));
      }
    }
    assert.equal(answers, 0);
    await served();
  });

  test('empty lines before a request are left out, whole and in pieces', async () => {
    for (const pieces of [
      [`\r\n${request}`],
      [`\r\n\r\n${request}`],
      ['\r', '\n\n', '\r\n\r\nG', request.slice(1)],
    ]) {
      const [first = '', ...rest] = pieces;
      const socket = await attacker(first);
      socket.setNoDelay(true);
      for (const piece of rest) {
        await aTurn();
        socket.write(piece);
      }
      const [answer] = (await once(socket, 'data')) as [Buffer];
      assert.match(answer.toString('latin1'), /^HTTP\/1\.1 200 /u);
      socket.destroy();
    }
  });

  test('of a full buffer of requests only the first is parsed', async () => {
    let parsed = 0;
    const count = (): void => void (parsed += 1);
    server.on('request', count);
    const socket = await attacker('GET / HTTP/1.1\r\nHost:1\r\n\r\n'.repeat(2500));
    socket.resume();
    await once(socket, 'close');
    server.off('request', count);
    assert.equal(parsed, 1);
  });

  test('a request in pieces is served, and another behind it', async () => {
    const socket = await attacker('');
    let said = '';
    socket.setEncoding('latin1').on('data', (piece: string) => (said += piece));
    for (const times of [1, 2]) {
      for (const byte of request) {
        socket.write(byte);
        await new Promise(setImmediate);
      }
      await poll('the answer', () => said.split('ok\n').length > times);
    }
    socket.destroy();
  });

  test('silent connections keep nobody out', async () => {
    for (let times = 0; times < places * 2; times += 1) {
      await attacker('GET / HTT');
    }
    await served();
  });

  for (const address of ['127.0.0.1', '127.0.0.2']) {
    test(`those of ${address} that ask without a pause keep nobody out`, async () => {
      for (let times = 0; times < places; times += 1) {
        const socket = await attacker(request, address);
        socket.on('data', () => socket.write(request));
      }
      await poll('turns that take time', () => answers > 45);
      await served();
    });
  }

  test('forty are answered at once, further ones twenty a second', async () => {
    const startedMs = performance.now();
    for (let times = 0; times < places; times += 1) {
      const socket = await attacker(request);
      socket.on('data', () => socket.write(request));
    }
    await poll('more than are answered at once', () => answers >= 48);
    const more = answers - 40;
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs > more * 50 - 100, `${answers} answers in ${tookMs} ms`);
  });

  test('who waits for a first answer keeps its place, but for another address', async () => {
    server.close();
    const clock = new TestClock();
    const timers = new TestTimers(clock);
    const pace = new Pace(clock, 20, 1, timers.schedule);
    await serve(pace);
    // Takes the one turn that there is without time passing.
    await served();
    const said: string[] = [];
    for (let times = 1; times <= places; times += 1) {
      const socket = await attacker(request);
      socket.setEncoding('latin1').on('data', (piece: string) => said.push(piece));
      await poll('its request', () => pace.waiting === times);
    }

    const late = await attacker('');
    const [refusal] = (await once(late.setEncoding('latin1'), 'data')) as [string];
    assert.match(refusal, /^HTTP\/1\.1 503 .*\r\nRetry-After: 1\r\n/su);
    const other = await attacker(request, '127.0.0.2');
    const answer = once(other.setEncoding('latin1'), 'data');
    await poll('the last of the crowd to be gone', () => open.size === places);
    await poll('its request', () => pace.waiting === places);

    assert.deepEqual(said, []);
    // A turn for each place, and nobody waits any more.
    timers.advance((places * 1000) / 20);
    assert.match(((await answer) as [string])[0], /^HTTP\/1\.1 200 /u);
    assert.equal(answers, 1 + places);
  });
});
