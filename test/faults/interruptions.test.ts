/** A daemon of its own process that is stopped, or whose files go away, while it serves. */
import assert from 'node:assert/strict';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TlsmgrClient } from '../../src/client/client.ts';
import { patientClient } from '../patient-client.ts';
import { notBuilt, Standalone } from '../cli/standalone.ts';

describe('interruptions', { skip: notBuilt }, () => {
  const daemon = new Standalone();
  const session = Buffer.from('a session');
  let client: TlsmgrClient;

  before(async () => {
    await daemon.start();
    client = patientClient(daemon.socket);
    await client.update('smtp', 'before', session);
  });
  after(async () => {
    void client.close();
    assert.equal(await daemon.stop(), 0);
    daemon.remove();
  });

  test('a process that was stopped answers when it goes on', async () => {
    process.kill(daemon.pid, 'SIGSTOP');
    let answered = false;
    const asked = client.lookup('smtp', 'before').finally(() => (answered = true));
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
    assert.equal(answered, false);
    process.kill(daemon.pid, 'SIGCONT');
    assert.deepEqual(await asked, session);
  });

  test('the folder of its socket moved away and back: who is connected is served, others afterwards', async () => {
    const folder = join(daemon.folder, 'run');
    renameSync(folder, `${folder}.away`);
    assert.deepEqual(await client.lookup('smtp', 'before'), session);
    renameSync(`${folder}.away`, folder);
    const other = patientClient(daemon.socket);
    assert.deepEqual(await other.lookup('smtp', 'before'), session);
    void other.close();
  });

  test('its cache files and its exchange file removed: no session is lost, and new ones are kept', async () => {
    const folder = join(daemon.folder, 'run');
    const files = readdirSync(folder).filter((name) => /_scache\.tlsmgr$|prng_exch$/u.test(name));
    assert.equal(files.length, 4, files.join(' '));
    for (const name of files) {
      rmSync(join(folder, name));
    }
    assert.deepEqual(await client.lookup('smtp', 'before'), session);
    await client.update('smtp', 'afterwards', session);
    assert.deepEqual(await client.lookup('smtp', 'afterwards'), session);
    assert.equal((await client.seed(32)).length, 32);
  });
});
