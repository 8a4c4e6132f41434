import assert from 'node:assert/strict';
import { once } from 'node:events';
import { lstatSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { patientClient, untilAnswered } from '../patient-client.ts';
import type { Report } from '../../src/report/report.ts';
import { metrics } from '../../src/metrics/table.ts';
import { notBuilt, Standalone } from '../cli/standalone.ts';
import { freePort } from '../postfix/instance.ts';
import { poll } from '../postfix/poll.ts';
import { get, getUntil, valueOf } from './http-client.ts';

/** Has it answer of everything a little. */
async function used(tlsmgr: Standalone): Promise<void> {
  const client = patientClient(tlsmgr.socket);
  await untilAnswered(client, () => client.update('smtp', 'mx.example:25', Buffer.alloc(500)));
  await client.lookup('smtp', 'mx.example:25');
  await client.lookup('smtp', 'other.example:25');
  await client.seed(32);
  await client.ticketKey();
  void client.close();
}

describe('metrics over HTTP', { skip: notBuilt }, () => {
  const tlsmgr = new Standalone();
  let port: number;

  before(async () => {
    port = await freePort();
    await tlsmgr.start('-o', `tlsmgr_metrics_listen=127.0.0.1:${port}`);
    await used(tlsmgr);
  });
  after(async () => {
    await tlsmgr.stop();
    tlsmgr.remove();
  });

  test('Prometheus text, with what was asked before', async () => {
    const { status, headers, body } = await get({ port }, '/metrics');
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(valueOf(body, 'tlsmgr_requests_total{request="lookup",status="ok"}'), 1);
    assert.equal(valueOf(body, 'tlsmgr_requests_total{request="lookup",status="error"}'), 1);
    assert.equal(valueOf(body, 'tlsmgr_cache_hits_total{cache="smtp"}'), 1);
    assert.equal(valueOf(body, 'tlsmgr_cache_misses_total{cache="smtp"}'), 1);
    assert.equal(valueOf(body, 'tlsmgr_cache_entries{cache="smtp"}'), 1);
    assert.equal(valueOf(body, 'tlsmgr_cache_enabled{cache="lmtp"}'), 1);
    assert.ok(valueOf(body, 'tlsmgr_prng_served_bytes_total') >= 32);
    assert.equal(valueOf(body, 'tlsmgr_ticket_keys'), 1);
    assert.ok(valueOf(body, 'tlsmgr_ticket_key_rotation_seconds') > 0);
    assert.equal(valueOf(body, 'tlsmgr_problems{severity="error"}'), 0);
    assert.ok(valueOf(body, 'process_resident_memory_bytes') > 1e6);
    assert.ok(valueOf(body, 'process_cpu_seconds_total') > 0);
    assert.ok(valueOf(body, 'process_start_time_seconds') > 1.7e9);
  });

  test('every line of it is of the format, and of a metric of the table', async () => {
    const { body } = await get({ port }, '/metrics');
    const names = new Map(metrics.map(({ name, type }) => [name, type]));
    const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    assert.ok(lines.length > 60);
    const seen = new Set<string>();
    for (const line of lines) {
      const match =
        /^([a-z_][a-z_0-9]*?)(?:_(bucket|sum|count))?(?:\{(?:[a-z]+="[^"]*",?)+\})? \S+$/u.exec(
          line,
        );
      assert.ok(match !== null, line);
      const [, name = '', part] = match;
      assert.equal(names.has(name), true, line);
      assert.equal(part === undefined, names.get(name) !== 'histogram', line);
      assert.ok(Number.isFinite(Number(line.slice(line.lastIndexOf(' ') + 1))), line);
      assert.equal(seen.has(line.slice(0, line.lastIndexOf(' '))), false, line);
      seen.add(line.slice(0, line.lastIndexOf(' ')));
    }
  });

  test('the histogram is cumulative, and its last bucket is its count', async () => {
    const client = patientClient(tlsmgr.socket);
    // One read in 32 is timed.
    for (let asked = 0; asked < 64; asked += 1) {
      await client.policy('smtp');
    }
    void client.close();
    const name = 'tlsmgr_service_time_seconds';
    // What was told a moment ago is told again.
    const { body } = await getUntil({ port }, '/metrics', (got) => {
      return valueOf(got.body, `${name}_count`) >= 2;
    });
    const buckets = [...body.matchAll(new RegExp(`^${name}_bucket\\{le="\\S+"\\} (\\d+)$`, 'gmu'))];
    const counts = buckets.map(([, count]) => Number(count));
    assert.deepEqual(
      counts,
      counts.toSorted((one, other) => one - other),
    );
    assert.equal(counts.at(-1), valueOf(body, `${name}_count`));
    assert.ok(valueOf(body, `${name}_sum`) > 0);
  });

  test('OpenMetrics for who asks for it', async () => {
    const accept =
      'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
    const { headers, body } = await get({ port }, '/metrics', { headers: { accept } });
    assert.match(
      String(headers['content-type']),
      /^application\/openmetrics-text; version=1\.0\.0/u,
    );
    assert.match(body, /\n# EOF\n$/u);
    assert.match(body, /^# TYPE tlsmgr_requests counter$/mu);
    assert.equal(valueOf(body, 'tlsmgr_requests_total{request="lookup",status="ok"}'), 1);
    // A second time the same: a name isn't changed twice.
    const again = await get({ port }, '/metrics', { headers: { accept } });
    assert.match(again.body, /^# TYPE tlsmgr_requests counter$/mu);
  });

  test('/healthz and /status.json', async () => {
    const { status, body } = await get({ port }, '/healthz');
    assert.deepEqual([status, body], [200, 'ok\n']);
    const report = JSON.parse((await get({ port }, '/status.json?x=1')).body) as Report;
    assert.equal(report.pid, tlsmgr.pid);
  });

  test('nothing that is to stay a secret', async () => {
    const client = patientClient(tlsmgr.socket);
    const session = Buffer.from('not for everybody to see, this session');
    await client.update('smtp', 'secret.example:25', session);
    const key = await client.ticketKey();
    const seed = await client.seed(32);
    void client.close();
    const told = await Promise.all(
      ['/metrics', '/status.json', '/healthz'].map(
        async (path) => (await get({ port }, path)).body,
      ),
    );
    const text = told.join('\n');
    for (const secret of [session, seed, key!, key!.subarray(0, 16), key!.subarray(16, 48)]) {
      for (const encoding of ['latin1', 'hex', 'base64'] as const) {
        assert.equal(text.includes(secret.toString(encoding)), false);
      }
    }
    assert.equal(text.includes('secret.example'), false);
  });

  test('the head of it, and nothing else', async () => {
    const { status, headers, body } = await get({ port }, '/metrics', { method: 'HEAD' });
    assert.deepEqual([status, body], [200, '']);
    assert.ok(Number(headers['content-length']) > 1000);
    const posted = await get({ port }, '/metrics', { method: 'POST' });
    assert.equal(posted.status, 405);
    assert.equal(posted.headers['allow'], 'GET, HEAD');
    for (const path of [
      '/nothing',
      '/page',
      '/../etc/passwd',
      '/constructor',
      '/__proto__',
      '//',
    ]) {
      assert.equal((await get({ port }, path)).status, 404, path);
    }
  });

  test('names that are not ours get no answer', async () => {
    for (const [host, status] of [
      ['127.0.0.1:19465', 200],
      ['[::1]', 200],
      ['localhost:1', 200],
      ['LOCALHOST', 200],
      ['evil.example', 421],
      ['127.0.0.1.evil.example', 421],
      ['localhost.evil.example:80', 421],
      ['evil.example:127.0.0.1', 421],
    ] as const) {
      assert.equal((await get({ port }, '/', { headers: { host } })).status, status, host);
    }
  });

  test('a policy that lets nothing in from elsewhere', async () => {
    const { headers } = await get({ port }, '/');
    const policy = String(headers['content-security-policy']);
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'/u);
    assert.doesNotMatch(policy, /unsafe|http|\*/u);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['access-control-allow-origin'], undefined);
  });

  test('requests sent ahead of their answers close the connection', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => socket.destroy());
    let answers = 0;
    socket.setEncoding('latin1').on('data', (text: string) => {
      answers += text.split('HTTP/1.1 200').length - 1;
    });
    socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(500));
    await once(socket, 'close');
    assert.ok(answers <= 1, `${answers} answers`);
    assert.equal((await get({ port }, '/healthz')).status, 200);
  });

  test('a header without end is refused, and so is a crowd', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => socket.destroy());
    let said = '';
    socket.setEncoding('latin1').on('data', (text: string) => (said += text));
    socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(9000)}`);
    await once(socket, 'close');
    assert.match(said, /^HTTP\/1\.1 431 /u);

    const crowd = Array.from({ length: 30 }, () => connect(port, '127.0.0.1'));
    const closed = crowd.map((member) => {
      member.on('error', () => member.destroy());
      return once(member, 'close');
    });
    // Those beyond sixteen are closed at once, the others for their silence.
    await Promise.race(closed);
    await used(tlsmgr);
    for (const member of crowd) {
      member.destroy();
    }
    await getUntil({ port }, '/healthz', ({ status }) => status === 200);
  });
});

describe('where metrics are served', { skip: notBuilt }, () => {
  const tlsmgr = new Standalone();
  after(() => tlsmgr.remove());

  async function serving(listen: string, check: () => Promise<void>): Promise<void> {
    await tlsmgr.start('-o', `tlsmgr_metrics_listen=${listen}`);
    try {
      await used(tlsmgr);
      await check();
    } finally {
      await tlsmgr.stop();
    }
  }

  test('a socket for owner and group, removed at the end, with any Host', async () => {
    const socketPath = join(tlsmgr.folder, 'metrics.sock');
    await serving(socketPath, async () => {
      assert.equal(lstatSync(socketPath).mode & 0o777, 0o660);
      const { status } = await get({ socketPath }, '/healthz', {
        headers: { host: 'proxy.example' },
      });
      assert.equal(status, 200);
    });
    assert.equal(lstatSync(socketPath, { throwIfNoEntry: false }), undefined);
  });

  test('in the place of a stale socket', async () => {
    const socketPath = join(tlsmgr.folder, 'stale.sock');
    await tlsmgr.start('-o', `tlsmgr_metrics_listen=${socketPath}`);
    await tlsmgr.stop('SIGKILL');
    assert.ok(lstatSync(socketPath).isSocket());
    await serving(socketPath, async () => {
      assert.equal((await get({ socketPath }, '/healthz')).status, 200);
    });
  });

  test('not in the place of a file: one warning, and all else is served', async () => {
    const file = join(tlsmgr.folder, 'file');
    writeFileSync(file, 'kept');
    const saidBefore = tlsmgr.said.length;
    await serving(file, async () => assert.ok(lstatSync(file).isFile()));
    const warnings = tlsmgr.said.slice(saidBefore).match(/warning: .*/gu);
    assert.deepEqual(warnings, [
      `warning: tlsmgr_metrics_listen = ${file}: Address already in use: no metrics`,
    ]);
  });

  test('an address in use: one warning, all else is served, and it is tried again', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const saidBefore = tlsmgr.said.length;
    await serving(`127.0.0.1:${port}`, async () => {
      const line = `warning: tlsmgr_metrics_listen = 127.0.0.1:${port}: Address already in use: no metrics`;
      await poll('the warning', () => tlsmgr.said.slice(saidBefore).includes(line));
      const { out } = await tlsmgr.run('status', '--json', '--socket', tlsmgr.socket);
      assert.deepEqual((JSON.parse(out) as Report).problems, [
        {
          severity: 'warning',
          name: 'metrics-missing',
          text: `metrics are not served: 127.0.0.1:${port}: Address already in use (tlsmgr_metrics_listen)`,
        },
      ]);
      void other.close();
      await used(tlsmgr);
    });
    assert.equal(tlsmgr.said.slice(saidBefore).match(/warning: tlsmgr_metrics/gu)?.length, 1);
  });

  test('the process before may take its time to go', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const saidBefore = tlsmgr.said.length;
    await serving(`localhost:${port}`, async () => {
      void other.close();
      await getUntil({ port }, '/healthz', ({ status }) => status === 200);
    });
    assert.doesNotMatch(tlsmgr.said.slice(saidBefore), /warning/u);
  });

  test('nothing where a cache that was asked for is off but 503 and why', async () => {
    const port = await freePort();
    await tlsmgr.start(
      '-o',
      `tlsmgr_metrics_listen=127.0.0.1:${port}`,
      '-o',
      'lmtp_tls_session_cache_database=btree:/nonexistent/lmtp_scache',
    );
    try {
      const { status, body } = await get({ port }, '/healthz');
      assert.equal(status, 503);
      assert.match(body, /^lmtp cache is off: btree:\/nonexistent/u);
      const text = (await get({ port }, '/metrics')).body;
      assert.equal(valueOf(text, 'tlsmgr_problems{severity="error"}'), 1);
      assert.equal(valueOf(text, 'tlsmgr_cache_enabled{cache="lmtp"}'), 0);
      assert.equal(valueOf(text, 'tlsmgr_cache_entries{cache="lmtp"}'), Number.NaN);
    } finally {
      await tlsmgr.stop();
    }
  });

  test('a value that is none stops the start and names the parameter', async () => {
    for (const text of [
      '19465',
      ':19465',
      '127.0.0.1',
      '127.0.0.1:0',
      '127.0.0.1:65536',
      'run/x',
    ]) {
      const tried = await tlsmgr.run('serve', '-o', `tlsmgr_metrics_listen=${text}`);
      assert.equal(tried.status, 1, text);
      const wanted = `parameter tlsmgr_metrics_listen: bad parameter value: ${text}\n`;
      assert.ok(tried.err.endsWith(wanted), tried.err);
    }
  });
});
