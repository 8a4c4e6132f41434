/** Parameters of Postfix that main.cf refers to and doesn't set: `postconf -d` is asked, but only then. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  type AwaitPostconf,
  awaitPostconf,
  type RunPostconf,
  runPostconf,
} from '../../src/config/installed-defaults.ts';
import { loadConfig } from '../../src/config/load.ts';
import { Settings } from '../../src/config/settings.ts';
import { version } from '../../src/version.ts';
import { builtInNames } from './main-cf-arbitrary.ts';
import { noPostconf, scratchDirectory, writeMainCf } from './scratch.ts';

const directory = scratchDirectory();
const postconf = '/usr/sbin/postconf';

interface Opened {
  settings: Settings;
  warnings: string[];
}

function open(
  lines: readonly string[],
  run?: RunPostconf,
  mode = 'print',
  awaitRun?: AwaitPostconf,
): Opened {
  writeMainCf(directory, [...lines, ''].join('\n'));
  const warnings: string[] = [];
  const settings = new Settings({
    configDirectory: directory,
    environment: {},
    overrides: [],
    programName: 'postconf',
    serviceName: 'tlsmgr',
    mode: mode as 'print',
    warn: (text) => warnings.push(text),
    ...(run === undefined ? {} : { runPostconf: run }),
    ...(awaitRun === undefined ? {} : { awaitPostconf: awaitRun }),
  });
  return { settings, warnings };
}

/** Of Postfix 3.11, which isn't on this host. */
const newer = new Map([
  ['default_cache_db_type', 'lmdb'],
  ['mail_version', '3.11.2'],
]);

/** Stands in for the postconf(1) of another Postfix. */
function answering(
  defaults: ReadonlyMap<string, string>,
  asked: (readonly string[])[] = [],
): RunPostconf {
  return (args) => {
    asked.push(args);
    return args
      .slice(args.indexOf('-d') + 1)
      .filter((name) => defaults.has(name))
      .map((name) => `${name} = ${defaults.get(name)}\n`)
      .join('');
  };
}

const failing = (code: string): RunPostconf => {
  return () => {
    throw Object.assign(new Error('spawnSync postconf'), { code });
  };
};

