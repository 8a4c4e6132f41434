/** What a program gives that can't be: a RangeError, nothing is sent, and nothing else happens. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { TlsmgrClient, type ClientOptions } from '../../src/client/client.ts';
import { type Asked, ScriptedServer } from './scripted-server.ts';

const forever = 600_000;
const asked: Asked[] = [];
const server = await ScriptedServer.start({
  asked(request) {
    asked.push(request);
    request.reply('status', '0', 'session', 'QUJD', 'keybuf', key);
  },
});
const key = Buffer.alloc(88, 'K').toString('base64');
const client = new TlsmgrClient({ socketPath: server.path, deadlineMs: forever });

after(async () => {
  await client.close();
  await server.stop();
});

/** For arguments that the types forbid. */
const any = (value: unknown): never => value as never;

const noPath = [undefined, null, '', 5, 'a\0b', '\ud800', Buffer.from('/x'), new URL('file:///x')];

const halves = fc.constantFrom('\ud800', 'a\udbffb', '\udc00\ud800');

/** Neither text nor bytes. */
const noBytes = fc.oneof(
  fc.constantFrom(undefined, null, true, 5n, [1, 2], {}, new Uint16Array(2), new ArrayBuffer(4)),
  fc.integer(),
);

const noSignal = fc.constantFrom(new AbortController(), {}, 'abort', true, 5, {
  aborted: false,
  addEventListener() {},
});

const noDeadline = fc.constantFrom('5', 0, -1, Number.NaN, Infinity, 2 ** 31, true, null);

type Wrong = fc.Arbitrary<() => Promise<unknown>>;

const wrongCalls: Readonly<Record<string, Wrong>> = {
  'a cache': fc
    .oneof(noBytes, halves, fc.constant('a\0b'), fc.constant(Buffer.from('smtp')))
    .map((cache) => () => client.lookup(any(cache), 'id')),
  'an id': fc
    .oneof(noBytes, halves, fc.constant('a\0b'), fc.constant(Uint8Array.of(1, 0)))
    .map((id) => () => client.delete('smtp', any(id))),
  'a session': fc
    .oneof(noBytes, fc.string())
    .map((session) => () => client.update('smtp', 'id', any(session))),
  'the name of a key': fc
    .oneof(noBytes, fc.constantFrom('0123456789abcdef', new Uint8Array(0), new Uint8Array(15)))
    .filter((name) => name !== undefined)
    .map((name) => () => client.ticketKey(any(name))),
  'a scope': fc
    .oneof(noBytes, halves, fc.constantFrom('', 'a\0', Buffer.from('web')))
    .map((scope) => () => client.ticketRing(any(scope))),
  'a number of bytes': fc
    .oneof(noBytes, fc.string())
    .filter((bytes) => !(Number.isInteger(bytes) && Number(bytes) > 0 && Number(bytes) < 256))
    .map((bytes) => () => client.seed(any(bytes))),
  'a signal': noSignal.map((signal) => () => client.seed(1, { signal: any(signal) })),
  'a deadline': noDeadline.map(
    (deadlineMs) => () => client.seed(1, { deadlineMs: any(deadlineMs) }),
  ),
  options: fc
    .constantFrom(5, 'x', true, () => {})
    .chain((options) =>
      fc.constantFrom(
        () => client.seed(1, any(options)),
        () => client.identify(any(options)),
        () => client.list('smtp', any(options)).next(),
      ),
    ),
};

describe('is a RangeError, and nothing is sent:', () => {
  for (const [what, calls] of Object.entries(wrongCalls)) {
    test(what, async () => {
      await fc.assert(
        fc.asyncProperty(calls, (call) => assert.rejects(call, RangeError)),
        {
          numRuns: 40,
        },
      );
      assert.equal(asked.length, 0);
    });
  }

  test('an option of the client', () => {
    const wrong: Partial<Record<keyof ClientOptions, unknown>>[] = [
      ...noPath.map((socketPath) => ({ socketPath })),
      ...['5', 0, -1, Number.NaN, null].map((deadlineMs) => ({ socketPath: 'x', deadlineMs })),
      ...['5', 0, 1.5, null].map((maxWaiting) => ({ socketPath: 'x', maxWaiting })),
      ...['no', 0, null].map((announcement) => ({ socketPath: 'x', announcement })),
    ];
    for (const options of wrong) {
      assert.throws(() => new TlsmgrClient(any(options)), RangeError, JSON.stringify(options));
    }
    assert.throws(() => new TlsmgrClient(any(undefined)), RangeError);
  });
});

test('a path of digits alone is a path, and no port', async () => {
  for (const socketPath of ['3999', '70000']) {
    const one = new TlsmgrClient({ socketPath, deadlineMs: forever });
    await assert.rejects(one.seed(1), {
      code: 'UNAVAILABLE',
      message: `${socketPath}: there is no such socket: does Postfix run (postfix start, or postfix -c DIR start), or tlsmgr serve?`,
    });
    assert.equal(one.state, 'down');
    await one.close();
  }
});

test('bytes are taken from a Uint8Array as from a Buffer', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ min: 1, maxLength: 40 }),
      fc.uint8Array({ maxLength: 40 }),
      async (id, session) => {
        asked.length = 0;
        await client.update('smtp', id, session);
        await client.update('smtp', Buffer.from(id), Buffer.from(session));
        assert.deepEqual(asked[0]!.words, asked[1]!.words);
        assert.equal(asked[0]!.words[5], Buffer.from(id).toString('latin1'));
        assert.equal(asked[0]!.words[7], Buffer.from(session).toString('base64'));
      },
    ),
    { numRuns: 30 },
  );
  assert.equal((await client.ticketKey(Buffer.alloc(16, 'K')))?.length, 88);
  assert.equal((await client.ticketKey(new Uint8Array(16).fill(0x4b)))?.length, 88);
});

test('null stands for no options and no signal', async () => {
  assert.equal((await client.lookup('smtp', 'id', any(null)))?.length, 3);
  assert.equal((await client.lookup('smtp', 'id', { signal: any(null) }))?.length, 3);
});
