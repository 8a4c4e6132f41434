/** Replies that no Redis gives: the guard goes on, and says nothing of what came. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { EngineError } from '../../src/fleet/engine/engine.ts';
import { RedisCommands } from '../../src/fleet/engine/redis-commands.ts';
import { openTestEngine } from './open-test-engine.ts';
import { until } from './redis-server.ts';

/** A server that greets as Redis does, and answers each other command as a test says. */
class Stranger {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  answer: Buffer | 'close' = Buffer.from('+OK\r\n');

  constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let text = '';
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      // The name of each command stands behind the length of its array.
      const commands = /\*\d+\r\n\$\d+\r\n([A-Z]+)\r\n(?:\$\d+\r\n[^\r]*\r\n)*(?=\*|$)/gu;
      for (const [, name] of text.matchAll(commands)) {
        this.#reply(socket, name!);
      }
      text = '';
    });
  }

  #reply(socket: Socket, name: string): void {
    const usual: Readonly<Record<string, string>> = {
      HELLO: '%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n',
      ROLE: '*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n',
      PING: '+PONG\r\n',
    };
    const reply = usual[name] ?? this.answer;
    if (reply === 'close') {
      socket.destroy();
    } else {
      socket.write(reply);
    }
  }
}

describe('a hostile engine', { concurrency: true }, () => {
  const replies: [what: string, reply: Buffer | 'close'][] = [
    ['a number', Buffer.from(':7\r\n')],
    ['a text without end', Buffer.from('$2000000000\r\nabc')],
    ['no RESP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['two replies', Buffer.from('$1\r\na\r\n$1\r\nb\r\n')],
    ['arrays in arrays', Buffer.from('*1\r\n'.repeat(100_000))],
    ['an array of a length that there is not', Buffer.from('*99999999999\r\n')],
    ['an error without words', Buffer.from('-\r\n')],
    ['an error of many lines', Buffer.from(`!${'a\nb '.length}\r\na\nb \r\n`)],
    ['a push', Buffer.from('>2\r\n+invalidate\r\n*0\r\n')],
    ['the end', 'close'],
  ];
  for (const [what, reply] of replies) {
    test(`that answers with ${what} is left, or answers wrongly`, async () => {
      const stranger = new Stranger();
      const address = await stranger.listen();
      stranger.answer = reply;
      const open = await openTestEngine({ servers: address, read_limit_ms: '200' });
      await open.up();
      const { engine } = open;
      const calls = [engine.get(['a']), engine.fields('h', 8), engine.info('memory')];
      const late = pause(400, 'late');
      for (const ended of await Promise.allSettled(
        calls.map((call) => Promise.race([call, late])),
      )) {
        assert.ok(ended.status === 'fulfilled' || ended.reason instanceof EngineError);
      }
      stranger.answer = Buffer.from('$1\r\na\r\n');
      await until(async () => {
        const found = await open.engine.get(['a']).catch(() => []);
        return found[0]?.toString() === 'a';
      });
      for (const line of open.log.take()) {
        assert.doesNotMatch(line, /[\r\n]/u);
        assert.ok(line.length < 300, line);
      }
      open.close();
      stranger.close();
    });
  }
});

describe('a reply of another type', () => {
  test('rejects each command with an Error that holds nothing of it', async () => {
    const reply = fc.anything({ withNullPrototype: true, withBigInt: true, withTypedArray: true });
    await fc.assert(
      fc.asyncProperty(reply, async (value) => {
        const commands = new RedisCommands(
          {
            send: () => Promise.resolve(value),
            sendToAll: () => Promise.resolve([value]),
          },
          'tlsmgr:',
        );
        const calls: (() => Promise<unknown>)[] = [
          () => commands.get('k'),
          () => commands.hscan('k', 10),
          () => commands.hsetnx('k', 'f', Buffer.alloc(0)),
          () => commands.time(),
          () => commands.info('memory'),
          () => commands.requireMasters(),
        ];
        for (const call of calls) {
          try {
            await call();
          } catch (thrown) {
            assert.ok(thrown instanceof Error);
            assert.match(thrown.message, /^a reply of an unexpected type$|^it is no master: /u);
          }
        }
      }),
    );
  });
});
