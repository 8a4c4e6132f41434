import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { AttributeClient, base64, list, request, valueOf } from '../postfix/attribute-client.ts';
import { StandInMaster } from '../postfix/stand-in-master.ts';
import {
  requireBuilt,
  skipWithoutPostfix,
  testsOurs,
  tlsmgrUnderTest,
} from '../postfix/under-test.ts';
import { masked } from './masked.ts';
import { type Exchange, script, scriptSettings } from './script.ts';

const skip = skipWithoutPostfix || (!testsOurs && 'more than the original can');

describe('what only ours does', { skip }, () => {
  let master: StandInMaster;

  before(async () => {
    requireBuilt();
    master = await StandInMaster.start({ daemon: tlsmgrUnderTest, mainCf: scriptSettings });
  });
  after(() => master?.cleanup());

  /** Writes the pieces one by one, closes for writing, gives all that comes back. */
  async function converse(pieces: readonly string[]): Promise<string> {
    const client = await AttributeClient.greeted(master.socketPath);
    try {
      await client.sendPieces(pieces);
      client.sendEnd();
      return masked(await client.readToEnd());
    } finally {
      client.close();
    }
  }

  /** Exchanges whose reply doesn't hang on what was asked before, and after which a list may follow. */
  const independent: Exchange[] = script.filter(
    ({ send, what }) =>
      send.endsWith('\0\0') && !/lookup|delete|update|and nothing|wake-up|MB|kB/u.test(what),
  );

  test('many requests in one write, all answered in order, bad ones among them', async () => {
    assert.ok(independent.length > 30);
    const sent = independent.map(({ send }) => send).join('');
    const expected = independent.map(({ reply }) => reply).join('');
    assert.equal(await converse([sent]), expected);
  });

  test('the whole script on one connection, each request waiting for the reply before it', async () => {
    const client = await AttributeClient.greeted(master.socketPath);
    for (const { what, send, reply } of script) {
      if (send.endsWith('\0\0') && reply !== '' && reply.indexOf('\0\0') === reply.length - 2) {
        assert.equal(masked(await client.ask(send)), reply, what);
      }
    }
    client.close();
  });

  test('byte by byte', async () => {
    const some = independent.filter((_, index) => index % 4 === 0);
    const sent = some.map(({ send }) => send).join('');
    assert.equal(await converse(sent.split('')), some.map(({ reply }) => reply).join(''));
  });

  test('requests cut at any places', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...independent), { minLength: 1, maxLength: 12 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
        async (exchanges, cuts) => {
          const sent = exchanges.map(({ send }) => send).join('');
          const places = cuts.map((cut) => Math.floor(cut * sent.length)).toSorted((a, b) => a - b);
          const ends = [...places, sent.length];
          const pieces = ends.map((end, index) => sent.slice(ends[index - 1] ?? 0, end));
          assert.equal(await converse(pieces), exchanges.map(({ reply }) => reply).join(''));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('any bytes as id and session, through one connection, pipelined', async () => {
    const id = fc
      .uint8Array({ min: 1, maxLength: 300 })
      .map((bytes) => Buffer.from(bytes).toString('latin1'));
    const data = fc.uint8Array({ maxLength: 5000 }).map((bytes) => base64(Buffer.from(bytes)));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(id, data), { selector: ([key]) => key, maxLength: 10 }),
        async (entries) => {
          const at = (key: string): string[] => ['cache_type', 'smtp', 'cache_id', key];
          const sent = [
            ...entries.map(([key, value]) => request('update', ...at(key), 'session', value)),
            ...entries.map(([key]) => request('lookup', ...at(key))),
            ...entries.map(([key]) => request('delete', ...at(key))),
          ];
          const expected = [
            ...entries.map(() => list('status', '0')),
            ...entries.map(([, value]) => list('status', '0', 'session', value)),
            ...entries.map(() => list('status', '0')),
          ];
          assert.equal(await converse([sent.join('')]), expected.join(''));
        },
      ),
      { numRuns: 40 },
    );
  });

  test('60 kB sessions, many at once, on several connections', async () => {
    await Promise.all(
      ['a', 'b', 'c', 'd'].map(async (name) => {
        const value = base64(name.repeat(60_000));
        const cache = ['cache_type', 'smtpd', 'cache_id', `large ${name}`];
        const sent = [
          request('update', ...cache, 'session', value),
          ...Array.from({ length: 20 }, () => request('lookup', ...cache)),
        ];
        const replies = await converse([sent.join('')]);
        const one = list('status', '0', 'session', value);
        assert.ok(replies === list('status', '0') + one.repeat(20), name);
      }),
    );
  });

  test('clients that stop in the middle of a request delay nobody', async () => {
    const sent = request('update', 'cache_type', 'smtpd', 'cache_id', 'stop', 'session', 'QUJD');
    const stopped = await Promise.all(
      Array.from({ length: sent.length - 1 }, async (_, index) => {
        const client = await AttributeClient.greeted(master.socketPath);
        client.send(sent.slice(0, index + 1));
        return client;
      }),
    );
    const policy = request('policy', 'cache_type', 'smtpd');
    assert.equal(valueOf(await converse([policy]), 'status'), '0');
    // And they are served when they go on after all.
    const replies = await Promise.all(
      stopped.map(async (client, index) => client.ask(sent.slice(index + 1))),
    );
    assert.deepEqual(new Set(replies), new Set([list('status', '0')]));
    for (const client of stopped) {
      client.close();
    }
  });

  test('a client that never reads its replies delays nobody', async () => {
    const deaf = await AttributeClient.greeted(master.socketPath);
    deaf.pause();
    const seed = request('seed', 'size', '255');
    deaf.send(seed.repeat(20_000));
    const policy = request('policy', 'cache_type', 'smtpd');
    for (let round = 0; round < 20; round += 1) {
      assert.equal(valueOf(await converse([policy]), 'status'), '0');
    }
    deaf.close();
  });

  test('a request without end is cut off, others are served', async () => {
    const client = await AttributeClient.greeted(master.socketPath);
    client.send(`request\0seed\0size\0${'9'.repeat(2 * 1024 * 1024)}`);
    assert.equal(await client.readToEnd(), '');
    assert.equal(
      valueOf(await converse([request('policy', 'cache_type', 'smtpd')]), 'status'),
      '0',
    );
  });
});
