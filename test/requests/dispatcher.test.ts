import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Decoder } from '../../src/protocol/decoder.ts';
import { Encoder } from '../../src/protocol/encoder.ts';
import { Dispatcher } from '../../src/requests/dispatcher.ts';
import { RequestCounts } from '../../src/requests/request-counts.ts';
import {
  type RequestType,
  type WriteReply,
  writeRefusal,
} from '../../src/requests/request-type.ts';
import { longestIdBytes } from '../../src/sessions/session-cache.ts';
import { list } from '../socket/harness.ts';

const echo: RequestType = {
  name: 'update',
  attributes: [
    { name: 'cache_type', kind: 'string' },
    { name: 'cache_id', kind: 'string' },
    { name: 'session', kind: 'data' },
  ],
  reply: [],
  handle(_args, reply) {
    reply.status(0);
    reply.end();
    return 0;
  },
};

function setUp(types: RequestType[] = [echo], lateAnswerMs?: number) {
  const lines: string[] = [];
  const counts = new RequestCounts(types.map(({ name }) => name));
  const dispatcher = new Dispatcher({
    types,
    ...(lateAnswerMs === undefined ? {} : { lateAnswerMs }),
    serviceName: 'tlsmgr',
    warn: (_kind, text) => void lines.push(text()),
    counts,
    stirTime: () => {},
    trace: (name, detail, code) => void lines.push(`${name} ${detail}: ${code}`),
    traceAttribute: (name, bytes) => void lines.push(`${name} [${bytes} bytes]`),
  });
  const textOf = (reply: Encoder): string => reply.buffer.toString('latin1', 0, reply.length);
  const answer = (text: string, reply: Encoder): Promise<WriteReply> | undefined => {
    const decoder = new Decoder(1_000_000);
    decoder.push(Buffer.from(text, 'latin1'));
    assert.equal(decoder.next(), 'list');
    return dispatcher.answer(decoder, reply);
  };
  const ask = (text: string): string => {
    const reply = new Encoder();
    assert.equal(answer(text, reply), undefined);
    return textOf(reply);
  };
  const askLater = async (text: string): Promise<string> => {
    const reply = new Encoder();
    const later = answer(text, reply);
    assert.ok(later !== undefined);
    (await later)(reply);
    return textOf(reply);
  };
  return { lines, counts, ask, askLater };
}

describe('dispatcher', () => {
  test('tells of a request by cache, id and lengths, and never of its data', () => {
    const { lines, ask } = setUp();
    const secret = Buffer.from('the session').toString('base64');
    ask(list('request', 'update', 'cache_type', 'smtp', 'cache_id', 'an id', 'session', secret));
    assert.deepEqual(lines, [
      'request [6 bytes]',
      'cache_type [4 bytes]',
      'cache_id [5 bytes]',
      'session [16 bytes]',
      'update smtp an id: 0',
    ]);
  });

  test('a warning about data does not quote it', () => {
    const { lines, ask } = setUp();
    ask(list('request', 'update', 'cache_type', 'a', 'cache_id', 'b', 'session', '!secret!'));
    assert.doesNotMatch(lines.join('\n'), /secret/u);
    assert.ok(
      lines.includes(
        'malformed base64 data from tlsmgr socket while reading input attribute value',
      ),
    );
  });

  test('a name in a warning is cut to 100 bytes', () => {
    const { lines, ask } = setUp();
    ask(list('x'.repeat(5000), ''));
    assert.equal(
      lines.at(-1),
      `unexpected attribute ${'x'.repeat(100)} from tlsmgr socket (expecting: request)`,
    );
  });

  test('counts requests by name and status', () => {
    const { counts, ask } = setUp();
    ask(list('request', 'update', 'cache_type', 'a', 'cache_id', 'b', 'session', ''));
    ask(list('request', 'update'));
    ask(list('request', 'unknown'));
    assert.deepEqual(counts.byName(), { update: { ok: 1, error: 0, fail: 1 } });
    assert.equal(counts.total, 2);
  });

  test('an id beyond every length is refused, named and not quoted', () => {
    const { lines, ask } = setUp();
    const update = (id: string): string =>
      ask(list('request', 'update', 'cache_type', 'smtp', 'cache_id', id, 'session', ''));
    assert.equal(update('i'.repeat(longestIdBytes)), list('status', '0'));
    lines.length = 0;
    assert.equal(update('i'.repeat(longestIdBytes + 1)), list('status', '4294967294'));
    assert.deepEqual(
      lines.filter((line) => !line.endsWith(' bytes]')),
      ['attribute cache_id of 65537 bytes from tlsmgr socket is longer than 65536', 'update : -2'],
    );
  });

  test('the trace of a refused request names no id of an earlier one', () => {
    const { lines, ask } = setUp();
    ask(list('request', 'update', 'cache_type', 'smtp', 'cache_id', 'earlier', 'session', ''));
    ask(list('request', 'update', 'cache_type', 'smtp'));
    assert.equal(lines.at(-1), 'update : -2');
  });

  test('many attributes, and data more than once, arrive as they were sent', () => {
    const seen: string[] = [];
    const many: RequestType = {
      name: 'many',
      attributes: [
        { name: 'a', kind: 'data' },
        { name: 'b', kind: 'string' },
        { name: 'c', kind: 'data' },
        { name: 'd', kind: 'number' },
        { name: 'e', kind: 'data' },
        { name: 'f', kind: 'string' },
      ],
      reply: [],
      handle({ spans, numbers }, reply) {
        for (const place of [0, 1, 2, 4, 5]) {
          const { buffer, start, end } = spans[place]!;
          seen.push(buffer.toString('latin1', start, end));
        }
        seen.push(String(numbers[3]));
        return writeRefusal(many, 0, reply);
      },
    };
    const { ask } = setUp([many, echo]);
    const data = (text: string): string => Buffer.from(text).toString('base64');
    const request = ['a', data('one'), 'b', 'B', 'c', data('two'), 'd', '7', 'e', data('three')];
    assert.equal(ask(list('request', 'many', ...request, 'f', 'F')), list('status', '0'));
    assert.deepEqual(seen, ['one', 'B', 'two', 'three', 'F', '7']);
  });

  test('a type of more attributes than are kept of a list is no type', () => {
    const attributes = Array.from({ length: 16 }, () => ({ name: 'a', kind: 'string' as const }));
    assert.throws(() => setUp([{ ...echo, attributes }]), RangeError);
  });
});

