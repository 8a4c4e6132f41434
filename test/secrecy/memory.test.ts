/**
 * What a process still has in its memory of secrets whose time is over: nothing,
 * neither in the heap that V8 shows nor anywhere else, neither as bytes nor as
 * base64. Nothing follows that could have been written over it.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TlsmgrClient } from '../../src/client/client.ts';
import { patientClient } from '../patient-client.ts';
import { AttributeClient, base64, request } from '../postfix/attribute-client.ts';
import { poll } from '../postfix/poll.ts';
import { ServiceProcess } from './service-process.ts';

/** Longer than what comes after it in each test. */
const longBytes = 9000;

const updateOf = (label: string, id: string, session: Buffer): string =>
  request('update', 'cache_type', label, 'cache_id', id, 'session', base64(session));
const lookupOf = (id: string): string => request('lookup', 'cache_type', 'smtpd', 'cache_id', id);
const deleteOf = (id: string): string => request('delete', 'cache_type', 'smtpd', 'cache_id', id);

for (const behind of ['memory', 'file', 'sealed file'] as const) {
  describe(`the memory of a process whose caches are kept in: ${behind}`, () => {
    let service: ServiceProcess;
    let socketPath: string;
    let client: TlsmgrClient;

    before(async () => {
      service = await ServiceProcess.start(behind);
      ({ socketPath } = service);
      client = patientClient(socketPath);
    });

    after(() => {
      void client.close();
      service.end();
    });

    /** Nothing is left of them, at once; a file is written a little later. */
    const assertGone = async (secrets: Record<string, Buffer>): Promise<void> => {
      const needles = new Map(Object.entries(secrets));
      if (behind === 'memory') {
        assert.deepEqual(service.find(needles), []);
        return;
      }
      let left: string[] = [];
      await poll(
        'secrets to be gone',
        () => {
          left = service.find(needles);
          return left.length === 0;
        },
        { limitMs: 5000, detail: () => left.join('\n') },
      );
    };

    test('holds a session while it is of use', async () => {
      const kept = randomBytes(longBytes);
      await client.update('smtpd', 'kept', kept);
      assert.notDeepEqual(service.find(new Map([['kept', kept]])), []);
    });

    test('has nothing of a session that was deleted', async () => {
      const session = randomBytes(longBytes);
      await client.update('smtpd', 'deleted', session);
      assert.deepEqual(await client.lookup('smtpd', 'deleted'), session);
      await client.delete('smtpd', 'deleted');
      await assertGone({ session });
    });

    test('has nothing of sessions that were replaced, evicted, flushed, or not kept', async () => {
      const [replaced, evicted, flushed, refused, tooLong] = [1, 2, 3, 4, 12].map((times) =>
        randomBytes(longBytes * times),
      ) as [Buffer, Buffer, Buffer, Buffer, Buffer];
      await client.update('smtpd', 'replaced', replaced);
      await client.update('smtpd', 'replaced', randomBytes(100));
      await client.update('smtp', 'evicted', evicted);
      for (const id of ['flushed', 'another']) {
        await client.update('smtp', id, flushed);
      }
      await client.flush('smtp');
      await client.update('lmtp', 'the cache is off', refused);
      await client.update('smtpd', 'by pieces', tooLong);
      assert.deepEqual(await client.lookup('smtpd', 'by pieces'), tooLong);
      await client.delete('smtpd', 'by pieces');
      await assertGone({ replaced, evicted, flushed, refused, tooLong });
    });

    if (behind === 'sealed file') {
      test('has nothing of the key file once the files are open', async () => {
        await assertGone({ key: service.sealingKey });
      });
    }

    if (behind === 'memory') {
      test('has nothing of what was sent in one batch, longest first', async () => {
        const sessions = [3, 2, 1].map((times) => randomBytes(times * 1000));
        const ids = ['first', 'second', 'third'];
        const raw = await AttributeClient.greeted(socketPath);
        const batch = [
          ...ids.map((id, index) => updateOf('smtpd', id, sessions[index]!)),
          ...ids.map(lookupOf),
          ...ids.map(deleteOf),
        ];
        raw.send(batch.join(''));
        for (let count = 0; count < batch.length; count += 1) {
          await raw.readList();
        }
        await assertGone({ three: sessions[0]!, two: sessions[1]!, one: sessions[2]! });
        raw.close();
      });

      test('has nothing of requests that were wrong, or never came whole', async () => {
        const secrets = Array.from({ length: 6 }, () => randomBytes(longBytes));
        const [malformed, unknown, unexpected, half, pieces, endless] = secrets as [
          Buffer,
          Buffer,
          Buffer,
          Buffer,
          Buffer,
          Buffer,
        ];
        const raw = await AttributeClient.greeted(socketPath);
        await raw.ask(
          request(
            'update',
            'cache_type',
            'smtpd',
            'cache_id',
            'x',
            'session',
            `${base64(malformed)}-AAA`,
          ),
        );
        await raw.ask(request('upgrade', 'session', base64(unknown)));
        await raw.ask(request('update', 'session', base64(unexpected), 'cache_type', 'smtpd'));
        // The rest of a batch whose beginning has been answered.
        const whole = updateOf('smtpd', 'in pieces', pieces);
        await raw.sendPieces([whole.slice(0, 5000), whole.slice(5000, 9000)]);
        await raw.ask(`${whole.slice(9000)}${deleteOf('in pieces').slice(0, 20)}`);
        await raw.ask(deleteOf('in pieces').slice(20));

        const gone = await AttributeClient.greeted(socketPath);
        gone.send(updateOf('smtpd', 'half', half).slice(0, -500));
        gone.sendEnd();
        await gone.readToEnd();
        const tooLong = await AttributeClient.greeted(socketPath);
        tooLong.send(
          `${request('update', 'session', base64(endless)).slice(0, -1)}${'A'.repeat(400_000)}`,
        );
        await tooLong.readToEnd();
        await assertGone({ malformed, unknown, unexpected, half, pieces, endless });
        raw.close();
      });

      test('has nothing of replies that were not read at once, or never', async () => {
        const [late, never] = [randomBytes(longBytes), randomBytes(longBytes)];
        for (const [id, session, reads] of [
          ['late', late, true],
          ['never', never, false],
        ] as const) {
          await client.update('smtpd', id, session);
          const raw = await AttributeClient.greeted(socketPath);
          raw.pause();
          const count = 100;
          await raw.sendPieces([lookupOf(id).repeat(count)]);
          // Others are served meanwhile.
          await client.policy('smtpd');
          if (reads) {
            raw.resume();
            for (let read = 0; read < count; read += 1) {
              await raw.readList();
            }
          }
          raw.close();
          await client.delete('smtpd', id);
        }
        await poll(
          'nothing of them is left',
          () => {
            return service.find(new Map(Object.entries({ late, never }))).length === 0;
          },
          {
            limitMs: 5000,
            detail: () => service.find(new Map(Object.entries({ late, never }))).join('\n'),
          },
        );
      });

      test('has nothing of seeds, nor of what the generator was fed with', async () => {
        const seeds = [255, 200, 32].map((bytes) => client.seed(bytes));
        const [longest, long, usual] = await Promise.all(seeds);
        await assertGone({
          longest: longest!,
          long: long!,
          usual: usual!,
          entropy: service.entropy,
        });
      });
    }

    test('has nothing of a key and of sessions whose time is over', async () => {
      const key = (await client.ticketKey())!;
      const session = randomBytes(longBytes);
      await client.update('smtpd', 'expired', session);
      // Behind the 16 bytes of its name.
      const secret = key.subarray(16, 80);
      assert.notDeepEqual(service.find(new Map([['the key', secret]])), []);

      await service.tell('advance 10000');
      assert.notDeepEqual(await client.ticketKey(), key);
      await assertGone({ secret, session });

      const snapshot = join(service.folder, 'heap');
      await service.tell(`snapshot ${snapshot}`);
      const heap = readFileSync(snapshot);
      for (const bytes of [secret, session]) {
        for (const text of [bytes.toString('base64'), bytes.toString('hex')]) {
          assert.equal(heap.includes(text.slice(4, 68)), false, 'the heap snapshot tells a secret');
        }
      }
    });
  });
}
