/** A cache that tlsmgr_session_caches adds, in a daemon that serves: requests, verbs, reports, a reload. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { TlsmgrClient } from '../../src/client/client.ts';
import type { Report } from '../../src/report/report.ts';
import { notBuilt, Standalone } from '../cli/standalone.ts';
import { writeMainCf } from '../config/scratch.ts';
import { get, valueOf } from '../metrics/http-client.ts';

describe('an added cache', { skip: notBuilt }, () => {
  const tlsmgr = new Standalone();
  const etc = join(tlsmgr.folder, 'etc');
  let client: TlsmgrClient;

  const report = async (): Promise<Report> => (await client.stats()) as Report;

  /** Writes main.cf, reloads, and waits for this line. @returns all lines since then. */
  async function reload(mainCf: string, said: RegExp): Promise<string> {
    writeMainCf(etc, mainCf);
    const from = tlsmgr.said.length;
    tlsmgr.signal('SIGHUP');
    await tlsmgr.says(said, from);
    return tlsmgr.said.slice(from);
  }

  const withWeb = `tlsmgr_session_caches = smtpd, smtp, lmtp, web
web_tls_session_cache_database = btree:$data_directory/web_scache
web_tls_session_cache_entry_limit = 2
tlsmgr_session_cache_persistent = yes
tlsmgr_metrics_listen = ${join(tlsmgr.folder, 'metrics')}
`;

  before(async () => {
    mkdirSync(etc);
    writeMainCf(etc, withWeb);
    await tlsmgr.start('-c', 'etc');
    client = new TlsmgrClient({ socketPath: tlsmgr.socket, deadlineMs: 10_000 });
  });
  after(async () => {
    await client.close();
    await tlsmgr.stop();
    tlsmgr.remove();
  });

  test('keeps sessions apart, by limits of its own', async () => {
    assert.match(tlsmgr.said, /caches: smtpd smtp lmtp web;/u);
    await client.update('smtp', 'page', Buffer.from('of mail'));
    for (const id of ['first', 'page', 'other']) {
      await client.update('web', id, Buffer.from(`${id} of the web`));
    }
    assert.equal(String(await client.lookup('web', 'page')), 'page of the web');
    assert.equal(String(await client.lookup('smtp', 'page')), 'of mail');
    assert.equal(await client.lookup('web', 'first'), undefined);
    assert.deepEqual(await client.policy('web'), { cachable: true, timeoutSeconds: 3600 });
    const { caches } = await report();
    assert.deepEqual(Object.keys(caches), ['smtpd', 'smtp', 'lmtp', 'web']);
    const { enabled, type, entries, entryLimit, evicted } = caches['web']!;
    assert.deepEqual([enabled, type, entries, entryLimit, evicted], [true, 'btree', 2, 2, 1]);
  });

  test('is in status, metrics and the verbs', async () => {
    const status = await tlsmgr.run('status', '--socket', tlsmgr.socket);
    assert.match(status.out, /^web .* 2 +40 B +50%  1h 0m$/mu);
    const list = await tlsmgr.run('list', 'web', '--json');
    assert.deepEqual(
      (JSON.parse(list.out) as { id: string }[]).map(({ id }) => id),
      ['page', 'other'],
    );
    assert.equal((await tlsmgr.run('delete', 'web', 'other')).status, 0);
    const unknown = await tlsmgr.run('flush', 'wbe');
    assert.equal(unknown.status, 2);
    assert.match(unknown.err, /unknown cache: wbe: there are smtpd, smtp, lmtp, web$/mu);
    const { body } = await get({ socketPath: join(tlsmgr.folder, 'metrics') }, '/metrics');
    assert.equal(valueOf(body, 'tlsmgr_cache_entries{cache="web"}'), 1);
  });

  test('goes with its name, at once, and comes back with its sessions', async () => {
    const other = withWeb.replace(', web', '');
    const said = await reload(other, /re-read: tlsmgr_session_caches = smtpd, smtp, lmtp/u);
    assert.doesNotMatch(said, /next start/u);
    assert.deepEqual(Object.keys((await report()).caches), ['smtpd', 'smtp', 'lmtp']);
    assert.equal(await client.lookup('web', 'page'), undefined);
    assert.equal(String(await client.lookup('smtp', 'page')), 'of mail');
    assert.ok((await report()).rates.hitRatio! >= 0);
    const again = await reload(withWeb, /re-read: web_tls_session_cache_database = \S+/u);
    assert.doesNotMatch(again, /next start|web_tls_session_cache_timeout/u);
    // The file is read back while others are served.
    for (let tries = 0; (await client.lookup('web', 'page')) === undefined; tries += 1) {
      assert.ok(tries < 2000, tlsmgr.said);
      await delay(5);
    }
    await client.update('web', 'new', Buffer.from('session'));
    assert.equal(String(await client.lookup('web', 'new')), 'session');
  });

  test('a list with a fault changes nothing', async () => {
    const said = await reload(withWeb.replace('web', 'web, we-b'), /error: main\.cf not re-read/u);
    assert.match(said, /session_caches: bad name of a cache: we-b$/mu);
    assert.equal(String(await client.lookup('web', 'new')), 'session');
  });
});
