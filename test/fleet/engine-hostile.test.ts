/** Replies that no Redis gives: the guard goes on, and says nothing of what came. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { faultTextWithout } from '../../src/fleet/engine/engine-fault.ts';
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

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `127.0.0.1:${this.port}`;
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

type Reply = string | number | readonly Reply[];

/** As RESP. */
function resp(reply: Reply): string {
  if (typeof reply === 'number') {
    return `:${reply}\r\n`;
  }
  return typeof reply === 'string'
    ? `$${reply.length}\r\n${reply}\r\n`
    : `*${reply.length}\r\n${reply.map((one) => resp(one)).join('')}`;
}

describe('a hostile node of a Cluster', { concurrency: true }, () => {
  const node = ['127.0.0.1', 6379, 'id'];
  const lists: [what: string, list: Reply][] = [
    ['a range without end', [[0, 20_000_000, node]]],
    ['a range that begins below 0', [[-1_000_000, 5, node]]],
    ['a range that ends before it begins', [[5, 4, node]]],
    ['half a slot', [[0, '1.5', node]]],
    [
      'the same slots twice',
      [
        [0, 16_383, node],
        [0, 16_383, node],
      ],
    ],
    ['a port that there is not', [[0, 16_383, ['127.0.0.1', 70_000, 'id']]]],
    ['a host of two lines', [[0, 16_383, ['a\nb', 6379, 'id']]]],
    [
      'a thousand masters and one',
      Array.from({ length: 1001 }, (_, n) => [n, n, ['h', n + 1, '']]),
    ],
    ['no ranges', [7]],
    ['no list', 'slots'],
  ];
  for (const [what, list] of lists) {
    test(`that has ${what} is left`, async () => {
      const stranger = new Stranger();
      const address = await stranger.listen();
      stranger.answer = Buffer.from(resp(list));
      const open = await openTestEngine({ servers: address, cluster: 'yes' });
      await until(() => open.engine.connection !== 'opening');
      assert.equal(open.engine.report().reason, 'an answer that is not understood');
      assert.deepEqual(open.log.take(), [
        `warning: fleet: engine ${address} is away (an answer that is not understood)`,
      ]);
      stranger.answer = Buffer.from(resp([[0, 16_383, ['127.0.0.1', stranger.port, 'id']]]));
      await open.up();
      open.close();
      stranger.close();
    });
  }
});

describe('a hostile Sentinel', { concurrency: true }, () => {
  const masters: [what: string, reply: Reply][] = [
    ['a port that there is not', ['127.0.0.1', '70000']],
    ['a host of two lines', ['a\nb', '6379']],
    ['a host of a megabyte', ['a'.repeat(1_000_000), '6379']],
    ['no address', []],
  ];
  for (const [what, reply] of masters) {
    test(`that names ${what} is left`, async () => {
      const stranger = new Stranger();
      const address = await stranger.listen();
      stranger.answer = Buffer.from(resp(reply));
      const open = await openTestEngine({ sentinels: address, sentinel_master: 'fleet' });
      await until(() => open.engine.connection !== 'opening');
      assert.deepEqual(open.log.take(), [
        `warning: fleet: engine ${address} is away (an answer that is not understood)`,
      ]);
      open.close();
      stranger.close();
    });
  }
});

describe('an answer that makes no sense', { concurrency: true }, () => {
  const times: [what: string, reply: Buffer][] = [
    ['beyond all years', Buffer.from('*2\r\n$16\r\n9007199254740991\r\n$1\r\n0\r\n')],
    ['before 1970', Buffer.from('*2\r\n$2\r\n-5\r\n$1\r\n0\r\n')],
    ['of no digits', Buffer.from('*2\r\n$3\r\nnow\r\n$1\r\n0\r\n')],
    ['that is nothing', Buffer.from('_\r\n')],
  ];
  for (const [what, reply] of times) {
    test(`a time ${what} is told once, in plain words`, async () => {
      const stranger = new Stranger();
      const address = await stranger.listen();
      stranger.answer = reply;
      const open = await openTestEngine({ servers: address });
      await open.up();
      for (let count = 0; count < 2; count += 1) {
        await assert.rejects(open.engine.timeMs(), {
          name: 'EngineError',
          message: 'an answer that is not understood',
        });
      }
      assert.deepEqual(open.log.take(), [
        `warning: fleet: engine ${address} fails at TIME: an answer that is not understood`,
      ]);
      stranger.answer = Buffer.from('*2\r\n$10\r\n1800000000\r\n$1\r\n0\r\n');
      assert.equal(await open.engine.timeMs(), 1_800_000_000_000);
      assert.deepEqual(open.log.take(), [`fleet: engine ${address} answers TIME again`]);
      open.close();
      stranger.close();
    });
  }

  test('that leads our code or the library astray is told without words about code', () => {
    const text = faultTextWithout([]);
    for (const thrown of [
      new TypeError("Cannot read properties of undefined (reading 'master')"),
      new RangeError('The value of "value" is out of range.'),
      new Error('Unknown RESP type 72 "H"'),
      new AggregateError([new TypeError('x is not iterable')]),
    ]) {
      assert.equal(text(thrown), 'an answer that is not understood');
    }
    assert.equal(text(new Error('is not in the list: ')), 'is not in the list');
  });
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
            assert.match(thrown.message, /^an answer that is not understood$|^it is no master: /u);
          }
        }
      }),
    );
  });
});
