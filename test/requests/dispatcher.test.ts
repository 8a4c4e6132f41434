import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Decoder } from '../../src/protocol/decoder.ts';
import { Encoder } from '../../src/protocol/encoder.ts';
import { Dispatcher } from '../../src/requests/dispatcher.ts';
import { RequestCounts } from '../../src/requests/request-counts.ts';
import type { RequestType } from '../../src/requests/request-type.ts';
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

function setUp() {
  const lines: string[] = [];
  const counts = new RequestCounts(['update']);
  const dispatcher = new Dispatcher({
    types: [echo],
    serviceName: 'tlsmgr',
    warn: (_kind, text) => void lines.push(text()),
    counts,
    stirTime: () => {},
    trace: (name, detail, code) => void lines.push(`${name} ${detail}: ${code}`),
    traceAttribute: (name, bytes) => void lines.push(`${name} [${bytes} bytes]`),
  });
  const ask = (text: string): string => {
    const decoder = new Decoder(1_000_000);
    decoder.push(Buffer.from(text, 'latin1'));
    assert.equal(decoder.next(), 'list');
    const reply = new Encoder();
    assert.equal(dispatcher.answer(decoder, reply), undefined);
    return reply.buffer.toString('latin1', 0, reply.length);
  };
  return { lines, counts, ask };
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
});
