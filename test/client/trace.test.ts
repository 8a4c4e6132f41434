/** What the tracing channel `tlsmgr.request` tells, and what it keeps to itself. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { TlsmgrClient } from '../../src/client/client.ts';
import type { RequestMessage } from '../../src/client/trace.ts';
import { patientClient } from '../patient-client.ts';
import { startService, type TestService } from '../socket/harness.ts';

const requests = tracingChannel<unknown, RequestMessage>('tlsmgr.request');

describe('the tracing channel tlsmgr.request', () => {
  let running: TestService;
  let client: TlsmgrClient;
  const told: string[] = [];
  const seen: unknown[] = [];

  /** Made anew for each event: `asyncStart lookup smtp done`. */
  const note = (event: string) => (message: unknown) => {
    const { request, cache, outcome } = message as RequestMessage;
    told.push([event, request, cache, outcome].filter(Boolean).join(' '));
    seen.push(message);
  };
  const subscribers = {
    start: note('start'),
    end: note('end'),
    asyncStart: note('asyncStart'),
    asyncEnd: note('asyncEnd'),
    error: note('error'),
  };

  before(async () => {
    running = await startService({ publicInterfacesOnly: false });
    client = patientClient(running.path);
  });

  after(async () => {
    await client.close();
    running.stop();
  });

  /** What is told meanwhile, but for `start` and `end`. */
  async function during(calls: () => Promise<unknown>): Promise<string[]> {
    told.length = 0;
    requests.subscribe(subscribers);
    try {
      await calls();
    } finally {
      requests.unsubscribe(subscribers);
    }
    return told.filter((line) => !/^(?:start|end) /u.test(line));
  }

  test('tells of a call from its beginning to its end', async () => {
    await during(() => client.lookup('smtp', 'somewhere'));
    assert.deepEqual(told, [
      'start lookup smtp',
      'end lookup smtp',
      'asyncStart lookup smtp nothing',
      'asyncEnd lookup smtp nothing',
    ]);
  });

  test('tells how each call has ended', async () => {
    const ends = await during(async () => {
      await client.update('smtp', 'somewhere', Buffer.from('a session'));
      await client.lookup('smtp', 'somewhere');
      await client.ticketKey(Buffer.alloc(16, 1));
      await client.seed(8);
      await assert.rejects(client.flush('lmtp'), { code: 'REFUSED' });
    });
    assert.deepEqual(
      ends.filter((line) => line.startsWith('asyncStart ')).map((line) => line.slice(11)),
      ['update smtp done', 'lookup smtp done', 'tktkey nothing', 'seed done', 'flush lmtp REFUSED'],
    );
    assert.ok(ends.includes('error flush lmtp REFUSED'));
  });

  test('tells of a server that is away, where the caller has a miss', async () => {
    const away = new TlsmgrClient({ socketPath: `${running.path}.away` });
    const ends = await during(async () => assert.equal(await away.lookup('smtp', 'x'), undefined));
    assert.ok(ends.includes('error lookup smtp UNAVAILABLE'), ends.join());
    await away.close();
  });

  test('tells of a caller that does not wait', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    const ends = await during(() => assert.rejects(client.seed(8, { signal }), /enough/u));
    assert.ok(ends.includes('error seed aborted'), ends.join());
  });

  test('has neither ids nor sessions', async () => {
    seen.length = 0;
    const session = Buffer.from('the session itself');
    await during(async () => {
      await client.update('smtp', 'the-id-itself', session);
      assert.deepEqual(await client.lookup('smtp', 'the-id-itself'), session);
      await client.ticketRing('the-scope-itself');
    });
    assert.equal(seen.length, 12);
    const text = inspect(seen, { depth: Infinity, showHidden: true });
    assert.doesNotMatch(text, /itself|Buffer|Uint8Array/u);
  });

  test('runs the call in the context that a subscriber binds', async () => {
    const span = new AsyncLocalStorage<string>();
    requests.start.bindStore(span, ({ request }) => `span of ${request}`);
    const inside: (string | undefined)[] = [];
    const asking = { ...subscribers, end: () => void inside.push(span.getStore()) };
    requests.subscribe(asking);
    await client.seed(1);
    requests.unsubscribe(asking);
    requests.start.unbindStore(span);
    assert.deepEqual(inside, ['span of seed']);
  });
});
