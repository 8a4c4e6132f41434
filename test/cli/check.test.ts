import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { forInstance, type Severity } from '../../src/cli/findings/finding.ts';
import { oldestNode } from '../../src/cli/findings/program.ts';
import { launcherText } from '../../src/cli/postfix/launcher.ts';
import { readPackage } from '../package/read-package.ts';
import { noCDaemon } from '../config/c-daemon.ts';
import { CheckSetUp, nobody, usualLine } from './check-set-up.ts';

const ourLine = 'tlsmgr unix - - y 1000? 1 node-tlsmgr/tlsmgr';

describe('tlsmgr check', { skip: noCDaemon }, () => {
  let setUp: CheckSetUp;

  before(() => {
    setUp = new CheckSetUp();
  });
  after(() => setUp.remove());

  /** Expects just this. */
  const expectOne = async (
    parameters: Record<string, string>,
    severity: Severity,
    name: string,
    text: RegExp,
    remedy: RegExp,
  ): Promise<void> => {
    const found = await setUp.findings(parameters);
    assert.deepEqual(
      found.map((one) => [one.severity, one.name]),
      [[severity, name]],
      JSON.stringify({ parameters, found }),
    );
    assert.match(found[0]!.text, text);
    assert.match(found[0]!.remedy, remedy);
  };

  test('finds nothing where there is nothing', async () => {
    assert.deepEqual(await setUp.findings(), []);
  });

  test('the exit status is that of the worst, and the worst comes first', async () => {
    const note = await setUp.check();
    assert.deepEqual([note.status, note.out.split('\n').at(-2)], [0, '1 note']);
    const warning = await setUp.check({ tls_random_source: '' });
    assert.deepEqual([warning.status, warning.out.split('\n').at(-2)], [1, '1 warning, 1 note']);
    assert.match(warning.out, /^warning: /u);
    const error = await setUp.check({ tls_random_source: '', queue_directory: '/nonexistent' });
    assert.deepEqual(
      [error.status, error.out.split('\n').at(-2)],
      [2, '1 error, 1 warning, 1 note'],
    );
    assert.match(error.out, /^error: .*\n {4}.*\nwarning: /u);
    assert.equal((await setUp.check({}, '--nonsense')).status, 3);
  });

  test('main.cf: each fault has its remedy', async () => {
    type Row = [Record<string, string>, Severity, string, RegExp, RegExp];
    const table: Row[] = [
      [
        { queue_directory: '/nonexistent' },
        'error',
        'queue-directory-missing',
        /queue/u,
        /^mkdir/u,
      ],
      [
        { data_directory: '/etc' },
        'error',
        'data-directory-owner',
        /doesn't belong to mail_owner nobody/u,
        /^chown nobody \/etc; postfix reload$/u,
      ],
      [
        { smtp_tls_session_cache_database: 'nosuch:/x' },
        'error',
        'cache-unusable',
        /unsupported dictionary type: nosuch: this cache is off$/u,
        /^postconf 'smtp_tls/u,
      ],
      [
        { smtp_tls_session_cache_database: 'btree:/nonexistent/x' },
        'error',
        'cache-directory-missing',
        /no directory \/nonexistent: this cache is off/u,
        /^install -d -o nobody/u,
      ],
      [
        { smtp_tls_session_cache_database: 'btree:/etc/x' },
        'warning',
        'cache-redirected',
        /\/etc doesn't belong to mail_owner/u,
        /^postconf/u,
      ],
      [
        {
          smtp_tls_session_cache_database: 'btree:$data_directory/x',
          lmtp_tls_session_cache_database: 'hash:$data_directory/x',
        },
        'error',
        'cache-shared',
        /^do not use the same TLS cache file .* for smtp and lmtp: the daemon can't start$/u,
        /^postconf 'lmtp_tls_session_cache_database=btree/u,
      ],
      [
        { smtp_tls_session_cache_timeout: '10' },
        'note',
        'cache-timeout-short',
        /= 10: counts as 120 seconds/u,
        /3600s/u,
      ],
      [
        { smtp_tls_session_cache_timeout: '8d' },
        'warning',
        'cache-timeout-long',
        /= 8d: sessions older than 7d 0h are of no use/u,
        /3600s/u,
      ],
      [
        { smtp_tls_session_cache_timeout: '101d' },
        'error',
        'config-fault',
        /^invalid smtp_tls_session_cache_timeout: 8726400 \(max 8640000\): the daemon can't start$/u,
        /^postconf smtp_tls_session_cache_timeout; postconf -d smtp_/u,
      ],
      [
        { smtpd_tls_session_cache_timeout: '0' },
        'note',
        'cache-timeout-zero',
        /and so are session tickets/u,
        /3600s/u,
      ],
      [
        {
          smtp_tls_session_cache_database: 'internal:',
          smtp_tls_session_cache_size_limit: String(2 ** 50),
        },
        'warning',
        'cache-memory',
        /may grow to 1024\.0 TiB, and this host has/u,
        /^postconf smtp_tls_session_cache_size_limit {2}# lower/u,
      ],
      [
        { smtp_tls_session_cache_database: 'internal:', smtp_tls_session_cache_size_limit: '0' },
        'warning',
        'cache-unlimited',
        /fills this host's memory/u,
        /=268435456/u,
      ],
      [{ tls_random_source: '' }, 'warning', 'source-none', /is empty/u, /dev:\/dev\/urandom/u],
      [
        { tls_random_source: 'dev:/nonexistent' },
        'warning',
        'source-missing',
        /there is no \/nonexistent/u,
        /dev:\/dev\/urandom/u,
      ],
      [
        { tls_random_source: 'egd:/dev/null' },
        'warning',
        'source-kind',
        /is no socket/u,
        /dev:\/dev\/urandom/u,
      ],
      [
        { tls_random_source: '/etc' },
        'warning',
        'source-kind',
        /is neither a file nor a device/u,
        /dev:\/dev\/urandom/u,
      ],
      [
        { tls_random_source: 'dev:/etc/passwd' },
        'warning',
        'source-kind',
        /is a file, not a device/u,
        /dev:\/dev\/urandom/u,
      ],
      [
        { tls_random_exchange_name: '/nonexistent/x' },
        'error',
        'exchange-directory-missing',
        /the daemon can't start/u,
        /prng_exch/u,
      ],
      [
        { tls_random_exchange_name: '/etc/x' },
        'warning',
        'exchange-redirected',
        /goes into data_directory/u,
        /prng_exch/u,
      ],
      [{ tls_random_exchange_name: '' }, 'note', 'exchange-none', /is empty/u, /prng_exch/u],
      [
        { daemon_timeout: '1h30m' },
        'warning',
        'config-warning',
        /^parameter daemon_timeout: ignoring "30m"/u,
        /^postconf daemon_timeout; postconf -d daemon_timeout {2}# what is set/u,
      ],
      [
        { tls_random_bytes: '12x' },
        'error',
        'config-fault',
        /^bad numerical configuration: tls_random_bytes = 12x: the daemon can't start$/u,
        /^postconf tls_random_bytes; postconf -d tls_random_bytes {2}# what is set/u,
      ],
      [
        { mail_owner: 'nosuchuser' },
        'error',
        'config-fault',
        /parameter mail_owner: unknown user name value: nosuchuser/u,
        /^postconf mail_owner; /u,
      ],
      [
        { tlsmgr_conection_limit: '100' },
        'warning',
        'parameter-unknown',
        /^tlsmgr_conection_limit in main\.cf: .* no effect$/u,
        /^postconf 'tlsmgr_connection_limit=100'; postconf -X tlsmgr_conection_limit; postfix reload {2}# tlsmgr_connection_limit was meant\?$/u,
      ],
      [
        { tlsmgr_session_cache_key_file: '/x' },
        'note',
        'key-file-unused',
        /nothing to encrypt/u,
        /persistent=yes/u,
      ],
      [
        { tlsmgr_session_cache_persistent: 'yes' },
        'note',
        'key-file-none',
        /reads sessions$/u,
        /set -C; openssl rand -hex 32 > DIR\/tlsmgr-cache-key\) && chown nobody/u,
      ],
      [
        { tls_ssl_options: 'NO_TICKET', smtpd_tls_security_level: 'may' },
        'warning',
        'server-resumes-nothing',
        /no client can resume/u,
        /smtpd_scache/u,
      ],
      [
        {
          smtpd_tls_security_level: 'may',
          smtpd_tls_session_cache_database: 'btree:$data_directory/s',
        },
        'note',
        'server-cache-spare',
        /may be left out$/u,
        /smtpd_tls_session_cache_database='/u,
      ],
      [
        { smtp_tls_security_level: 'may' },
        'note',
        'client-resumes-nothing',
        /every delivery pays for a full handshake/u,
        /smtp_scache/u,
      ],
    ];
    for (const row of table) {
      await expectOne(...row);
    }
  });

  test('two caches that meet in data_directory only after redirection', async () => {
    const found = await setUp.findings({
      smtp_tls_session_cache_database: 'btree:/etc/x',
      lmtp_tls_session_cache_database: 'btree:/usr/x',
    });
    assert.deepEqual(
      found.map(({ name }) => name),
      ['cache-shared', 'cache-redirected', 'cache-redirected'],
    );
    assert.match(
      found[0]!.text,
      /, which both are .*\/data\/x after redirection: the daemon can't/u,
    );
  });

  test('files in data_directory: owners, modes, kinds, leftovers', async () => {
    const caches = {
      smtp_tls_session_cache_database: 'btree:$data_directory/a',
      lmtp_tls_session_cache_database: 'btree:$data_directory/b',
    };
    const expectFile = async (severity: Severity, name: string, remedy: RegExp): Promise<void> => {
      await expectOne(caches, severity, name, /./u, remedy);
    };
    setUp.writeData('a.tlsmgr', '', { mode: 0o640 });
    await expectFile('warning', 'cache-file-open', /^chmod 600 .*\/data\/a\.tlsmgr$/u);
    setUp.writeData('a.tlsmgr', '', { owner: 0 });
    await expectFile('error', 'cache-file-owner', /^chown nobody .*\/data\/a\.tlsmgr/u);
    setUp.writeData('a.tlsmgr');
    symlinkSync(setUp.path('data'), setUp.path('data/same'));
    await expectOne(
      { ...caches, lmtp_tls_session_cache_database: 'btree:$data_directory/same/a' },
      'error',
      'cache-shared',
      /for smtp and lmtp/u,
      /^postconf 'lmtp/u,
    );
    rmSync(setUp.path('data/a.tlsmgr'));
    rmSync(setUp.path('data/same'));
    mkdirSync(setUp.path('data/a.tlsmgr'));
    await expectFile(
      'error',
      'cache-file-kind',
      /^ls -ld .*\/data\/a\.tlsmgr {2}# move it away, then postfix reload$/u,
    );
    rmSync(setUp.path('data/a.tlsmgr'), { recursive: true });
    for (const [path, name] of [
      ['a.tlsmgr', 'cache-file-kind'],
      ['prng_exch', 'exchange-file-kind'],
    ] as const) {
      setUp.writeData('precious', 'x');
      linkSync(setUp.path('data/precious'), setUp.path(`data/${path}`));
      await expectFile('error', name, /^ls -ld .* {2}# move it away, then postfix reload$/u);
      rmSync(setUp.path(`data/${path}`));
      symlinkSync(setUp.path('data/precious'), setUp.path(`data/${path}`));
      lchownSync(setUp.path(`data/${path}`), 4321, 4321);
      await expectFile('error', name, /^ls -ld .* {2}# move it away, then postfix reload$/u);
      rmSync(setUp.path(`data/${path}`));
    }
    rmSync(setUp.path('data/precious'));

    setUp.writeData('a.db');
    const parameters = { smtp_tls_session_cache_database: `btree:${setUp.path('data/a')}` };
    assert.deepEqual(await setUp.findings(parameters), [], 'it is the own of what master.cf names');
    setUp.writeMasterCf(ourLine);
    const left = (await setUp.findings(parameters)).find(({ name }) => name === 'cache-leftover');
    assert.match(left!.remedy, /^rm .*\/data\/a\.db$/u);
    setUp.writeMasterCf(usualLine);
    rmSync(setUp.path('data/a.db'));

    setUp.writeData('prng_exch', 'x', { owner: 0 });
    await expectFile('error', 'exchange-file-owner', /^chown nobody .*prng_exch; chmod 600/u);
    setUp.writeData('prng_exch', 'x', { mode: 0o644 });
    await expectFile('warning', 'exchange-file-open', /^chmod 600 .*prng_exch$/u);
    rmSync(setUp.path('data/prng_exch'));

    chmodSync(setUp.path('data'), 0o770);
    await expectFile('warning', 'data-directory-open', /^chmod go-w .*\/data$/u);
    chmodSync(setUp.path('data'), 0o700);
  });

  test('the key file: missing, of another user, malformed, open to others', async () => {
    const parameters = {
      tlsmgr_session_cache_persistent: 'yes',
      tlsmgr_session_cache_key_file: '$data_directory/key',
    };
    const name = 'key-file-unusable';
    await expectOne(parameters, 'error', name, /No such file/u, /openssl rand -hex 32 > /u);
    setUp.writeData('key', 'a'.repeat(64), { owner: 0 });
    await expectOne(
      parameters,
      'error',
      name,
      /mail_owner nobody can't read it/u,
      /^chown nobody/u,
    );
    setUp.writeData('key', 'short');
    await expectOne(parameters, 'error', name, /neither 64 hexadecimal digits nor 32/u, /openssl/u);
    setUp.writeData('key', 'a'.repeat(64), { mode: 0o640 });
    await expectOne(parameters, 'warning', 'key-file-open', /open to its group/u, /^chmod 600 /u);
    setUp.writeData('key', 'a'.repeat(64));
    assert.deepEqual(await setUp.findings(parameters), []);
    rmSync(setUp.path('data/key'));
    assert.equal(spawnSync('mkfifo', [setUp.path('data/key')]).status, 0);
    chmodSync(setUp.path('data/key'), 0o666);
    await expectOne(parameters, 'error', name, /not a regular file/u, /^ls -l /u);
    rmSync(setUp.path('data/key'));
  });

  test('a full disk', async (t) => {
    const data = setUp.path('small');
    mkdirSync(data);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', data]);
    if (mounted.status !== 0) {
      t.skip('a file system can not be mounted here');
      return;
    }
    try {
      chownSync(data, nobody, nobody);
      chmodSync(data, 0o700);
      const parameters = { data_directory: data };
      await expectOne(
        parameters,
        'warning',
        'disk-full',
        /1\.0 MiB free/u,
        /^df -h \S+ {2}# make room in /u,
      );
    } finally {
      spawnSync('umount', [data]);
    }
  });

  test('master.cf: no entry, another type or name, wrong fields', async () => {
    type Row = [string, Severity, string, RegExp];
    const table: Row[] = [
      [
        'x unix - - n - 1 cleanup',
        'error',
        'master-no-entry',
        /^postconf -M 'tlsmgr\/unix=tlsmgr /u,
      ],
      [
        'tlsmgr fifo - - y 300 1 tlsmgr',
        'error',
        'master-type',
        /^postconf -M# tlsmgr\/fifo; postconf -M 'tlsmgr\/unix=/u,
      ],
      [
        'tlsmgr2 unix - - y 1000? 1 tlsmgr',
        'error',
        'master-service-name',
        /^postconf 'tlsmgr_service_name=tlsmgr2';/u,
      ],
      [
        'tlsmgr unix n - y 1000? 1 tlsmgr',
        'error',
        'master-private',
        /^postconf -F 'tlsmgr\/unix\/private=-'; postfix reload$/u,
      ],
      [
        'tlsmgr unix - - y 1000? - tlsmgr',
        'error',
        'master-process-limit',
        /^postconf -F 'tlsmgr\/unix\/process_limit=1'/u,
      ],
      ['tlsmgr unix - n y 1000? 1 tlsmgr', 'warning', 'master-privileged', /unprivileged=-/u],
      ['tlsmgr unix - - y 1000 1 tlsmgr', 'note', 'master-wakeup', /wakeup=1000\?'/u],
      ['tlsmgr unix - - y 1000? 1 spawn', 'warning', 'master-command', /command=tlsmgr'/u],
      [
        'tlsmgr unix - - y 1000? 1 tlsmgr -x',
        'error',
        'master-arguments',
        /^postconf -M tlsmgr\/unix {2}# correct what/u,
      ],
      [
        'tlsmgr unix - - y 1000? 1 tlsmgr -o tls_random_byte=1',
        'warning',
        'parameter-unknown',
        /^postconf -PX tlsmgr\/unix\/tls_random_byte; postfix reload$/u,
      ],
      [
        'tlsmgr unix - - y 1000? 1 tlsmgr -o { tls_random_bytes = x }',
        'error',
        'config-fault',
        /^postconf -PX tlsmgr\/unix\/tls_random_bytes; postfix reload {2}# .*-P 'tlsmgr/u,
      ],
    ];
    for (const [line, severity, name, remedy] of table) {
      setUp.writeMasterCf(line);
      await expectOne({}, severity, name, /./u, remedy);
    }
    setUp.writeMasterCf('other unix - - y 1000? 1 tlsmgr');
    assert.deepEqual(await setUp.findings({ tlsmgr_service_name: 'other' }), []);
    setUp.writeMasterCf(usualLine);
    rmSync(setUp.path('master.cf'));
    const found = await setUp.findings();
    assert.deepEqual(
      found.map(({ severity, name }) => [severity, name]),
      [['note', 'only-main-cf']],
    );
    writeFileSync(setUp.path('master.cf'), `${usualLine}\n`);
    const remedy = /^postconf -M 'postlog\/unix-dgram=postlog unix-dgram n - n - 1 postlogd'/u;
    await expectOne({}, 'error', 'postlog-missing', /nobody will see/u, remedy);
    setUp.writeMasterCf(usualLine);
  });

  test('what master.cf starts: the launcher, its node and its program', async () => {
    setUp.writeMasterCf(ourLine);
    const expectLauncher = async (name: string, text: RegExp, remedy: RegExp): Promise<void> => {
      await expectOne({}, 'error', name, text, remedy);
    };
    await expectLauncher(
      'launcher-missing',
      /there is no .*tlsmgr, which/u,
      /^tlsmgr install {2}# puts/u,
    );
    mkdirSync(setUp.path('sbin/node-tlsmgr'));
    const launcher = setUp.path('sbin/node-tlsmgr/tlsmgr');
    mkdirSync(setUp.path('program'));
    const program = setUp.path('program/main.js');
    const node = setUp.path('node');
    const put = (paths: { node: string; program: string }): void => {
      const others = { original: setUp.path('sbin/tlsmgr'), postlog: '/usr/sbin/postlog' };
      writeFileSync(launcher, launcherText({ ...paths, ...others }), { mode: 0o755 });
      chmodSync(launcher, 0o755);
    };
    put({ node, program });
    writeFileSync(program, '');
    await expectLauncher(
      'node-missing',
      /there is no .*\/node/u,
      /^tlsmgr install {2}# with the Node/u,
    );
    writeFileSync(node, '#!/bin/sh\necho v18.20.4\n', { mode: 0o755 });
    chmodSync(node, 0o755);
    await expectLauncher('node-old', /is v18\.20\.4: the daemon needs/u, /later Node\.js/u);
    chmodSync(node, 0o700);
    await expectLauncher('node-private', /is closed to others by/u, /tlsmgr install --node/u);
    put({ node: process.execPath, program: setUp.path('none.js') });
    await expectLauncher(
      'program-missing',
      /there is no .*none\.js/u,
      /^tlsmgr install {2}# once the package/u,
    );
    put({ node: process.execPath, program });
    chmodSync(program, 0o666);
    await expectLauncher('program-unsafe', /may be written by everybody/u, /chmod o-w/u);
    chmodSync(program, 0o644);
    chownSync(program, nobody, nobody);
    await expectLauncher('program-unsafe', /belongs to user 65534, not to root/u, /^chown root/u);
    chownSync(program, 0, 0);
    assert.deepEqual(await setUp.findings(), []);
    chmodSync(launcher, 0o757);
    await expectLauncher('launcher-unsafe', /may be written by everybody/u, /chmod o-w/u);
    chmodSync(launcher, 0o644);
    await expectLauncher('launcher-broken', /can't be executed/u, /^chmod 755/u);
    const text = readFileSync(launcher, 'utf8');
    writeFileSync(launcher, text.replace(/^original=.*\n/mu, ''));
    chmodSync(launcher, 0o755);
    await expectOne(
      {},
      'warning',
      'launcher-old',
      /doesn't start Postfix's own/u,
      /^tlsmgr install$/u,
    );
    writeFileSync(launcher, `${text}echo changed\n`);
    chmodSync(launcher, 0o755);
    await expectOne({}, 'warning', 'launcher-changed', /has changed it$/u, /^tlsmgr install$/u);
    writeFileSync(launcher, '#!/bin/sh\n');
    chmodSync(launcher, 0o755);
    await expectOne({}, 'warning', 'launcher-changed', /isn't examined/u, /^tlsmgr install$/u);
    put({ node: process.execPath, program });
    const reference = '-o debug_peer_list=${tlsmgr_protocol_announcement?}';
    setUp.writeMasterCf(`${ourLine} -o tlsmgr_protocol_announcement=no ${reference}`);
    await expectLauncher(
      'announcement',
      /wait for the announcement in vain/u,
      /announcement=yes$/u,
    );
    setUp.writeMasterCf(usualLine);
  });

  test('a parameter without its reference, and a reference without its parameter', async () => {
    const told = async (reference: string, parameters: Record<string, string>) => {
      setUp.writeMasterCf(`${ourLine}${reference}`);
      const found = await setUp.findings(parameters);
      return found
        .filter(({ name }) => name.startsWith('reference-'))
        .map(({ severity, name, text, remedy }) => [severity, name, text, remedy].join(': '));
    };
    const limit = { tlsmgr_connection_limit: '99' };
    const both = ' -o debug_peer_list=${tlsmgr_connection_limit?}${tlsmgr_request_time_limit?}';
    assert.deepEqual(await told('', {}), []);
    assert.deepEqual(await told(both, { ...limit, tlsmgr_request_time_limit: '9s' }), []);
    const [missing] = await told('', limit);
    assert.match(
      missing!,
      /^note: reference-missing: .* to tlsmgr_connection_limit: .* know: tlsmgr i/u,
    );
    const [stale] = await told(both, limit);
    assert.match(stale!, /^note: reference-stale: .* refers to tlsmgr_request_time_limit, /u);
    const [own] = await told(' -o debug_peer_list=192.0.2.1', limit);
    assert.match(own!, /is your own, .*: # append \$\{tlsmgr_connection_limit\?\} to the value/u);
    const appended = ' -o debug_peer_list=192.0.2.1${tlsmgr_connection_limit?}';
    assert.deepEqual(await told(appended, limit), []);
    setUp.writeMasterCf(usualLine);
  });

  test('a daemon that does not answer on --socket', async () => {
    const path = setUp.path('silent');
    await expectSocket(path, /: there is no such socket: does Postfix run/u);
    const server = createServer((socket) => socket.end()).listen(path);
    await once(server, 'listening');
    await expectSocket(path, /: connection closed$/u);
    server.close();
  });

  const expectSocket = async (path: string, text: RegExp): Promise<void> => {
    const found = await setUp.findings({}, '--socket', path);
    assert.deepEqual(
      found.map(({ severity, name }) => [severity, name]),
      [['error', 'not-answering']],
    );
    assert.match(found[0]!.text, text);
    assert.match(
      found[0]!.remedy,
      /postfix stop; postfix start {2}# .*master\(8\) leaves one that/u,
    );
  };

  test('a line of main.cf that is none is told in words, without a stack trace', async () => {
    const { out, err, status } = await setUp.check({ 'no equals\n#': '' });
    assert.match(
      out,
      /^error: DIR\/main\.cf, line \d+: missing '=' after attribute name: .*can't/u,
    );
    assert.deepEqual([err, status], ['', 2]);
  });

  test('what mends another instance names its directory', () => {
    const remedies = ['postconf x=y; postfix reload', 'tlsmgr install', 'ls /x'];
    const findings = remedies.map((remedy) => {
      return { severity: 'note' as const, name: 'x', text: 'x', remedy };
    });
    const inDirectory = (directory: string): string[] =>
      forInstance(findings, directory).map(({ remedy }) => remedy);
    assert.deepEqual(inDirectory('/etc/postfix'), remedies);
    assert.deepEqual(inDirectory('/etc/mx2'), [
      'postconf -c /etc/mx2 x=y; postfix -c /etc/mx2 reload',
      'tlsmgr install -c /etc/mx2',
      'ls /x',
    ]);
  });

  test('wants the node that package.json wants', () => {
    assert.equal(readPackage().engines.node, `>=${oldestNode}`);
  });
});
