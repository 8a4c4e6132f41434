import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { runVerb } from '../../src/cli/run.ts';
import { parameters } from '../../src/config/parameters.ts';
import { askPostconf, noPostconf, scratchDirectory, writeMainCf } from '../config/scratch.ts';

interface Outcome {
  status: number;
  out: string;
  err: string;
}

describe('tlsmgr config', () => {
  const directory = scratchDirectory();

  /** The same without the marks that tell where a value comes from. */
  async function config(...args: Parameters<typeof marked>): Promise<Outcome> {
    const ran = await marked(...args);
    return {
      ...ran,
      out: ran.out.replaceAll(/ {2}# (?:default|the program|main\.cf|command line)$/gmu, ''),
    };
  }

  /** The verb as the command line reaches it, so that fatal texts and statuses are people's. */
  async function marked(
    args: readonly string[],
    environment: NodeJS.ProcessEnv = { MAIL_CONFIG: directory },
  ): Promise<Outcome> {
    let out = '';
    let err = '';
    const status = await runVerb('config', args, {
      out: (text) => void (out += text),
      err: (text) => void (err += text),
      screen: (text) => void (out += text),
      environment,
    });
    return { status, out, err };
  }

  test('prints every parameter, in the order of the table', async () => {
    writeMainCf(directory, 'tls_random_source = dev:/x\n');
    const { status, out, err } = await config([]);
    assert.equal(status, 0);
    assert.equal(err, '');
    const lines = out.split('\n');
    assert.equal(lines.pop(), '');
    assert.deepEqual(
      lines.map((line) => line.split(' =')[0]),
      parameters.map(({ name }) => name),
    );
    assert.ok(lines.includes('tls_random_source = dev:/x'));
    assert.ok(lines.includes('smtpd_tls_session_cache_timeout = 3600s'));
    assert.ok(lines.includes('smtpd_tls_session_cache_database ='), 'no blank at the end');
  });

  test('prints those that are named, in the order named', async () => {
    writeMainCf(directory, 'max_use = 7\n');
    assert.deepEqual(await config(['max_use', 'config_directory', 'max_use']), {
      status: 0,
      out: `max_use = 7\nconfig_directory = ${directory}\nmax_use = 7\n`,
      err: '',
    });
  });

  test('warns of a name that is none, and prints the others', async () => {
    writeMainCf(directory, 'nope = 1\n');
    assert.deepEqual(await config(['nope', 'max_use', '__proto__']), {
      status: 1,
      out: 'max_use = 100\n',
      err: 'tlsmgr: warning: nope: unknown parameter\ntlsmgr: warning: __proto__: unknown parameter\n',
    });
  });

  test('--json is one object of texts', async () => {
    writeMainCf(directory, 'mail_name = "\\ é\n tls_random_bytes = \nfoo = x\n');
    const { status, out } = await config(['--json']);
    assert.equal(status, 0);
    const shown = JSON.parse(out) as Record<string, unknown>;
    assert.deepEqual(
      Object.keys(shown),
      parameters.map(({ name }) => name),
    );
    assert.ok(Object.values(shown).every((value) => typeof value === 'string'));
    assert.equal(shown['mail_name'], '"\\ é tls_random_bytes =');
    const asked = await config(['--json', 'max_use', 'nope']);
    assert.deepEqual([asked.status, JSON.parse(asked.out)], [1, { max_use: '100' }]);
    assert.deepEqual((await config(['--json', 'nope'])).status, 1);
  });

  test('shows what the daemon uses, -o of master.cf included, and where each value comes from', async () => {
    const masterCf = join(directory, 'master.cf');
    writeMainCf(directory, 'max_use = 8\nmax_idle = 9s\ntls_random_bytes = 40\nempty = x\n');
    writeFileSync(
      masterCf,
      `# tlsmgr unix - - y - 1 tlsmgr -o max_use=1
smtp unix - - y - - smtp -o max_use=2
tlsmgr unix - - y 1000? 1 node-tlsmgr/tlsmgr
# in between
  -o max_idle=10s -o { tls_random_source =
  }
  -o max_use=3
`,
    );
    try {
      const names = [
        'max_use',
        'max_idle',
        'tls_random_bytes',
        'tls_random_source',
        'ipc_ttl',
        'process_name',
        'config_directory',
      ];
      const { status, out, err } = await marked(['-c', directory, '-o', 'max_use=4', ...names], {});
      assert.deepEqual([status, err], [0, '']);
      assert.deepEqual(out.split('\n'), [
        'max_use = 4  # command line',
        'max_idle = 10s  # master.cf',
        'tls_random_bytes = 40  # main.cf',
        'tls_random_source =  # master.cf',
        'ipc_ttl = 1000s  # default',
        'process_name = tlsmgr  # the program',
        `config_directory = ${directory}  # the program`,
        '',
      ]);
      const json = await marked(['--json', 'max_use', 'max_idle']);
      assert.deepEqual(JSON.parse(json.out), { max_use: '3', max_idle: '10s' });
    } finally {
      rmSync(masterCf);
    }
  });

  test('-c beats MAIL_CONFIG, which may be missing', async () => {
    writeMainCf(directory, 'max_use = 8\n');
    for (const environment of [{}, { MAIL_CONFIG: '/does/not/exist' }]) {
      assert.equal((await config(['-c', directory, 'max_use'], environment)).out, 'max_use = 8\n');
    }
    assert.deepEqual(await config([], { MAIL_CONFIG: '/does/not/exist' }), {
      status: 1,
      out: '',
      err: 'tlsmgr: fatal: open /does/not/exist/main.cf: No such file or directory\n',
    });
  });

  test('-o beats main.cf, the last one counts, unexpanded until all are known', async () => {
    writeMainCf(directory, 'max_use = 8\nfoo = 1\n');
    const options = ['-o', 'max_use=$foo', '-o', 'max_use = $foo$foo', '-o', 'foo=2'];
    assert.equal((await config([...options, 'max_use'])).out, 'max_use = 22\n');
    assert.deepEqual(await config(['-o', 'x']), {
      status: 1,
      out: '',
      err: `tlsmgr: fatal: invalid "-o x" option value: missing '=' after attribute name\n`,
    });
  });

  test('warnings of main.cf go to standard error, the values to standard output', async () => {
    writeMainCf(directory, 'max_use = 1\nmax_use = 2\n');
    assert.deepEqual(await config(['max_use']), {
      status: 0,
      out: 'max_use = 2\n',
      err: `tlsmgr: warning: ${directory}/main.cf, line 2: overriding earlier entry: max_use=1\n`,
    });
  });

  test('a bad value is shown, then told as the daemon would tell it', async () => {
    writeMainCf(directory, 'tls_random_bytes = 12x\n');
    for (const args of [['tls_random_bytes'], ['max_use', 'tls_random_bytes']]) {
      const { status, out, err } = await config(args);
      assert.equal(status, 1);
      assert.match(out, /^tls_random_bytes = 12x$/mu);
      assert.equal(err, 'tlsmgr: fatal: bad numerical configuration: tls_random_bytes = 12x\n');
    }
  });

  test('of ours with a fault the default is shown, as the daemon uses it, and marked', async () => {
    const masterCf = join(directory, 'master.cf');
    writeFileSync(masterCf, 'tlsmgr unix - - y - 1 tlsmgr -o tlsmgr_connection_limit=x\n');
    writeMainCf(
      directory,
      'tlsmgr_request_size_limit = 1\ntlsmgr_session_caches = we-b\ntlsmgr_transport = ${foo\n',
    );
    try {
      const names = [
        'max_use',
        'tlsmgr_request_size_limit',
        'tlsmgr_connection_limit',
        'tlsmgr_session_caches',
        'tlsmgr_transport',
      ];
      const { status, out, err } = await marked(names);
      assert.deepEqual(out.split('\n'), [
        'max_use = 100  # default',
        'tlsmgr_request_size_limit = 1048576  # default: that of main.cf is refused',
        'tlsmgr_connection_limit = 5000  # default: that of master.cf is refused',
        'tlsmgr_session_caches = smtpd, smtp, lmtp  # default: that of main.cf is refused',
        'tlsmgr_transport = auto  # default: that of main.cf is refused',
        '',
      ]);
      const warnings = err.trimEnd().split('\n');
      assert.equal(warnings.length, 4);
      assert.ok(
        warnings.includes(
          'tlsmgr: warning: invalid tlsmgr_request_size_limit parameter value 1 < 4096: tlsmgr_request_size_limit takes a whole number of at least 4096; its default is used: 1048576',
        ),
        err,
      );
      assert.equal(status, 1);
      const json = await marked(['--json', 'tlsmgr_transport']);
      assert.deepEqual([json.status, JSON.parse(json.out)], [1, { tlsmgr_transport: 'auto' }]);
      writeMainCf(directory, 'tlsmgr_request_size_limit = 1\ntls_random_bytes = 12x\n');
      const both = await marked(['tlsmgr_request_size_limit', 'tls_random_bytes']);
      assert.equal(both.status, 1);
      assert.match(both.err, /fatal: bad numerical configuration: tls_random_bytes = 12x/u);
    } finally {
      rmSync(masterCf);
    }
  });

  test('a value that cannot be expanded leaves nothing to show', async () => {
    writeMainCf(directory, 'tls_random_source = ${foo\n');
    const text = 'macro processing error: truncated macro reference: "${foo"';
    assert.deepEqual(await config(['max_use']), {
      status: 1,
      out: '',
      err: `tlsmgr: fatal: file ${directory}/main.cf: parameter tls_random_source: ${text}\n`,
    });
  });

  test('wrong arguments show how it is used, with status 2', async () => {
    writeMainCf(directory, '');
    for (const args of [['--nope'], ['-c'], ['-x']]) {
      const { status, out, err } = await config(args);
      assert.equal(status, 2, args.join(' '));
      assert.equal(out, '');
      assert.match(err, /^usage: tlsmgr config /mu);
    }
  });

  test('prints what postconf prints', { skip: noPostconf }, async () => {
    writeMainCf(directory, 'foo = a \t b\nmail_name = $foo ${nope:c\t}\ntls_random_source =\n');
    const names = ['mail_name', 'tls_random_source', 'smtpd_tls_session_cache_timeout', 'nope'];
    const { status, out, err } = await config(names);
    const theirs = await askPostconf(directory, names, []);
    assert.equal(status, 1);
    assert.deepEqual(
      out,
      [...theirs.values!].map(([name, value]) => `${name} =${value && ` ${value}`}\n`).join(''),
    );
    assert.ok(theirs.messages.includes('warning: nope: unknown parameter'));
    assert.equal(err, 'tlsmgr: warning: nope: unknown parameter\n');
  });
});
