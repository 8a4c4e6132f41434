/** Metrics of a daemon that master(8) started, chrooted and without root's rights. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { patientClient, untilAnswered } from '../patient-client.ts';
import { freePort, idOf, PostfixInstance } from '../postfix/instance.ts';
import { rootOf, threadStatuses } from '../postfix/processes.ts';
import { requireBuilt, skipWithoutPostfix, tlsmgrUnderTest } from '../postfix/under-test.ts';
import { type Got, get, getUntil, valueOf, type Where } from './http-client.ts';

/** Has a server listen on some port below 1024. */
async function lowPort(server: Server): Promise<number> {
  for (let port = 1023; ; port -= 1) {
    server.listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
      return port;
    } catch {
      // Somebody has it.
      assert.ok(port > 900, 'no port below 1024 is free');
    }
  }
}

const paths = ['/', '/page.css', '/page.js', '/plot.js', '/read-out.js', '/words.js', '/icon.svg'];
const told = ['/metrics', '/healthz', '/status.json'];

describe('metrics in the chroot of a real Postfix', { skip: skipWithoutPostfix }, () => {
  let postfix: PostfixInstance;
  let where: { port: number };

  before(async () => {
    requireBuilt();
    where = { port: await freePort() };
    postfix = await PostfixInstance.create({
      tlsmgr: tlsmgrUnderTest,
      mainCf: {
        tlsmgr_metrics_listen: `localhost:${where.port}`,
        smtp_tls_session_cache_database: 'btree:${data_directory}/smtp_scache',
      },
    });
    await postfix.start();
    await asked();
  });
  after(() => postfix?.cleanup());

  /** Has master(8) start it. */
  async function asked(): Promise<void> {
    const client = patientClient(postfix.socketPath);
    await untilAnswered(client, () => client.seed(32));
    void client.close();
  }

  async function allAnswered(from: Where): Promise<void> {
    const answers = await Promise.all([...paths, ...told].map((path) => get(from, path)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      answers.map(() => 200),
    );
    const accept = 'application/openmetrics-text';
    const open: Got = await get(from, '/metrics', { headers: { accept } });
    assert.match(open.body, /# EOF\n$/u);
  }

  test('everything is answered from inside the chroot, as mail_owner', async () => {
    const pid = postfix.tlsmgrPid()!;
    assert.equal(rootOf(pid), postfix.queueDirectory);
    const uid = String(idOf('-u', 'postfix'));
    assert.match(threadStatuses(pid)[0]!.get('Uid')!, new RegExp(`^${uid}\\t`, 'u'));
    await allAnswered(where);
    const { body } = await get(where, '/metrics');
    assert.ok(valueOf(body, 'process_resident_memory_bytes') > 1e6);
    assert.ok(valueOf(body, 'process_open_fds') > 6);
    assert.deepEqual(postfix.complaints(), []);
  });

  test('no descriptor leads out of the chroot', () => {
    const pid = postfix.tlsmgrPid()!;
    const folder = `/proc/${pid}/fd`;
    const outside = readdirSync(folder).filter((fd) => {
      const path = join(folder, fd);
      const target = readlinkSync(path);
      const stat = statSync(path, { throwIfNoEntry: false });
      // Files of state, and some of /proc that are read by descriptor: of a file there is no way up.
      const isKnownFile =
        stat?.isFile() === true &&
        (target.startsWith(`${postfix.dataDirectory}/`) ||
          ['statm', 'status', 'smaps'].some((name) => target === `/proc/${pid}/${name}`));
      const isDevice = /^\/dev\/(?:null|u?random)$/u.test(target);
      return !isKnownFile && !isDevice && !/^(?:socket|pipe|anon_inode):/u.test(target);
    });
    assert.deepEqual(
      outside.map((fd) => readlinkSync(join(folder, fd))),
      [],
    );
  });

  test('the number of descriptors is that which the kernel shows', async () => {
    const { body } = await get(where, '/metrics');
    const shown = readdirSync(`/proc/${postfix.tlsmgrPid()!}/fd`).length;
    // The scrape's own connection may be gone, or not.
    const figure = valueOf(body, 'process_open_fds');
    assert.ok(figure === shown || figure === shown + 1, `${figure} told, ${shown} shown`);
  });

  test('after a reload the next process has the port', async () => {
    for (let times = 0; times < 3; times += 1) {
      const pid = postfix.tlsmgrPid()!;
      await postfix.reload();
      await asked();
      const { body } = await getUntil(where, '/status.json', ({ status }) => status === 200);
      assert.notEqual((JSON.parse(body) as { pid: number }).pid, pid);
    }
    assert.deepEqual(postfix.complaints(), []);
  });

  test('a port below 1024 that is taken at start is had later, and then nothing is kept', async (t) => {
    const taken = createServer();
    t.after(() => taken.close());
    const port = await lowPort(taken);
    postfix.writeMainCf({ tlsmgr_metrics_listen: `127.0.0.1:${port}` });
    await postfix.reload();
    await asked();
    const pid = postfix.tlsmgrPid()!;
    const capabilities = (): string[] =>
      threadStatuses(pid).flatMap((status) => [status.get('CapEff')!, status.get('CapPrm')!]);
    const none = '0000000000000000';
    // CAP_NET_BIND_SERVICE is number 10, and the main thread comes first.
    const [effective, permitted, ...others] = capabilities();
    assert.deepEqual([effective, permitted], ['0000000000000400', '0000000000000400']);
    assert.deepEqual(new Set(others), new Set([none]));
    assert.match(
      threadStatuses(pid)[0]!.get('Uid')!,
      new RegExp(`^${idOf('-u', 'postfix')}\\t`, 'u'),
    );
    taken.close();
    await getUntil({ host: '127.0.0.1', port }, '/healthz', ({ status }) => status === 200);
    assert.deepEqual(new Set(capabilities()), new Set([none]));
  });

  test('a socket belongs to mail_owner and its group', async () => {
    const socketPath = join(postfix.dataDirectory, 'metrics.sock');
    const cached = `btree:${postfix.dataDirectory}/smtp_scache`;
    postfix.writeMainCf({
      smtp_tls_session_cache_database: cached,
      tlsmgr_metrics_listen: socketPath,
    });
    for (let times = 0; times < 2; times += 1) {
      await postfix.reload();
      await asked();
      await getUntil({ socketPath }, '/healthz', ({ status }) => status === 200);
      await allAnswered({ socketPath });
      const { mode, uid, gid } = lstatSync(socketPath);
      assert.equal(mode & 0o777, 0o660);
      assert.deepEqual([uid, gid], [idOf('-u', 'postfix'), idOf('-g', 'postfix')]);
    }
    assert.deepEqual(postfix.complaints(), []);
  });
});
