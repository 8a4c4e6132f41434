import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Decoder } from '../../src/protocol/decoder.ts';
import { Encoder, encodedName } from '../../src/protocol/encoder.ts';

type List = [name: string, value: string][];

const limit = 1024 * 1024;

/** All lists that come of the chunks, as text. */
function decode(chunks: readonly Buffer[], maxListBytes = limit): (List | 'too-long')[] {
  const decoder = new Decoder(maxListBytes);
  const lists: (List | 'too-long')[] = [];
  // One buffer for all chunks, overwritten each time: what is only lent must have been copied.
  const lent = Buffer.alloc(Math.max(1, ...chunks.map((chunk) => chunk.length)));
  for (const chunk of chunks) {
    lent.fill(0xff);
    chunk.copy(lent);
    decoder.push(lent, chunk.length);
    for (let found = decoder.next(); found !== 'nothing'; found = decoder.next()) {
      if (found === 'too-long') {
        return [...lists, found];
      }
      lists.push(strings(decoder));
    }
    decoder.keepRest();
  }
  return lists;
}

function strings(decoder: Decoder): List {
  const list: List = [];
  for (let index = 0; index + 1 < Math.min(decoder.stringCount, 32); index += 2) {
    const [start, end, from, to] = decoder.bounds.slice(index * 2, index * 2 + 4);
    list.push([
      decoder.buffer.toString('latin1', start, end),
      decoder.buffer.toString('latin1', from, to),
    ]);
  }
  return list;
}

function encode(list: List): Buffer {
  return Buffer.from(`${list.map(([name, value]) => `${name}\0${value}\0`).join('')}\0`, 'latin1');
}

const word = (minLength: number) =>
  fc
    .uint8Array({ min: 1, max: 255, minLength, maxLength: 90 })
    .map((bytes) => Buffer.from(bytes).toString('latin1'));

const list = fc.array(fc.tuple(word(1), word(0)), { maxLength: 8 });

