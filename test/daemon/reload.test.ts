/** SIGHUP to a standalone tlsmgr: main.cf anew, with sessions, keys and connections as they are. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TlsmgrClient } from '../../src/client/client.ts';
import { patientClient } from '../patient-client.ts';
import { loadConfig, loadConfigAtRest, type LoadOptions } from '../../src/config/load.ts';
import { appliedByReload, inTurn, reload as reloadSettings } from '../../src/daemon/reload.ts';
import type { Report } from '../../src/report/report.ts';
import { notBuilt, Standalone } from '../cli/standalone.ts';
import { noPostconf, scratchDirectory, writeMainCf } from '../config/scratch.ts';
import { poll } from '../postfix/poll.ts';

describe('SIGHUP', { skip: notBuilt }, () => {
  const tlsmgr = new Standalone();
  const etc = join(tlsmgr.folder, 'etc');
  let client: TlsmgrClient;

  const report = async (): Promise<Report> => (await client.stats()) as Report;

  /** Writes main.cf, reloads, and waits for the last line about it. */
  async function reload(lines: readonly string[], said: RegExp): Promise<string> {
    writeFileSync(join(etc, 'main.cf'), lines.map((line) => `${line}\n`).join(''));
    const from = tlsmgr.said.length;
    tlsmgr.signal('SIGHUP');
    await tlsmgr.says(said, from);
    return tlsmgr.said.slice(from);
  }

  before(async () => {
    mkdirSync(etc);
    writeFileSync(join(etc, 'main.cf'), '');
    await tlsmgr.start('-c', 'etc');
    client = patientClient(tlsmgr.socket);
  });
  after(async () => {
    void client.close();
    await tlsmgr.stop();
    tlsmgr.remove();
  });

  test('limits and lifetimes change; sessions, the ticket key and connections stay', async () => {
    const session = Buffer.from('kept over the reload');
    await client.update('smtpd', 'kept', session);
    const key = await client.ticketKey();
    const { pid, connections } = await report();
    await reload(
      [
        'smtpd_tls_session_cache_size_limit = 12345',
        'smtpd_tls_session_cache_entry_limit = 7',
        'smtpd_tls_session_cache_timeout = 7200s',
        'tlsmgr_connection_limit = 99',
        'tlsmgr_request_size_limit = 4096',
      ],
      /re-read: tlsmgr_request_size_limit = 4096/u,
    );
    const now = await report();
    assert.equal(now.pid, pid);
    assert.equal(now.connections.accepted, connections.accepted);
    assert.equal(now.connections.limit, 99);
    const { sizeLimitBytes, entryLimit, lifetimeSeconds } = now.caches['smtpd']!;
    assert.deepEqual([sizeLimitBytes, entryLimit, lifetimeSeconds], [12_345, 7, 7200]);
    assert.equal((await client.policy('smtpd')).timeoutSeconds, 7200);
    assert.deepEqual(await client.lookup('smtpd', 'kept'), session);
    assert.deepEqual(await client.ticketKey(), key);
    const other = patientClient(tlsmgr.socket);
    assert.equal(await other.update('smtp', 'large', Buffer.alloc(8192)), false);
    assert.match(other.trouble!.message, /connection closed|ECONNRESET|EPIPE/u);
    void other.close();
  });

  test('a lower limit holds at once for what comes, and soon for what is there', async () => {
    await reload([], /re-read: smtp/u);
    for (let count = 0; count < 500; count += 1) {
      await client.update('smtp', `id ${count}`, Buffer.alloc(1000));
    }
    await reload(['smtp_tls_session_cache_entry_limit = 20'], /entry_limit = 20/u);
    let entries: number | undefined;
    do {
      entries = (await report()).caches['smtp']!.entries;
    } while (entries !== 20);
    assert.equal(await client.lookup('smtp', 'id 479'), undefined);
    assert.equal((await client.lookup('smtp', 'id 480'))?.length, 1000);
    await client.update('smtp', 'one more', Buffer.alloc(1));
    assert.equal((await report()).caches['smtp']!.entries, 20);
  });

  test('caches go off and on; off means the tickets as well for smtpd', async () => {
    await reload([], /re-read: smtp/u);
    await client.update('lmtp', 'forgotten', Buffer.alloc(10));
    const key = await client.ticketKey();
    await reload(
      ['lmtp_tls_session_cache_database =', 'smtpd_tls_session_cache_timeout = 0'],
      /re-read: lmtp_tls_session_cache_database = \n/u,
    );
    assert.equal(await client.update('lmtp', 'x', Buffer.alloc(1)), false);
    assert.equal(await client.ticketKey(), undefined);
    assert.equal((await report()).caches['lmtp']!.enabled, false);
    await reload([], /re-read: lmtp_tls_session_cache_database = btree/u);
    assert.equal(await client.update('lmtp', 'x', Buffer.alloc(1)), true);
    assert.equal(await client.lookup('lmtp', 'forgotten'), undefined);
    assert.notDeepEqual(await client.ticketKey(), key);
  });

  test('what a cache has counted goes on when it is off and on again', async () => {
    await reload([], /re-read: /u);
    await client.update('lmtp', 'counted', Buffer.alloc(10));
    for (let count = 0; count < 50; count += 1) {
      await client.lookup('lmtp', 'counted');
    }
    const { hits } = (await report()).caches['lmtp']!;
    await reload(['lmtp_tls_session_cache_database ='], /re-read: lmtp/u);
    await client.lookup('smtp', 'none');
    const { rates, history } = await report();
    for (const { hitRatio } of [rates, ...history.points]) {
      assert.ok(hitRatio === null || (hitRatio >= 0 && hitRatio <= 1), String(hitRatio));
    }
    await reload([], /re-read: lmtp/u);
    assert.equal((await report()).caches['lmtp']!.hits, hits);
  });

  test('what needs a start is named, and another database is one of these', async () => {
    const said = await reload(
      ['tls_random_bytes = 64', 'smtp_tls_session_cache_database = btree:elsewhere'],
      /re-read: tls_random_bytes/u,
    );
    assert.match(
      said,
      /warning: main\.cf re-read: tls_random_bytes = 64 takes effect at the next/u,
    );
    assert.match(said, /smtp_tls_session_cache_database = btree:elsewhere takes effect/u);
    assert.match((await report()).caches['smtp']!.database, /run\/smtp_scache$/u);
    await reload(
      ['tls_random_bytes = 64', 'smtp_tls_session_cache_database = btree:elsewhere'],
      /nothing has changed/u,
    );
  });

  test('a file that another cache keeps until the next start is waited for, and all else applied', async () => {
    const file = (name: string): string => join(tlsmgr.folder, 'run', name);
    await reload(['smtp_tls_session_cache_database ='], /re-read: smtp_tls_session_cache_data/u);
    const smtpd = (await report()).caches['smtpd']!.database;
    const said = await reload(
      [
        `smtpd_tls_session_cache_database = btree:${file('other')}`,
        `smtp_tls_session_cache_database = ${smtpd}`,
        'smtpd_tls_session_cache_entry_limit = 11',
      ],
      /re-read: smtp_tls_session_cache_database = .*\n/u,
    );
    assert.match(said, /re-read: smtpd_tls_session_cache_entry_limit = 11\n/u);
    const late = said.match(/re-read: smtpd?_tls_session_cache_database = \S+ takes effect at/gu);
    assert.equal(late?.length, 2, said);
    assert.match(said, /warning: smtp_\S+ = \S+: off until the next start: the smtpd cache has/u);
    const { caches } = await report();
    assert.deepEqual(
      [caches['smtpd']!.database, caches['smtpd']!.entryLimit, caches['smtp']!.enabled],
      [smtpd, 11, false],
    );
  });

  test('a fault in main.cf changes nothing, and is named', async () => {
    await reload([], /re-read: /u);
    const { caches } = await report();
    for (const [line, text] of [
      [
        'tlsmgr_request_size_limit = 12x',
        /bad numerical configuration: tlsmgr_request_size_limit = 12x/u,
      ],
      [
        'smtp_tls_session_cache_database = $smtpd_tls_session_cache_database',
        /do not use the same TLS cache file/u,
      ],
      ['no setting', /missing '=' after attribute name/u],
    ] as const) {
      const said = await reload(['smtp_tls_session_cache_timeout = 300s', line], /not re-read/u);
      assert.match(said, /error: main\.cf not re-read, the settings stay as they are: /u);
      assert.match(said, text);
    }
    const { caches: still } = await report();
    assert.deepEqual(
      [still['smtp']!.lifetimeSeconds, still['smtp']!.database],
      [caches['smtp']!.lifetimeSeconds, caches['smtp']!.database],
    );
  });

  test('requests are served while a main.cf that is being written is waited for', async () => {
    // Postfix waits until the second of the change is over: most of one is left from here on.
    await new Promise((resolve) => {
      setTimeout(resolve, 1000 - (Date.now() % 1000));
    });
    writeFileSync(join(etc, 'main.cf'), 'tlsmgr_connection_limit = 98\n');
    const from = tlsmgr.said.length;
    const isRead = (): boolean => tlsmgr.said.slice(from).includes('re-read');
    tlsmgr.signal('SIGHUP');
    let answered = 0;
    while (!isRead()) {
      await client.lookup('smtpd', 'kept');
      answered += isRead() ? 0 : 1;
      await new Promise((resolve) => {
        setTimeout(resolve, 1);
      });
    }
    assert.ok(answered > 20, `${answered} within the second that Postfix waits for main.cf`);
  });

  test('requests are served while postconf is waited for', { skip: noPostconf }, async () => {
    // postconf(1) reads it to its end, and there is none while somebody may write.
    const masterCf = join(etc, 'master.cf');
    assert.equal(spawnSync('mkfifo', [masterCf]).status, 0);
    writeMainCf(etc, 'tls_random_source = dev:/dev/urandom$relayhost\n');
    const from = tlsmgr.said.length;
    tlsmgr.signal('SIGHUP');
    const writer = await poll('postconf', () => openWhenRead(masterCf));
    rmSync(masterCf);
    for (let count = 0; count < 100; count += 1) {
      await client.lookup('smtpd', 'kept');
    }
    assert.doesNotMatch(tlsmgr.said.slice(from), /re-read|cannot ask/u);
    closeSync(writer);
    await tlsmgr.says(/re-read: /u, from);
    assert.doesNotMatch(tlsmgr.said.slice(from), /cannot ask/u);
  });

  test('docs/systemd.md names what a reload applies', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/systemd.md'), 'utf8');
    const documented = [...page.matchAll(/^\| `([\w.]+)` \|/gmu)].flatMap(([, name]) =>
      name!.startsWith('LABEL_')
        ? ['smtpd', 'smtp', 'lmtp'].map((label) => name!.replace('LABEL', label))
        : [name!],
    );
    assert.deepEqual(documented.toSorted(), [...appliedByReload].toSorted());
  });
});

