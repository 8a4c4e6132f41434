/** Sharing over Postfix's own tlsmgr, which knows no scopes: keys are derived here. */
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { scopedKeyBytes, writeScopedKey } from '../../src/tickets/scoped-key.ts';
import { type ShareOptions, shareSessions } from '../../src/tls/index.ts';
import { patientClient } from '../patient-client.ts';
import { poll } from '../postfix/poll.ts';
import { StandInMaster } from '../postfix/stand-in-master.ts';
import { originalTlsmgr, skipWithoutPostfix } from '../postfix/under-test.ts';
import { chain, portOf, startServer, versions, visit } from './handshakes.ts';

describe("sharing over Postfix's own tlsmgr", { skip: skipWithoutPostfix }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-original-'));
  /** Leads to the daemon that runs. */
  const socketPath = join(folder, 'socket');
  const masters: StandInMaster[] = [];
  const ends: (() => unknown)[] = [];
  const startDaemon = async (): Promise<void> => {
    const master = await StandInMaster.start({
      daemon: originalTlsmgr,
      mainCf: {
        smtpd_tls_session_cache_database: 'btree:$data_directory/smtpd_scache',
        smtpd_tls_session_cache_timeout: '3600s',
      },
    });
    masters.push(master);
    symlinkSync(master.socketPath, `${socketPath}.new`);
    renameSync(`${socketPath}.new`, socketPath);
  };
  before(startDaemon);
  after(async () => {
    for (const end of ends.toReversed()) {
      await end();
    }
    masters.forEach((master) => master.cleanup());
    rmSync(folder, { recursive: true });
  });

  async function share(keys: ShareOptions['keys'] = 'auto') {
    const server = await startServer();
    const client = patientClient(socketPath);
    const sharing = shareSessions(server, client, { scope: 'web', keys });
    ends.push(
      () => server.close(),
      () => client.close(),
      () => sharing[Symbol.asyncDispose](),
    );
    await sharing.ready;
    return { server, client, sharing, port: portOf(server) };
  }

  for (const version of versions) {
    test(`${version}: each resumes what the other has sealed`, async () => {
      const [one, two] = [await share(), await share()];
      assert.deepEqual([one.sharing.mode, one.sharing.state], ['ring', 'sealing']);
      const ports = [one.port, two.port, one.port];
      assert.deepEqual(await chain(ports, version), [false, true, true]);
      // Half of the lifetime, as [9] tells the client.
      const { session } = await visit(one.port, version);
      assert.match(session!.toString('hex'), /a90402020708/u);
    });
  }

  test('the key has the name of its key, and nothing else of it', async () => {
    const { server, client, port } = await share('single');
    const ringKey = (await client.ticketKey())!;
    const times = { sealFromSeconds: 0, sealUntilSeconds: 0, openUntilSeconds: 0 };
    const derived = Buffer.alloc(scopedKeyBytes);
    writeScopedKey(derived, 0, ringKey, times, Buffer.from('web'));
    const [name, aes, hmac] = [
      derived.subarray(0, 16),
      derived.subarray(16, 32),
      derived.subarray(32, 48),
    ];
    assert.deepEqual(server.getTicketKeys(), Buffer.concat([name, hmac, aes]));
    assert.deepEqual(name, ringKey.subarray(0, 16));
    for (let at = 16; at <= 80 - 16; at += 16) {
      assert.equal(server.getTicketKeys().indexOf(ringKey.subarray(at, at + 16)), -1);
    }
    assert.deepEqual((await visit(port, 'TLSv1.2')).keyName, name);
  });

  test('a daemon that starts anew, with other keys, is found by the first ticket of them', async () => {
    const old = await share();
    const { session } = await visit(old.port, 'TLSv1.2');
    masters.at(-1)!.cleanup();
    await startDaemon();
    const fresh = await share();
    const late = await visit(fresh.port, 'TLSv1.2', session);
    assert.equal(late.resumed, false);
    await poll('the old one to resume tickets of the new key', async () => {
      const { resumed } = await visit(old.port, 'TLSv1.2', late.session);
      return resumed;
    });
    assert.ok(old.sharing.stats().byKey.unknown >= 1);
  });

  test('and nothing was warned of', () => {
    const lines = masters.flatMap(({ logged }) => logged);
    assert.deepEqual(
      lines.filter((line) => /warning|error|fatal/u.test(line)),
      [],
    );
  });
});
