/** The .cf file of the engine: what it takes, what it refuses and how it says so. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { FatalError, messageOf } from '../../src/errors.ts';
import { engineFault, readEngineFile } from '../../src/fleet/engine/engine-file.ts';
import { parseEngineFile, serverText } from '../../src/fleet/engine/engine-values.ts';

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-cf-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'fleet.cf');
const servers = 'servers = redis.example:6379\n';

function put(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

function faultOf(task: () => unknown): string {
  try {
    task();
  } catch (thrown) {
    assert.ok(thrown instanceof FatalError, messageOf(thrown));
    return thrown.message;
  }
  return assert.fail('nothing was thrown');
}

describe('a file of an engine', () => {
  test('with servers alone has defaults for all else', () => {
    writeFileSync(file, `# of the fleet\n\nservers = redis1.example:6379,\n  [2001:db8::1]:7000\n`);
    assert.deepEqual(readEngineFile(file), {
      name: `redis:${file}`,
      servers: [
        { host: 'redis1.example', port: 6379 },
        { host: '2001:db8::1', port: 7000 },
      ],
      sentinels: [],
      sentinelMaster: '',
      cluster: false,
      username: '',
      password: undefined,
      database: 0,
      keyPrefix: 'tlsmgr:',
      tls: undefined,
      connectTimeoutMs: 1000,
      readLimitMs: 45,
      queueSizeLimit: 4_194_304,
      nearSizeLimit: 16_777_216,
    });
  });

  test('with everything', () => {
    const password = put('password', 'a pass word\r\n');
    const ca = put('ca.pem', '-----BEGIN CERTIFICATE-----', 0o644);
    const certificate = put('cert.pem', 'CERT', 0o644);
    const key = put('key.pem', 'KEY');
    writeFileSync(
      file,
      `sentinels = a.example:26379 b.example:26379
sentinel_master = fleet
username = tlsmgr
password_file = ${password}
database = 7
key_prefix = mail:
tls = yes
tls_ca_file = ${ca}
tls_cert_file = ${certificate}
tls_key_file = ${key}
tls_server_name = redis.example
connect_timeout = 3
read_limit_ms = 20
queue_size_limit = 0
near_size_limit = 1000
`,
    );
    assert.deepEqual(readEngineFile(file), {
      name: `redis:${file}`,
      servers: [],
      sentinels: [
        { host: 'a.example', port: 26379 },
        { host: 'b.example', port: 26379 },
      ],
      sentinelMaster: 'fleet',
      cluster: false,
      username: 'tlsmgr',
      password: 'a pass word',
      database: 7,
      keyPrefix: 'mail:',
      tls: {
        ca: Buffer.from('-----BEGIN CERTIFICATE-----'),
        certificate: Buffer.from('CERT'),
        key: Buffer.from('KEY'),
        serverName: 'redis.example',
      },
      connectTimeoutMs: 3000,
      readLimitMs: 20,
      queueSizeLimit: 0,
      nearSizeLimit: 1000,
    });
  });

  const faults: [text: string, message: string][] = [
    ['', '/x.cf: neither servers nor sentinels is set'],
    ['server = a:1\n', '/x.cf: unknown name: server'],
    ['__proto__ = a\n', '/x.cf: unknown name: __proto__'],
    ['servers a:1\n', `/x.cf, line 1: missing '=' after attribute name`],
    [`${servers}servers = b:1\n`, '/x.cf, line 2: overriding earlier entry: servers'],
    ['servers = redis.example\n', '/x.cf: servers: word 1 is neither host:port nor [address]:port'],
    ['servers = /run/redis\n', '/x.cf: servers: word 1 is neither host:port nor [address]:port'],
    [`${servers}sentinels = a:1\n`, '/x.cf: servers and sentinels are both set'],
    ['sentinels = a:1\n', '/x.cf: sentinels and sentinel_master go together'],
    [`${servers}sentinel_master = m\n`, '/x.cf: sentinels and sentinel_master go together'],
    ['sentinels = a:1\nsentinel_master = m\ncluster = yes\n', '/x.cf: a Cluster has no sentinels'],
    [`${servers}cluster = yes\ndatabase = 1\n`, '/x.cf: a Cluster has database 0 only'],
    [`${servers}cluster = maybe\n`, '/x.cf: bad boolean configuration: cluster = maybe'],
    [`${servers}username = u\n`, '/x.cf: username needs a password_file'],
    [`${servers}username = u v\n`, '/x.cf: username: more than one word'],
    [`${servers}password_file = p\n`, '/x.cf: password_file: not an absolute path'],
    [`${servers}database = -1\n`, '/x.cf: invalid database parameter value -1 < 0'],
    [`${servers}database = x\n`, '/x.cf: bad numerical configuration: database = x'],
    [
      `${servers}key_prefix = a b\n`,
      '/x.cf: key_prefix: not at most 64 printable characters without blanks',
    ],
    [`${servers}tls_ca_file = /ca\n`, '/x.cf: tls_ca_file needs tls = yes'],
    [
      `${servers}tls = yes\ntls_cert_file = /c\n`,
      '/x.cf: tls_cert_file and tls_key_file go together',
    ],
    [`${servers}connect_timeout = 0\n`, '/x.cf: invalid connect_timeout: 0 (min 1)'],
    [
      `${servers}connect_timeout = 1s x\n`,
      '/x.cf: parameter connect_timeout: ignoring " x" after the unit in time value: 1s x',
    ],
    [
      `${servers}read_limit_ms = 2000\n`,
      '/x.cf: invalid read_limit_ms parameter value 2000 > 1000',
    ],
    [
      `${servers}near_size_limit = 1k\n`,
      '/x.cf: bad numerical configuration: near_size_limit = 1k',
    ],
  ];
  for (const [text, message] of faults) {
    test(`is refused: ${JSON.stringify(text)}`, () => {
      assert.equal(
        faultOf(() => parseEngineFile(text, '/x.cf')),
        message,
      );
    });
  }

  const mistakes: [what: string, text: (secret: string) => string][] = [
    ['is the secret file', (secret) => `# current secret\n${secret}\n`],
    ['is the secret file, with blanks', (secret) => ` ${secret}\n`],
    ['is a password', (secret) => secret],
    ['sets a secret', (secret) => `${servers}${secret} = yes\n`],
    ['sets nothing', (secret) => `${servers}= ${secret}\n`],
    ['has a password without a sign', (secret) => `${servers}password ${secret}\n`],
    ['has a password', (secret) => `${servers}password = ${secret}\n`],
    ['has a URL', (secret) => `servers = redis://tlsmgr:${secret}@redis.example:6379\n`],
    ['has a user with a password', (secret) => `${servers}username = tlsmgr ${secret}\n`],
    ['has a password for its file', (secret) => `${servers}password_file = ${secret}\n`],
    ['has it twice', (secret) => `password_file = ${secret}\npassword_file = ${secret}${secret}\n`],
    ['has a secret for its prefix', (secret) => `${servers}key_prefix = ${secret} x\n`],
  ];
  for (const [what, text] of mistakes) {
    test(`that ${what} by mistake is refused, and nothing of that is told`, () => {
      for (const secret of ['c0ffee12'.repeat(8), 'a: "b=c"/d'.replaceAll(' ', '')]) {
        const message = faultOf(() => parseEngineFile(text(secret), '/x.cf'));
        assert.match(message, /^\/x\.cf/u);
        assert.ok(!message.includes(secret), message);
      }
    });
  }

  test('that is not there, or is a folder, is refused', () => {
    assert.equal(
      faultOf(() => readEngineFile(join(folder, 'none.cf'))),
      `${join(folder, 'none.cf')}: No such file or directory`,
    );
    assert.equal(
      faultOf(() => readEngineFile(folder)),
      `${folder}: not a regular file`,
    );
  });

  test('is named once in a fault that stands behind tlsmgr_fleet_engine', () => {
    for (const [message, fault] of [
      ['/x.cf: unknown name: a', ': unknown name: a'],
      ['/x.cf, line 2: overriding earlier entry: a=b', ', line 2: overriding earlier entry: a=b'],
      ['redis:/x.cf: TLS: no start line', ': TLS: no start line'],
      ['something else', ': something else'],
    ]) {
      assert.equal(engineFault('redis:/x.cf', message!), fault);
    }
  });

  test('is read again as it was written', () => {
    const host = fc.stringMatching(/^[a-z][a-z\d]{0,10}(\.[a-z]{2,5}){0,2}$/u);
    const address = fc
      .tuple(fc.oneof(host, fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }))
      .map(([name, port]) => ({ host: name, port }));
    const blanks = fc.constantFrom(' ', ', ', ',\n ', '\t');
    fc.assert(
      fc.property(
        fc.array(address, { minLength: 1, maxLength: 5 }),
        blanks,
        fc.integer({ min: 1, max: 1000 }),
        fc.stringMatching(/^[!-~]{0,64}$/u),
        (places, between, limit, prefix) => {
          const lines = [
            `servers = ${places.map((place) => serverText(place)).join(between)}`,
            `read_limit_ms = ${limit}`,
            `key_prefix = ${prefix}`,
          ];
          const found = parseEngineFile(`${lines.join('\n')}\n`, '/x.cf');
          assert.deepEqual(found.servers, places);
          assert.equal(found.read_limit_ms, limit);
          assert.equal(found.key_prefix, prefix);
        },
      ),
    );
  });
});

describe('a file of secrets', () => {
  const withPassword = (path: string): void => {
    writeFileSync(file, `${servers}password_file = ${path}\n`);
  };

  test('that group or others may read is refused', () => {
    for (const mode of [0o640, 0o604, 0o660]) {
      withPassword(put('password', 'secret\n', mode));
      assert.equal(
        faultOf(() => readEngineFile(file)),
        `${file}: ${join(folder, 'password')}: file is open to group or others: mode 0${mode.toString(8)}, not 0600`,
      );
    }
    const key = put('key.pem', 'KEY', 0o644);
    const certificate = put('cert.pem', 'CERT', 0o644);
    const lines = [`tls = yes`, `tls_cert_file = ${certificate}`, `tls_key_file = ${key}`];
    writeFileSync(file, `${servers}${lines.join('\n')}\n`);
    assert.match(
      faultOf(() => readEngineFile(file)),
      /key\.pem: file is open to group or others/u,
    );
  });

  test('of authorities without any certificate is refused', () => {
    const ca = put('key.pem', '-----BEGIN PRIVATE KEY-----', 0o644);
    writeFileSync(file, `${servers}tls = yes\ntls_ca_file = ${ca}\n`);
    assert.equal(
      faultOf(() => readEngineFile(file)),
      `${file}: ${ca}: no certificate in PEM form`,
    );
  });

  test('that is too large is refused', () => {
    withPassword(put('password', 'x'.repeat(1024 * 1024 + 1)));
    assert.match(
      faultOf(() => readEngineFile(file)),
      /password: file has more than 1048576 bytes$/u,
    );
  });

  test('that has no line, or more than one, is refused, and nothing of it is told', () => {
    for (const text of ['', '\n', 'one\ntwo\n', 'one\0two\n']) {
      withPassword(put('password', text));
      assert.equal(
        faultOf(() => readEngineFile(file)),
        `${file}: ${join(folder, 'password')}: not one line with a password`,
      );
    }
  });

  const notRoot = process.getuid!() === 0 ? false : 'only root can give files away';

  test('that belongs to somebody else, or behind their link, is refused', { skip: notRoot }, () => {
    const path = put('password', 'secret\n');
    chownSync(path, 12_345, 12_345);
    withPassword(path);
    assert.match(
      faultOf(() => readEngineFile(file)),
      /file belongs to user 12345$/u,
    );
    chownSync(path, 0, 0);
    assert.equal(readEngineFile(file).password, 'secret');
    const link = join(folder, 'link');
    symlinkSync(path, link);
    withPassword(link);
    assert.equal(readEngineFile(file).password, 'secret');
  });
});