describe('defaults of the installed Postfix', () => {
  test(
    'all names of postconf -d have the value that postconf -x gives them',
    {
      skip: noPostconf,
    },
    () => {
      const self = 'tls_random_source';
      /** As a value these are faults, to postconf as well: a $ stands before a quotation mark. */
      const faults = /_expansion_filter$/u;
      const names = builtInNames.filter((name) => name !== self && !faults.test(name));
      assert.ok(names.length > 900, `${names.length} names`);
      const all = `${self} = ${names.map((name) => `[${name}=\${${name}}]`).join('\n ')}`;
      for (const lines of [
        [all],
        ['compatibility_level = 3.6', 'inet_interfaces = 127.0.0.1', 'mail_version = 1.0', all],
      ]) {
        const { settings, warnings } = open(lines);
        const { stdout } = spawnSync(postconf, ['-c', directory, '-xh', self], {
          encoding: 'utf8',
        });
        const parts = (text: string): string[] => text.trimEnd().split(/(?<=\]) (?=\[\w+=)/u);
        assert.deepEqual(parts(settings.printed().get(self)!), parts(stdout));
        assert.equal(parts(stdout).length, names.length);
        assert.deepEqual(warnings, []);
      }
    },
  );

  test(
    'a name alone, in the midst of a value, as an alternative, behind another',
    {
      skip: noPostconf,
    },
    () => {
      for (const [value, expanded] of [
        ['a${process_id_directory}b', 'apidb'],
        ['$message_size_limit', '10240000'],
        ['$myorigin', 'h.example.com'],
        ['${relayhost?{yes}:{no}}', 'no'],
        ['${inet_interfaces?{yes}:{no}}', 'yes'],
        ['$own', 'x pid'],
        ['a${no_such_name}b', 'ab'],
      ] as const) {
        const lines = [`tls_random_source = ${value}`, 'own = x $process_id_directory'];
        const { settings } = open([...lines, 'myhostname = h.example.com']);
        assert.equal(settings.text('tls_random_source'), expanded, value);
      }
    },
  );

  test('nobody is asked while no parameter of ours refers to such a name', () => {
    const asked: (readonly string[])[] = [];
    const config = loadConfig({
      configDirectory: open([
        'mydestination = $myhostname, localhost.$mydomain, $mynetworks',
        'smtpd_banner = $myhostname ESMTP $mail_name',
        'smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache',
        'smtpd_tls_session_cache_database = btree:$queue_directory/x.$mydomain',
      ]).settings.directory,
      environment: {},
      overrides: [],
      programName: 'tlsmgr',
      serviceName: 'tlsmgr',
      mode: 'standalone',
      warn: assert.fail,
      runPostconf: answering(new Map(), asked),
    });
    assert.equal(config.caches.get('smtp')!.database, 'btree:/var/lib/postfix/smtp_scache');
    assert.deepEqual(asked, []);
  });

  test('what is referred to is asked for at once, and what the answers refer to', () => {
    const asked: (readonly string[])[] = [];
    const defaults = new Map([
      ['one', '$two/${three:x}'],
      ['two', '2'],
      ['five', ''],
    ]);
    const { settings } = open(
      [
        'tls_random_source = $one',
        'tls_random_exchange_name = ${four}${five?{y}:{n}}',
        'four = $five',
      ],
      answering(defaults, asked),
    );
    assert.equal(settings.text('tls_random_source'), '2/x');
    assert.equal(settings.text('tls_random_exchange_name'), 'n');
    assert.deepEqual(
      asked.map((args) => args.slice(args.indexOf('-d') + 1)),
      [
        ['one', 'mail_version', 'five'],
        ['two', 'three'],
      ],
    );
  });

  test('the form of the defaults of Postfix 3.11 is a cache', () => {
    for (const [run, type] of [
      [answering(newer), 'lmdb'],
      // A main.cf of Postfix 3.11, and no Postfix to ask.
      [failing('ENOENT'), 'btree'],
    ] as const) {
      const { settings, warnings } = open(
        ['smtp_tls_session_cache_database = $default_cache_db_type:$data_directory/smtp_scache'],
        run,
      );
      assert.equal(
        settings.text('smtp_tls_session_cache_database'),
        `${type}:/var/lib/postfix/smtp_scache`,
      );
      assert.deepEqual(warnings, []);
    }
  });

  test('a postconf that fails is one warning, and the names are empty', () => {
    for (const [code, reason] of [
      ['ENOENT', 'it is not installed'],
      ['ETIMEDOUT', 'no answer'],
      ['EACCES', 'it fails'],
    ] as const) {
      const { settings, warnings } = open(
        ['tls_random_source = a${one}b', 'tls_random_exchange_name = ${two}c'],
        failing(code),
      );
      assert.equal(settings.text('tls_random_source'), 'ab');
      assert.equal(settings.text('tls_random_exchange_name'), 'c');
      assert.deepEqual(warnings, [
        `cannot ask postconf for defaults (${reason}); taken as empty: one, two`,
      ]);
    }
    const { settings, warnings } = open(
      ['tls_random_source = a${one}b'],
      failing('ENOENT'),
      'standalone',
    );
    assert.equal(settings.text('tls_random_source'), 'ab');
    assert.deepEqual(warnings, [], 'standalone service needs no Postfix');
  });

  test('the version is that of the installed Postfix, else ours', () => {
    assert.equal(open([], answering(newer)).settings.printed().get('mail_version'), '3.11.2');
    assert.equal(open([], failing('ENOENT')).settings.printed().get('mail_version'), version);
  });

  test('what a host name refers to is asked for with the others', () => {
    const asked: (readonly string[])[] = [];
    const { settings } = open(
      ['myhostname = $one.example.com', 'tls_random_source = $two'],
      answering(new Map([['one', 'h']]), asked),
    );
    assert.equal(settings.text('tls_random_source'), '');
    assert.equal(settings.text('myhostname'), 'h.example.com');
    assert.equal(asked.length, 1);
  });
});

describe('defaults of the installed Postfix, for a process that serves', () => {
  const waits: RunPostconf = () => assert.fail('everybody waits');

  test('the answers are those of a start', { skip: noPostconf }, async () => {
    const lines = [
      'myhostname = h.example.com',
      'inet_interfaces = 127.0.0.1',
      'tls_random_source = ${smtpd_banner}/$no_such_name/$mynetworks',
      'tls_random_exchange_name = $newaliases_path',
    ];
    const before = open(lines, runPostconf).settings.printed();
    const { settings, warnings } = open(lines, waits, 'print', awaitPostconf);
    await settings.prepare();
    assert.deepEqual(settings.printed(), before);
    assert.match(before.get('tls_random_source')!, /ESMTP/u);
    assert.deepEqual(warnings, []);
  });

  test('a postconf that fails is one warning', async () => {
    for (const [code, reason] of [
      ['ETIMEDOUT', 'no answer'],
      ['EACCES', 'it fails'],
    ] as const) {
      const { settings, warnings } = open(['tls_random_source = a${one}b'], waits, 'print', () =>
        Promise.reject(Object.assign(new Error('postconf'), { code })),
      );
      await settings.prepare();
      assert.equal(settings.text('tls_random_source'), 'ab');
      assert.deepEqual(warnings, [
        `cannot ask postconf for defaults (${reason}); taken as empty: one`,
      ]);
    }
  });

  test('a postconf that hangs is killed at its time', { skip: noPostconf }, async () => {
    const fifo = join(directory, 'master.cf');
    assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
    const asked = awaitPostconf(['-c', directory, '-d', 'relayhost'], 100);
    await assert.rejects(asked, { code: 'ETIMEDOUT', signal: 'SIGKILL' });
    rmSync(fifo);
    assert.match(await awaitPostconf(['-c', directory, '-d', 'relayhost']), /^relayhost =/u);
  });
});