/** Cuts at places given as fractions. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = places.map((place) => Math.floor(place * bytes.length)).toSorted((a, b) => a - b);
  return [0, ...at].map((start, index) => bytes.subarray(start, at[index] ?? bytes.length));
}

describe('decoder', () => {
  test('gives back the lists that went in, however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(list, { maxLength: 6 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
        (lists, places) => {
          const bytes = Buffer.concat(lists.map(encode));
          assert.deepEqual(decode([bytes]), lists);
          assert.deepEqual(decode(cut(bytes, places)), lists);
        },
      ),
    );
  });

  test('gives the same byte by byte', () => {
    fc.assert(
      fc.property(fc.array(list, { maxLength: 4 }), (lists) => {
        const bytes = Buffer.concat(lists.map(encode));
        assert.deepEqual(decode([...bytes].map((byte) => Buffer.from([byte]))), lists);
      }),
      { numRuns: 50 },
    );
  });

  test('takes any bytes without fault and the same way in any pieces', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes.map((b) => b % 4))),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 }),
        (bytes, places) => {
          assert.deepEqual(decode(cut(bytes, places)), decode([bytes]));
        },
      ),
    );
  });

  test('carries a value of 60 kB in small pieces', () => {
    const long: List = [
      ['request', 'update'],
      ['session', 'A'.repeat(80_000)],
    ];
    const bytes = encode(long);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, index) =>
      bytes.subarray(index * 7, index * 7 + 7),
    );
    assert.deepEqual(decode(pieces), [long]);
  });

  test('refuses a list above the limit, finished or not', () => {
    assert.deepEqual(decode([Buffer.alloc(4097, 'a')], 4096), ['too-long']);
    assert.deepEqual(decode([encode([['a', 'b'.repeat(5000)]])], 4096), ['too-long']);
    assert.deepEqual(decode([encode([['a', 'b'.repeat(4092)]])], 4096).length, 1);
    assert.deepEqual(decode([encode([['a', 'b'.repeat(4093)]])], 4096), ['too-long']);
  });

  test('stays in step behind a list of many attributes', () => {
    const many: List = Array.from({ length: 100 }, (_, index) => [`n${index}`, 'v']);
    const lists = decode([Buffer.concat([encode(many), encode([['request', 'seed']])])]);
    assert.equal(lists.length, 2);
    assert.deepEqual(lists[1], [['request', 'seed']]);
  });

  test('takes no memory for an unfinished list beyond the limit', () => {
    const decoder = new Decoder(100_000);
    const piece = Buffer.alloc(16_384, 'x');
    for (let pieces = 0; pieces < 6; pieces += 1) {
      decoder.push(piece);
      assert.equal(decoder.next(), 'nothing');
      decoder.keepRest();
      assert.ok(decoder.heldBytes >= decoder.pendingBytes);
      assert.ok(decoder.heldBytes <= 100_001, `holds ${decoder.heldBytes} bytes`);
    }
    decoder.reset();
    assert.equal(decoder.heldBytes, 0);
  });

  test('wipes what it held of a list, and touches nothing beyond', () => {
    const decoder = new Decoder(limit);
    decoder.push(Buffer.alloc(5000, 'x'));
    decoder.next();
    decoder.keepRest();
    const store = decoder.buffer;
    store.fill('y', 5000);
    decoder.reset();
    assert.deepEqual(store.subarray(0, 5000), Buffer.alloc(5000));
    // Untouched, a page that was only reserved takes no memory.
    assert.deepEqual(store.subarray(5000), Buffer.alloc(store.length - 5000, 'y'));
  });

  test('knows how much of an unfinished list it holds, and where it breaks off', () => {
    const decoder = new Decoder(limit);
    decoder.push(Buffer.from('request\0see'));
    assert.equal(decoder.next(), 'nothing');
    assert.equal(decoder.pendingBytes, 11);
    assert.equal(decoder.breaksOffInWord, true);
    decoder.keepRest();
    decoder.push(Buffer.from('d\0'));
    assert.equal(decoder.next(), 'nothing');
    assert.equal(decoder.breaksOffInWord, false);
    assert.equal(decoder.text(1), 'seed');
    decoder.reset();
    assert.equal(decoder.pendingBytes, 0);
    decoder.push(Buffer.from('\0'));
    assert.equal(decoder.next(), 'list');
    assert.equal(decoder.stringCount, 0);
  });
});

describe('encoder', () => {
  test('writes numbers unsigned, and data that the decoder gives back', () => {
    const reply = new Encoder();
    reply.status(-1);
    reply.number(encodedName('timeout'), 3600);
    reply.data(encodedName('session'), Buffer.from('xABCx'), 1, 4);
    reply.data(encodedName('none'), Buffer.alloc(0), 0, 0);
    reply.end();
    assert.equal(
      reply.buffer.toString('latin1', 0, reply.length),
      'status\x004294967295\x00timeout\x003600\x00session\x00QUJD\x00none\x00\x00\x00',
    );
  });

  test('writes any number and any data as Node would', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.nat({ max: 2 ** 32 - 1 }), fc.constantFrom(0, 9, 10, 99, 1000, 2 ** 32 - 1)),
        fc.uint8Array({ maxLength: 140 }),
        (value, bytes) => {
          const reply = new Encoder();
          reply.number(encodedName('n'), value);
          reply.data(encodedName('d'), Buffer.from(bytes), 0, bytes.length);
          assert.equal(
            reply.buffer.toString('latin1', 0, reply.length),
            `n\0${value}\0d\0${Buffer.from(bytes).toString('base64')}\0`,
          );
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('grows, and starts anew when cleared', () => {
    const reply = new Encoder();
    const data = Buffer.alloc(400_000, 7);
    reply.data(encodedName('session'), data, 0, data.length);
    reply.end();
    assert.deepEqual(decode([Buffer.from(reply.buffer.subarray(0, reply.length))]), [
      [['session', data.toString('base64')]],
    ]);
    reply.clear();
    assert.equal(reply.length, 0);
    assert.ok(reply.buffer.length < 300_000);
  });
});
