/** The client at the real daemons, Postfix's own and ours, which must have nothing to complain of. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { TlsmgrClient } from '../../src/client/client.ts';
import { patientClient } from '../patient-client.ts';
import { StandInMaster } from '../postfix/stand-in-master.ts';
import {
  originalTlsmgr,
  requireBuilt,
  skipWithoutPostfix,
  testsOurs,
  tlsmgrUnderTest,
} from '../postfix/under-test.ts';

const cacheName = (label: string): string => `btree:$data_directory/${label}_scache`;

const mainCf = {
  smtpd_tls_session_cache_database: cacheName('smtpd'),
  smtp_tls_session_cache_database: cacheName('smtp'),
};

for (const [who, daemon, server] of [
  ["Postfix's own tlsmgr", originalTlsmgr, 'postfix'],
  ['ours', tlsmgrUnderTest, testsOurs ? 'tlsmgr' : 'postfix'],
] as const) {
  describe(`a client of ${who}`, { skip: skipWithoutPostfix }, () => {
    let master: StandInMaster;
    let client: TlsmgrClient;
    before(async () => {
      requireBuilt();
      master = await StandInMaster.start({ daemon, mainCf });
      client = patientClient(master.socketPath);
    });
    after(async () => {
      await client.close();
      master.cleanup();
    });

    const complaints = (): string[] =>
      master.logged.filter((line) => /warning|error|fatal/u.test(line));

    test('knows who it is', async () => {
      assert.deepEqual(await client.identify(), { server, givesSeeds: true });
    });

    test('is answered, many calls at once as well', async () => {
      const sessions = Array.from({ length: 30 }, (_, index) => Buffer.alloc(1500, index + 1));
      const stored = sessions.map((session, index) =>
        client.update('smtp', `id ${index}`, session),
      );
      assert.ok((await Promise.all(stored)).every(Boolean));
      const [found, seed, policy, key] = await Promise.all([
        Promise.all(sessions.map((_, index) => client.lookup('smtp', `id ${index}`))),
        client.seed(255),
        client.policy('smtpd'),
        client.ticketKey(),
      ]);
      assert.deepEqual(found, sessions);
      assert.equal(seed.length, 255);
      assert.deepEqual(policy, { cachable: true, timeoutSeconds: 3600 });
      assert.deepEqual(await client.ticketKey(key!.subarray(0, 16)), key);
      assert.equal(await client.delete('smtp', 'id 0'), true);
      assert.equal(await client.delete('smtp', 'id 0'), false);
      assert.equal(await client.lookup('smtp', 'id 0'), undefined);
      assert.equal(await client.update('lmtp', 'id', Buffer.from('off')), false);
    });

    test('a connection for each seed is no reason to suspect old programs', async () => {
      for (let count = 0; count < 2; count += 1) {
        const other = patientClient(master.socketPath);
        await other.seed(1);
        await other.close();
      }
    });

    if (server === 'postfix') {
      test('is told at once what it never answers', async () => {
        await assert.rejects(client.stats(), { code: 'UNSUPPORTED' });
        await assert.rejects(client.list('smtp').next(), { code: 'UNSUPPORTED' });
        await assert.rejects(client.flush('smtp'), { code: 'UNSUPPORTED' });
        await assert.rejects(client.ticketRing('web'), { code: 'UNSUPPORTED' });
        await assert.rejects(client.policy('web'), { code: 'UNSUPPORTED' });
        assert.equal(await client.lookup('web', 'id'), undefined);
        assert.equal(await client.update('smtp', Buffer.from([0xff]), Buffer.from('x')), false);
      });
    } else {
      test('may ask more of it', async () => {
        const id = Buffer.from([0xff, 1]);
        assert.equal(await client.update('smtpd', id, Buffer.from('x')), true);
        const listed = [];
        for await (const entry of client.list('smtpd')) {
          listed.push(entry.id);
        }
        assert.deepEqual(listed, [id]);
        assert.equal(await client.flush('smtpd'), 1);
        assert.ok('caches' in ((await client.stats()) as object));
      });
    }

    test('and nothing was warned of', () => {
      assert.deepEqual(complaints(), []);
    });
  });
}
