import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { RequestType } from '../../src/requests/request-type.ts';
import { writeRefusal } from '../../src/requests/request-type.ts';
import { RawClient, announcement, list, startService, type TestService } from './harness.ts';

const refusal = list('status', '4294967294');
const seedReply = list('status', '0', 'seed', Buffer.from('SSSS').toString('base64'));
const seedRequest = list('request', 'seed', 'size', '4');

const throwing: RequestType = {
  name: 'throwing',
  attributes: [],
  reply: [{ name: 'data', kind: 'data' }],
  handle() {
    throw new Error('injected');
  },
};

const waiting: { release: () => void; type: RequestType } = {
  release: () => {},
  type: {
    name: 'waiting',
    attributes: [{ name: 'text', kind: 'string' }],
    reply: [],
    handle({ spans }) {
      const { buffer, start, end } = spans[0]!;
      const length = Buffer.from(buffer.subarray(start, end)).length;
      return new Promise((resolve) => {
        waiting.release = () => resolve((reply) => writeRefusal(waiting.type, length, reply));
      });
    },
  },
};

for (const publicInterfacesOnly of [false, true]) {
  describe(`connection over ${publicInterfacesOnly ? 'net.Socket' : 'the handle'}`, () => {
    let running: TestService;
    const clients: RawClient[] = [];

    const connectClient = (service = running): RawClient => {
      const client = new RawClient(service.path);
      clients.push(client);
      return client;
    };

    const answerTo = async (text: string, replies: number): Promise<string> => {
      const client = connectClient();
      client.send(text);
      const all = await client.lists(1 + replies);
      assert.ok(all.startsWith(announcement));
      client.socket.destroy();
      return all.slice(announcement.length);
    };

    before(async () => {
      running = await startService({
        publicInterfacesOnly,
        extraTypes: [throwing, waiting.type],
      });
    });

    after(() => {
      for (const client of clients) {
        client.socket.destroy();
      }
      running.stop();
    });

    test('speaks first, and answers', async () => {
      const client = connectClient();
      assert.equal(await client.lists(1), announcement);
      client.send(seedRequest);
      assert.equal(await client.lists(2), announcement + seedReply);
    });

    test('says nothing first when told so', async () => {
      const quiet = await startService({ publicInterfacesOnly, announce: false });
      const client = connectClient(quiet);
      client.send(seedRequest);
      assert.equal(await client.lists(1), seedReply);
      client.socket.destroy();
      quiet.stop();
    });

    test('answers pipelined requests in their order', async () => {
      const requests = [
        list('request', 'update', 'cache_type', 'smtpd', 'cache_id', 'p', 'session', 'QUJD'),
        list('request', 'lookup', 'cache_type', 'smtpd', 'cache_id', 'p'),
        list('request', 'nonsense'),
        list('request', 'delete', 'cache_type', 'smtpd', 'cache_id', 'p'),
        list('request', 'lookup', 'cache_type', 'smtpd', 'cache_id', 'p'),
      ];
      assert.equal(
        await answerTo(requests.join(''), 5),
        [
          list('status', '0'),
          list('status', '0', 'session', 'QUJD'),
          refusal,
          list('status', '0'),
          list('status', '4294967295', 'session', ''),
        ].join(''),
      );
    });

    test('answers requests that arrive in any pieces', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.nat({ max: 600 }), { maxLength: 6 }),
          fc.uint8Array({ minLength: 1, maxLength: 300 }),
          async (cuts, bytes) => {
            const session = Buffer.from(bytes).toString('base64');
            const text = [
              list('request', 'update', 'cache_type', 'smtp', 'cache_id', 'q', 'session', session),
              list('request', 'lookup', 'cache_type', 'smtp', 'cache_id', 'q'),
            ].join('');
            const client = connectClient();
            let from = 0;
            for (const at of [...cuts.toSorted((a, b) => a - b), text.length]) {
              client.send(text.slice(from, at));
              from = Math.max(from, at);
              await new Promise((resolve) => {
                setImmediate(resolve);
              });
            }
            const expected =
              announcement + list('status', '0') + list('status', '0', 'session', session);
            assert.equal(await client.bytes(expected.length), expected);
            client.socket.destroy();
          },
        ),
        { numRuns: 60 },
      );
    });

    test('answers byte by byte', async () => {
      const client = connectClient();
      for (const letter of seedRequest + seedRequest) {
        client.send(letter);
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
      assert.equal(await client.lists(3), announcement + seedReply + seedReply);
    });

    test('carries a session of 60 kB', async () => {
      const session = Buffer.alloc(60_000, 'x').toString('base64');
      const text = [
        list('request', 'update', 'cache_type', 'smtp', 'cache_id', 'big', 'session', session),
        list('request', 'lookup', 'cache_type', 'smtp', 'cache_id', 'big'),
      ].join('');
      assert.equal(
        await answerTo(text, 2),
        list('status', '0') + list('status', '0', 'session', session),
      );
    });

    test('a half-sent request holds up nobody else', async () => {
      const slow = connectClient();
      slow.send('request\0se');
      await slow.lists(1);
      assert.equal(await answerTo(seedRequest, 1), seedReply);
      slow.send('ed\0size\x004\0\0');
      assert.equal(await slow.lists(2), announcement + seedReply);
    });

    test('a client that reads nothing is not read from, and others are served', async () => {
      const big = Buffer.alloc(60_000, 'x').toString('base64');
      await answerTo(
        list('request', 'update', 'cache_type', 'smtp', 'cache_id', 'huge', 'session', big),
        1,
      );
      const rude = connectClient();
      await rude.lists(1);
      rude.socket.pause();
      const lookup = list('request', 'lookup', 'cache_type', 'smtp', 'cache_id', 'huge');
      const earlier = running.counts.total;
      rude.send(lookup.repeat(300));
      for (let turn = 0; turn < 20; turn += 1) {
        assert.equal(await answerTo(seedRequest, 1), seedReply);
      }
      assert.ok(running.counts.total - earlier < 150, 'all of its requests were answered');
      rude.socket.resume();
      const reply = list('status', '0', 'session', big);
      const all = await rude.bytes(announcement.length + reply.length * 300);
      assert.equal(all.length, announcement.length + reply.length * 300);
      assert.ok(all.endsWith(reply));
    });

    test("master's wake-up closes the connection, in one piece or two, at any time", async () => {
      const one = connectClient();
      one.send('W\0');
      assert.equal(await one.end(), announcement);
      const two = connectClient();
      two.send('W');
      await two.lists(1);
      two.send('\0');
      assert.equal(await two.end(), announcement);
      const later = connectClient();
      later.send(seedRequest);
      await later.lists(2);
      later.send('W\0');
      assert.equal(await later.end(), announcement + seedReply);
    });

    test('what is no request gets -2 alone, and the connection stays in step', async () => {
      for (const text of [
        '\0',
        'X\0',
        list('foo', 'bar'),
        list('request', 'SEED', 'size', '4'),
        list('request', ''),
        list('{', ''),
        list('status', '0'),
      ]) {
        assert.equal(await answerTo(text, 1), refusal, JSON.stringify(text));
        const client = connectClient();
        client.send(text);
        await client.lists(2);
        client.send(seedRequest);
        assert.equal(await client.lists(3), announcement + refusal + seedReply);
      }
    });

    test('a request that is wrong gets -2 and all of its attributes, empty', async () => {
      const table: [string, string][] = [
        [list('request', 'seed'), list('status', '4294967294', 'seed', '')],
        [list('request', 'seed', 'size', 'x'), list('status', '4294967294', 'seed', '')],
        [list('request', 'seed', 'size', '0'), list('status', '4294967294', 'seed', '')],
        [list('request', 'seed', 'length', '4'), list('status', '4294967294', 'seed', '')],
        [
          list('request', 'policy', 'cache_type', 'SMTPD'),
          list('status', '4294967294', 'cachable', '0', 'timeout', '0'),
        ],
        [
          list('request', 'update', 'cache_type', 'smtpd', 'cache_id', 'i', 'session', 'Q'),
          refusal,
        ],
        [list('request', 'lookup', 'cache_id', 'i', 'cache_type', 'smtpd'), refused('session')],
        [list('request', 'lookup', 'cache_type', 'lmtp', 'cache_id', 'i'), refused('session')],
        [list('request', 'tktkey', 'keyname', 'QUJD'), refused('keybuf')],
      ];
      for (const [text, expected] of table) {
        assert.equal(await answerTo(text, 1), expected, JSON.stringify(text));
      }
    });

    test('an attribute too many is ignored, with a warning', async () => {
      running.warnings.length = 0;
      const text = list('request', 'seed', 'size', '4', 'more', '1');
      assert.equal(await answerTo(text + seedRequest, 2), seedReply + seedReply);
      assert.deepEqual(running.warnings, [
        'unexpected attribute more from tlsmgr socket (expecting: (list terminator))',
      ]);
    });

    test('a handler that throws costs its client a -1', async () => {
      const text = list('request', 'throwing') + seedRequest;
      assert.equal(await answerTo(text, 2), list('status', '4294967295', 'data', '') + seedReply);
    });

    test('a reply that comes later keeps its place', async () => {
      const client = connectClient();
      client.send(seedRequest + list('request', 'waiting', 'text', '') + seedRequest);
      assert.equal(await client.lists(2), announcement + seedReply);
      assert.equal(await answerTo(seedRequest, 1), seedReply);
      waiting.release();
      assert.equal(
        await client.lists(4),
        announcement + seedReply + list('status', '0') + seedReply,
      );
    });

    test('a client that has closed its writing side still gets its reply', async () => {
      const client = connectClient();
      client.send(seedRequest);
      client.socket.end();
      assert.equal(await client.end(), announcement + seedReply);
    });

    test('an end within a request is said once, an end between requests is not', async () => {
      running.warnings.length = 0;
      for (const text of ['', seedRequest, 'request\0seed\0', 'request\0seed\0si', 'request\0']) {
        const client = connectClient();
        client.send(text);
        client.socket.end();
        await client.end();
      }
      assert.deepEqual(running.warnings, [
        'unexpected end-of-input from tlsmgr socket while reading input attribute name',
        'premature end-of-input on tlsmgr socket while reading input attribute value',
      ]);
    });

    test('a request above the size limit closes the connection, with a warning', async () => {
      const small = await startService({ publicInterfacesOnly, maxRequestBytes: 4096 });
      const client = connectClient(small);
      client.send(seedRequest + 'x'.repeat(5000));
      assert.equal(await client.end(), announcement + seedReply);
      assert.deepEqual(small.warnings, [
        'request from tlsmgr socket is longer than 4096 bytes (tlsmgr_request_size_limit): closed',
      ]);
      small.stop();
    });

    test('a half-sent request is given up at the time limit, an idle connection is not', async () => {
      const hasty = await startService({ publicInterfacesOnly, requestTimeSeconds: 0 });
      const idle = connectClient(hasty);
      idle.send(seedRequest);
      await idle.lists(2);
      const half = connectClient(hasty);
      half.send('request\0se');
      assert.equal(await half.end(), announcement);
      assert.match(
        hasty.warnings.join('\n'),
        /^unexpected end-of-input from tlsmgr socket .*tlsmgr_request_time_limit/u,
      );
      idle.send(seedRequest);
      assert.equal(await idle.lists(3), announcement + seedReply + seedReply);
      assert.equal(hasty.service.counts.timeLimitHits, 1);
      idle.socket.destroy();
      hasty.stop();
    });

    test('too many connections: idle ones make room, busy ones stay', async () => {
      const narrow = await startService({ publicInterfacesOnly, connectionLimit: 3 });
      const ask = async (client: RawClient, lists: number): Promise<void> => {
        client.send(seedRequest);
        await client.lists(lists);
      };
      const idle = connectClient(narrow);
      await ask(idle, 2);
      const busy = connectClient(narrow);
      await ask(busy, 2);
      const third = connectClient(narrow);
      await ask(third, 2);
      // The first newcomer finds all busy, and takes a place all the same.
      const fourth = connectClient(narrow);
      await ask(fourth, 2);
      const left = [idle, busy, third].filter((client) => !client.closed);
      await ask(left[0]!, 3);
      await ask(fourth, 3);
      await ask(connectClient(narrow), 2);
      assert.equal(left[1]!.closed || (await left[1]!.end()) !== '', true);
      assert.equal(left[0]!.closed, false);
      assert.equal(narrow.service.counts.open, 3);
      assert.equal(narrow.service.counts.connectionLimitHits, 2);
      assert.match(
        narrow.warnings[0]!,
        /^too many connections to tlsmgr socket: .*\b3 \(tlsmgr_connection_limit\)$/u,
      );
      narrow.stop();
    });

    test('who wakes us up and reads no reply keeps to the limit of connections', async () => {
      const limit = 5;
      const narrow = await startService({ publicInterfacesOnly, connectionLimit: limit });
      const deaf: RawClient[] = [];
      // With some of these the kernel's buffer is full just before the wake-up is read.
      const longSeed = list('request', 'seed', 'size', '200');
      for (let requests = 400; requests <= 1800; requests += 10) {
        const client = connectClient(narrow);
        deaf.push(client);
        await client.lists(1);
        client.socket.pause();
        client.send(`${longSeed.repeat(requests)}W\0`);
      }
      const polite = connectClient(narrow);
      polite.send(seedRequest);
      await polite.lists(2);
      assert.ok(narrow.service.counts.open <= limit);
      // A write to a connection that is closed fails; one that was only forgotten takes it.
      const isOpen = async (client: RawClient): Promise<boolean> => {
        const failed = await new Promise((resolve) => {
          client.socket.write('x', resolve);
          setTimeout(resolve, 200).unref();
        });
        return failed === null || failed === undefined;
      };
      const open = await Promise.all(deaf.map(isOpen));
      assert.ok(open.filter(Boolean).length <= limit, `${open.filter(Boolean).length} are open`);
      narrow.stop();
    });

    const byTurns = publicInterfacesOnly ? 'net.Socket reads as it likes' : false;
    test('a client that sends without end is read by turns', { skip: byTurns }, async () => {
      let answeredBefore = -1;
      const noted: RequestType = {
        name: 'probe',
        attributes: [],
        reply: [],
        handle(_args, reply) {
          answeredBefore = crowded.counts.total;
          return writeRefusal(noted, 0, reply);
        },
      };
      const crowded = await startService({ publicInterfacesOnly, extraTypes: [noted] });
      const flood = connectClient(crowded);
      const probe = connectClient(crowded);
      await flood.lists(1);
      await probe.lists(1);
      // Both wait in the kernel when the service's turn comes, the flood before the probe.
      const count = 4000;
      flood.send(seedRequest.repeat(count));
      probe.send(list('request', 'probe'));
      await probe.lists(2);
      assert.ok(
        answeredBefore < 1500,
        `${answeredBefore} requests of the flood came before the probe`,
      );
      await flood.lists(count + 1);
      crowded.stop();
    });

    test('takes note of the time of each request, and of session data', async () => {
      const { stirs, samples } = running.pool;
      await answerTo(
        seedRequest +
          list('request', 'update', 'cache_type', 'smtpd', 'cache_id', 'n', 'session', 'QUJD'),
        2,
      );
      assert.equal(running.pool.stirs, stirs + 2);
      assert.equal(running.pool.samples, samples + 1);
    });
  });
}

function refused(name: string): string {
  return list('status', '4294967294', name, '');
}
