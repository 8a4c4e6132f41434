/** tktkey and tktring with keys that come later, on a real socket. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readScopedKeys } from '../../src/tickets/scoped-key.ts';
import type { KeySource, SourceKey } from '../../src/tickets/key-source.ts';
import {
  announcement,
  list,
  RawClient,
  startService,
  type TestService,
} from '../socket/harness.ts';
import { randomKey } from './test-fleet.ts';

const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0);

/** Answers when a test says so. What it hands over is remembered, to see that it is overwritten. */
class LateKeys implements KeySource {
  state: KeySource['state'] = 'serving';
  readonly key = randomKey();
  readonly handedOver: Buffer[] = [];
  #waiting: { pass: () => void; fail: (reason: Error) => void }[] = [];

  async current(): Promise<Buffer> {
    await this.#wait();
    return this.#own();
  }

  async named(names: Buffer, start: number): Promise<Buffer | undefined> {
    const name = Buffer.from(names.subarray(start, start + 16));
    await this.#wait();
    return name.equals(this.key.subarray(0, 16)) ? this.#own() : undefined;
  }

  async keys(): Promise<SourceKey[]> {
    await this.#wait();
    const times = { sealFromSeconds: 1, sealUntilSeconds: 2, openUntilSeconds: 3 };
    return [
      { bytes: this.#own(), ...times },
      { bytes: this.#own(), ...times },
    ];
  }

  describe(): [] {
    return [];
  }

  changeLifetime(): void {}

  wipe(): void {}

  get waiting(): number {
    return this.#waiting.length;
  }

  answer(): void {
    this.#waiting.splice(0).forEach(({ pass }) => pass());
  }

  fail(): void {
    this.#waiting.splice(0).forEach(({ fail }) => fail(new Error('no keys any more')));
  }

  async untilAsked(times = 1): Promise<void> {
    while (this.#waiting.length < times) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  #own(): Buffer {
    const copy = Buffer.from(this.key);
    this.handedOver.push(copy);
    return copy;
  }

  #wait(): Promise<void> {
    return new Promise((pass, fail) => {
      this.#waiting.push({ pass, fail });
    });
  }
}

const askFor = (name: Buffer): string =>
  list('request', 'tktkey', 'keyname', name.toString('base64'));
const noName = Buffer.alloc(0);
const key = (code: number, bytes: Buffer): string =>
  list('status', String(code), 'keybuf', bytes.toString('base64'));
const notFound = 4_294_967_295;

for (const publicInterfacesOnly of [false, true]) {
  describe(`keys that come later (${publicInterfacesOnly ? 'sockets' : 'handles'})`, () => {
    const keys = new LateKeys();
    let service: TestService;
    before(async () => {
      service = await startService({ publicInterfacesOnly, keys });
    });
    after(() => service.stop());

    /** A client that has been greeted. */
    const connected = async (): Promise<RawClient> => {
      const client = new RawClient(service.path);
      await client.lists(1);
      return client;
    };
    const repliesTo = async (client: RawClient, count: number): Promise<string> =>
      (await client.lists(1 + count)).slice(announcement.length);

    test('tktkey answers with the key, and overwrites it', async () => {
      const client = await connected();
      client.send(askFor(noName));
      await keys.untilAsked();
      assert.equal(client.text(), announcement);
      keys.answer();
      assert.equal(await repliesTo(client, 1), key(0, keys.key));
      client.socket.destroy();
      assert.ok(keys.handedOver.length > 0 && keys.handedOver.every(isZero));
    });

    test('tktkey answers to each of several names, in their order', async () => {
      const client = await connected();
      const names = [randomKey(), keys.key, randomKey()].map((one) =>
        Buffer.from(one.subarray(0, 16)),
      );
      client.send(names.map(askFor).join(''));
      for (let count = 0; count < names.length; count += 1) {
        await keys.untilAsked();
        keys.answer();
        await client.lists(2 + count);
      }
      assert.equal(
        await repliesTo(client, 3),
        key(notFound, names[0]!) + key(0, keys.key) + key(notFound, names[2]!),
      );
      client.socket.destroy();
    });

    test('other clients are served meanwhile', async () => {
      const [waiting, other] = await Promise.all([connected(), connected()]);
      waiting.send(askFor(noName));
      await keys.untilAsked();
      other.send(list('request', 'policy', 'cache_type', 'smtpd'));
      await other.lists(2);
      assert.equal(waiting.text(), announcement);
      keys.answer();
      await waiting.lists(2);
      waiting.socket.destroy();
      other.socket.destroy();
    });

    test('tktring answers with keys of the scope, and overwrites those that they come from', async () => {
      const client = await connected();
      client.send(list('request', 'tktring', 'scope', 'web'));
      await keys.untilAsked();
      client.send(list('request', 'tktring', 'scope', 'another'));
      keys.answer();
      await client.lists(2);
      await keys.untilAsked();
      keys.answer();
      const replies = await repliesTo(client, 2);
      const [ring, other] = replies
        .split('\0\0')
        .slice(0, 2)
        .map((reply) => readScopedKeys(Buffer.from(reply.split('\0')[3]!, 'base64'))!);
      assert.equal(ring?.length, 2);
      assert.deepEqual(ring[0]!.name, keys.key.subarray(0, 16));
      assert.equal(ring[0]!.openUntilSeconds, 3);
      assert.notDeepEqual(ring[0]!.aes, other![0]!.aes);
      assert.ok(keys.handedOver.every(isZero));
      client.socket.destroy();
    });

    test('that fail are a refusal, and the next request is served', async () => {
      const client = await connected();
      client.send(askFor(noName));
      await keys.untilAsked();
      keys.fail();
      await client.lists(2);
      client.send(askFor(noName));
      await keys.untilAsked();
      keys.answer();
      assert.equal(await repliesTo(client, 2), key(notFound, noName) + key(0, keys.key));
      assert.deepEqual(service.warnings.slice(-1), ['"tktkey" request failed: no keys any more']);
      client.socket.destroy();
    });
  });
}
