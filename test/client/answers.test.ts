/** Replies with values that no tlsmgr gives. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { TlsmgrClient } from '../../src/client/client.ts';
import { TlsmgrError } from '../../src/errors.ts';
import { type Asked, ScriptedServer } from './scripted-server.ts';

let says: (request: Asked) => void = () => {};
const server = await ScriptedServer.start({ asked: (request) => says(request) });
after(() => server.stop());

/** One client each, as a wrong reply ends the connection. */
async function askOnce<T>(
  reply: readonly string[],
  ask: (client: TlsmgrClient) => Promise<T>,
): Promise<T> {
  says = (request) => request.reply('status', '0', ...reply);
  const client = new TlsmgrClient({ socketPath: server.path, deadlineMs: 600_000 });
  try {
    return await ask(client);
  } finally {
    await client.close();
  }
}

async function listAll(client: TlsmgrClient): Promise<unknown[]> {
  const all = [];
  for await (const one of client.list('smtp')) {
    all.push(one);
  }
  return all;
}

const base64 = (bytes: number): string => Buffer.alloc(bytes, 'K').toString('base64');
const listing = (entries: unknown): string[] => ['entries', JSON.stringify(entries), 'cursor', ''];
const good = { id: 'QUJD', bytes: 5, stored: 1, expires: 2 };

const wrong: readonly [string, string[], (client: TlsmgrClient) => Promise<unknown>][] = [
  ['no seed at all', ['seed', ''], (client) => client.seed(32)],
  ['a short seed', ['seed', base64(31)], (client) => client.seed(32)],
  ['a long seed', ['seed', base64(33)], (client) => client.seed(32)],
  ['a short key', ['keybuf', base64(3)], (client) => client.ticketKey()],
  ['another key', ['keybuf', base64(88)], (client) => client.ticketKey(Buffer.alloc(16, 1))],
  ['half a key of a scope', ['keys', base64(44)], (client) => client.ticketRing('web')],
  ['fewer than no entries', ['entries', '-5'], (client) => client.flush('smtp')],
  [
    'a lifetime below 0',
    ['cachable', '1', 'timeout', '4294967295'],
    (client) => client.policy('smtp'),
  ],
  [
    'neither cachable nor not',
    ['cachable', '7', 'timeout', '0'],
    (client) => client.policy('smtp'),
  ],
  ['a report that is none', ['report', 'null'], (client) => client.stats()],
  ...[
    null,
    {},
    5,
    'text',
    [null],
    [1],
    [[]],
    [good, { ...good, id: 5 }],
    [{ ...good, id: '?' }],
    [{ ...good, bytes: '5' }],
    [{ ...good, bytes: -1 }],
    [{ ...good, stored: null }],
    [{ ...good, expires: 1.5 }],
    [{ id: 'QUJD' }],
  ].map((entries): (typeof wrong)[number] => [
    `a listing of ${JSON.stringify(entries)}`,
    listing(entries),
    listAll,
  ]),
];

describe('UNAVAILABLE, with a word of what is wrong:', () => {
  for (const [what, reply, ask] of wrong) {
    test(what, async () => {
      await assert.rejects(askOnce(reply, ask), (thrown) => {
        assert.ok(thrown instanceof TlsmgrError, String(thrown));
        assert.equal(thrown.code, 'UNAVAILABLE');
        assert.ok(thrown.message.startsWith(`${server.path}: a reply is malformed: `));
        return true;
      });
    });
  }

  test('a listing that goes on where it began', async () => {
    const asked = askOnce(['entries', '[]', 'cursor', 'again'], listAll);
    await assert.rejects(asked, { code: 'UNAVAILABLE' });
  });
});

test('any listing is read or UNAVAILABLE, nothing else', async () => {
  const entry = fc.oneof(
    fc.constant(good),
    fc.record(
      {
        id: fc.jsonValue(),
        bytes: fc.jsonValue(),
        stored: fc.jsonValue(),
        expires: fc.jsonValue(),
      },
      { requiredKeys: [] },
    ),
    fc.jsonValue(),
  );
  const entries = fc.oneof(fc.array(entry, { maxLength: 4 }), fc.jsonValue());
  await fc.assert(
    fc.asyncProperty(entries, async (said) => {
      let listed: unknown[] = [];
      try {
        listed = await askOnce(listing(said), listAll);
      } catch (thrown) {
        assert.ok(thrown instanceof TlsmgrError, String(thrown));
        assert.equal(thrown.code, 'UNAVAILABLE');
      }
      for (const { id, ...numbers } of listed as { id: unknown }[]) {
        assert.ok(Buffer.isBuffer(id));
        assert.ok(Object.values(numbers).every((value) => Number.isSafeInteger(value)));
      }
    }),
    { numRuns: 60 },
  );
});

test('any seed, key, count and policy is as it should be or UNAVAILABLE', async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.uint8Array({ minLength: 88, maxLength: 88 }),
  );
  const numbers = fc.oneof(
    fc.integer().map(String),
    fc.constantFrom('0', '1', '4294967295', '', '-', '99999999999999999999999'),
  );
  const name = Buffer.alloc(16);
  await fc.assert(
    fc.asyncProperty(bytes, numbers, numbers, async (data, one, other) => {
      const text = Buffer.from(data).toString('base64');
      for (const [reply, ask] of [
        [['seed', text], async (client) => (await client.seed(88)).length === 88],
        [['keybuf', text], async (client) => (await client.ticketKey())!.length === 88],
        [
          ['keybuf', text],
          async (client) => (await client.ticketKey(name))!.subarray(0, 16).equals(name),
        ],
        [['entries', one], async (client) => (await client.flush('smtp')) >= 0],
        [
          ['cachable', one, 'timeout', other],
          async (client) => (await client.policy('smtp')).timeoutSeconds >= 0,
        ],
      ] as const satisfies [string[], (client: TlsmgrClient) => Promise<boolean>][]) {
        try {
          assert.ok(await askOnce(reply, ask));
        } catch (thrown) {
          assert.ok(thrown instanceof TlsmgrError, String(thrown));
          assert.equal(thrown.code, 'UNAVAILABLE');
        }
      }
    }),
    { numRuns: 25 },
  );
});

test('the deadline of a listing is that of the whole, however many pages it has', async () => {
  const client = new TlsmgrClient({ socketPath: server.path });
  let pages = 0;
  says = ({ reply }) => {
    pages += 1;
    setTimeout(reply, 40, 'status', '0', 'entries', '[]', 'cursor', `page ${pages}`);
  };
  await client.identify({ deadlineMs: 600_000 });
  const asking = (async () => {
    for await (const _ of client.list('smtp', { deadlineMs: 300 })) {
      assert.fail('no page has an entry');
    }
  })();
  await assert.rejects(asking, {
    code: 'DEADLINE',
    message: `${server.path}: the listing took longer than 300 ms`,
  });
  assert.ok(pages > 1 && pages < 10, `${pages} pages`);
  await client.close();
});
