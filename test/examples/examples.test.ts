/** The programs of examples/, run as their first lines say. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { startTls } from '../postfix/tls-client.ts';
import { requireBuilt } from '../postfix/under-test.ts';
import { startService, type TestService } from '../socket/harness.ts';
import { Example, fetchOnce } from './example.ts';

describe('examples', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'tlsmgr-examples-'));
  let tlsmgr: TestService;
  let started: Example[] = [];

  before(async () => {
    requireBuilt();
    tlsmgr = await startService({ publicInterfacesOnly: false });
  });

  afterEach(() => {
    started.forEach((example) => example.kill());
    started = [];
  });

  after(() => {
    tlsmgr.stop();
    rmSync(scratch, { recursive: true });
  });

  async function start(name: string, environment: NodeJS.ProcessEnv = {}): Promise<Example> {
    const example = await Example.start(name, { TLSMGR_SOCKET: tlsmgr.path, ...environment });
    started.push(example);
    return example;
  }

  test('https-cluster: a session is resumed by new workers, and by a new program', async () => {
    const cluster = await start('https-cluster.mjs', { WORKERS: '2' });
    const port = await cluster.says(/2 workers on port (\d+)$/u);
    const first = await fetchOnce(port, '/');
    assert.match(first.text, /^worker \d+, a full handshake\n$/u);
    cluster.signal('SIGHUP');
    await cluster.says(/^all workers are new$/u);
    const second = await fetchOnce(port, '/', first.session);
    assert.match(second.text, /^worker \d+, a resumed handshake\n$/u);
    assert.notEqual(second.text.split(',')[0], first.text.split(',')[0]);
    await cluster.stop();
    const another = await start('https-cluster.mjs', { WORKERS: '1' });
    const anotherPort = await another.says(/1 workers on port (\d+)$/u);
    assert.ok((await fetchOnce(anotherPort, '/', second.session)).resumed);
    await another.stop();
  });

  test('https-cluster: it serves without a tlsmgr', async () => {
    const cluster = await start('https-cluster.mjs', {
      WORKERS: '1',
      TLSMGR_SOCKET: join(scratch, 'away'),
    });
    const port = await cluster.says(/on port (\d+)$/u);
    assert.match((await fetchOnce(port, '/')).text, /a full handshake/u);
    await cluster.stop();
  });

  test('smtp-server: a session is resumed by a new program', async () => {
    const session = join(scratch, 'session.pem');
    for (const [option, kind] of [
      ['-sess_out', 'New'],
      ['-sess_in', 'Reused'],
    ] as const) {
      const smtp = await start('smtp-server.mjs');
      const port = Number(await smtp.says(/^port (\d+)$/u));
      await smtp.says(/^keys of the scope, mode ring$/u);
      const { kinds, output } = await startTls(port, [option, session]);
      assert.deepEqual(kinds, [kind], output);
      await smtp.stop();
    }
  });

  test('seeding: a secret of two sources, of one without a tlsmgr', async () => {
    const secrets = new Set<string>();
    for (const [socketPath, sources] of [
      [tlsmgr.path, 'two sources'],
      [tlsmgr.path, 'two sources'],
      [join(scratch, 'away'), 'one source'],
    ] as const) {
      const seeding = await start('seeding.mjs', { TLSMGR_SOCKET: socketPath });
      secrets.add(await seeding.says(new RegExp(`^([0-9a-f]{64}) of ${sources}$`, 'u')));
      assert.equal(await seeding.ended(), 0);
    }
    assert.equal(secrets.size, 3);
  });

  test('metrics: handshakes and calls are counted', async () => {
    const server = await start('metrics.mjs');
    const port = await server.says(/^port (\d+)$/u);
    await server.says(/^keys of the scope, mode ring$/u);
    const { session } = await fetchOnce(port, '/');
    const { text } = await fetchOnce(port, '/metrics', session);
    for (const line of [
      'tls_server_handshakes_total{scope="example.metrics",protocol="TLSv1.3",resumed="false",key="none"} 1',
      'tls_server_handshakes_total{scope="example.metrics",protocol="TLSv1.3",resumed="true",key="current"} 1',
      'tlsmgr_client_request_seconds_count{request="tktring",cache="none",outcome="done"} 1',
    ]) {
      assert.ok(text.includes(`${line}\n`), text);
    }
    await server.stop();
  });
});