describe('an answer that comes later', () => {
  /** Answers when told so. */
  function setUpLate(lateAnswerMs?: number) {
    const settle: {
      resolve: (write: WriteReply) => void;
      reject: (reason: Error) => void;
    }[] = [];
    const late: RequestType = {
      name: 'late',
      attributes: [{ name: 'cache_id', kind: 'string' }],
      reply: [{ name: 'session', kind: 'data' }],
      handle: () =>
        new Promise((resolve, reject) => {
          settle.push({ resolve, reject });
        }),
    };
    const done: WriteReply = (reply) => writeRefusal(late, 0, reply);
    const request = (id: string): string => list('request', 'late', 'cache_id', id);
    return { settle, done, request, ...setUp([late, echo], lateAnswerMs) };
  }
  const failed = list('status', '4294967295', 'session', '');

  test('is traced with its own id', async () => {
    const { settle, done, request, askLater, lines } = setUpLate();
    const [one, two] = [askLater(request('one')), askLater(request('two'))];
    settle[1]!.resolve(done);
    await two;
    settle[0]!.resolve(done);
    await one;
    assert.deepEqual(
      lines.filter((line) => line.startsWith('late')),
      ['late two: 0', 'late one: 0'],
    );
  });

  test('is -1 when it takes too long, and what comes then is dropped', async () => {
    const { settle, done, request, askLater, lines, counts } = setUpLate(1);
    assert.equal(await askLater(request('one')), failed);
    assert.ok(lines.includes('"late" request failed: no answer within 1 ms'));
    settle[0]!.resolve(done);
    assert.equal(await askLater(request('two')), failed);
    settle[1]!.reject(new Error('too late for anybody'));
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    assert.equal(counts.total, 2);
  });

  test('is waited for 5 s', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { request, askLater, lines } = setUpLate();
    const answer = askLater(request('one'));
    t.mock.timers.tick(4999);
    const failure = '"late" request failed: no answer within 5000 ms';
    assert.ok(!lines.includes(failure));
    t.mock.timers.tick(1);
    assert.equal(await answer, failed);
    assert.ok(lines.includes(failure));
  });

  test('is -1 when it fails, or can not be written', async () => {
    const { settle, request, askLater, lines } = setUpLate();
    const one = askLater(request('one'));
    settle[0]!.reject(new Error('injected'));
    assert.equal(await one, failed);
    assert.ok(lines.includes('"late" request failed: injected'));
    const two = askLater(request('two'));
    settle[1]!.resolve((reply) => {
      reply.status(0);
      throw new Error('half written');
    });
    assert.equal(await two, failed);
  });
});