test('signals that come during a reload are one more after it', async () => {
  let begun = 0;
  const ends: (() => void)[] = [];
  const signal = inTurn(
    () =>
      new Promise((resolve) => {
        begun += 1;
        ends.push(resolve);
      }),
  );
  signal();
  signal();
  signal();
  assert.equal(begun, 1);
  ends.shift()!();
  await poll('the second', () => begun === 2);
  ends.shift()!();
  await poll('its end', () => {
    signal();
    return begun > 2;
  });
  assert.equal(begun, 3);
});

test('a reload asks postconf without a wait for anybody, of the settings before as well', async () => {
  const directory = scratchDirectory();
  const asked: { args: readonly string[]; answer: (printed: string) => void }[] = [];
  const options: LoadOptions = {
    configDirectory: directory,
    environment: {},
    overrides: [],
    programName: 'tlsmgr',
    serviceName: 'tlsmgr',
    mode: 'standalone',
    warn: assert.fail,
    runPostconf: () => assert.fail('everybody waits'),
    awaitPostconf: (args) =>
      new Promise((answer) => {
        asked.push({ args: args.slice(args.indexOf('-d') + 1), answer });
      }),
  };
  writeMainCf(directory, 'smtp_tls_session_cache_database =\n');
  const config = loadConfig(options);
  writeMainCf(directory, 'smtp_tls_session_cache_database = btree:$one/x\n');
  const said: string[] = [];
  const tell = (text: string): void => void said.push(text);
  let settled = false;
  const reloaded = reloadSettings({
    config,
    read: () => loadConfigAtRest(options),
    change: () => Promise.resolve([]),
    log: { verbose: 0, info: tell, warning: tell, error: tell },
  });
  void reloaded.finally(() => {
    settled = true;
  });
  for (const [names, printed] of [
    [['mail_version', 'one'], 'one = /$two\nmail_version = 3.9.1\n'],
    [['two'], 'two = 2\n'],
    // Of the start.
    [['mail_version'], 'mail_version = 3.9.1\n'],
  ] as const) {
    const { args, answer } = await poll('a question', () => asked.shift());
    assert.deepEqual(args, names);
    assert.equal(settled, false);
    answer(printed);
  }
  const next = await reloaded;
  assert.equal(next.caches.get('smtp')!.database, 'btree:/2/x');
  assert.deepEqual(said, ['main.cf re-read: smtp_tls_session_cache_database = btree:/2/x']);
  assert.deepEqual(asked, []);
});

test(
  'an end during a reload waits for no postconf and leaves none',
  { skip: notBuilt || noPostconf },
  async () => {
    const tlsmgr = new Standalone();
    const etc = join(tlsmgr.folder, 'etc');
    const masterCf = join(etc, 'master.cf');
    mkdirSync(etc);
    writeMainCf(etc, '');
    assert.equal(spawnSync('mkfifo', [masterCf]).status, 0);
    try {
      await tlsmgr.start('-c', 'etc');
      tlsmgr.signal('SIGHUP');
      const writer = await poll('postconf', () => openWhenRead(masterCf));
      assert.equal(await tlsmgr.stop(), 0);
      assert.doesNotMatch(tlsmgr.said, /re-read/u);
      await poll('the end of postconf', () => openWhenRead(masterCf) === undefined);
      closeSync(writer);
    } finally {
      tlsmgr.remove();
    }
  },
);

/** Opens a FIFO for writing. @returns undefined while nobody reads it. */
function openWhenRead(path: string): number | undefined {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (thrown) {
    assert.equal((thrown as NodeJS.ErrnoException).code, 'ENXIO');
    return undefined;
  }
}
