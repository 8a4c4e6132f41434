import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { CacheSettings, Config } from '../../src/config/config.ts';
import { gatherFacts, opensslVersion } from '../../src/fleet/facts.ts';
import type { HostFacts } from '../../src/fleet/host-facts.ts';
import { hasAddress, smtpdServicesIn } from '../../src/fleet/smtpd-services.ts';
import { version } from '../../src/version.ts';
import { noCDaemon } from '../config/c-daemon.ts';
import { scratchDirectory } from '../log/scratch.ts';
import { writeMainCf } from '../postfix/main-cf.ts';

const folder = scratchDirectory();

/** Nobody checks these: they are no certificates. */
const pem = (body: string): string =>
  `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;

function gathered(parameters: Record<string, string>, masterCf?: string): HostFacts {
  writeMainCf(join(folder, 'main.cf'), parameters);
  if (masterCf !== undefined) {
    writeFileSync(join(folder, 'master.cf'), masterCf);
  }
  const cache = (lifetimeSeconds: number): CacheSettings => ({ lifetimeSeconds }) as CacheSettings;
  const fleet = {
    ticketKeys: 'shared',
    engine: { type: 'redis', file: '/x' },
    caches: ['smtp', 'smtpd'],
    keySet: 'tlsmgr',
  } as unknown as Config['fleet'];
  return gatherFacts({
    configDirectory: folder,
    fleet,
    caches: new Map([
      ['smtpd', cache(7200)],
      ['smtp', cache(3600)],
      ['lmtp', cache(60)],
    ]),
  });
}

describe('the facts of a host', () => {
  test('are those of main.cf, master.cf and the settings', () => {
    const facts = gathered(
      { tls_session_ticket_cipher: 'aes-128-cbc' },
      'smtp inet n - y - - smtpd\n  -o x=y\n# submission inet n - y - - smtpd\n10.0.0.1:465 inet n - y - - /usr/x/smtpd\n127.0.0.1:10025 inet n - y - - smtpd\ntlsmgr unix - - y 1000? 1 tlsmgr\nsmtp unix - - y - - smtp\n',
    );
    assert.deepEqual(
      { ...facts, authorities: typeof facts.authorities },
      {
        version,
        node: process.versions.node,
        keySet: 'tlsmgr',
        ticketKeys: 'shared',
        caches: ['smtp', 'smtpd'],
        lifetimes: { smtpd: 7200, smtp: 3600 },
        ticketCipher: 'aes-128-cbc',
        smtpdServices: ['10.0.0.1:465', 'smtp'],
        authorities: 'string',
      },
    );
  });

  test('count the certificates of authorities, and neither their order nor comments', () => {
    const file = join(folder, 'ca.pem');
    const digest = (text: string, more: Record<string, string> = {}): string | undefined => {
      writeFileSync(file, text);
      return gathered({ smtp_tls_CAfile: '$config_directory/ca.pem', ...more }).authorities;
    };
    const known = digest(`# two\n${pem('AAAA\nBBBB')}${pem('CCCC')}`);
    assert.match(known!, /^[\w-]{12}$/u);
    assert.equal(digest(`${pem('CCCC')}\n# turned\n${pem('AAAABBBB')}`), known);
    assert.notEqual(digest(pem('CCCC')), known);
    assert.notEqual(digest(pem('CCCC'), { tls_append_default_CA: 'yes' }), digest(pem('CCCC')));
    mkdirSync(join(folder, 'ca'));
    const path = { smtp_tls_CApath: join(folder, 'ca') };
    const empty = digest(pem('CCCC'), path);
    assert.equal(empty, digest(pem('CCCC')));
    writeFileSync(join(folder, 'ca/0123abcd.0'), '');
    assert.notEqual(digest(pem('CCCC'), path), empty);
  });

  test('that can not be read are left out', () => {
    for (const value of ['/nonexistent', folder, '$no_such_parameter/x']) {
      const facts = gathered({ smtp_tls_CAfile: value });
      assert.ok(!('authorities' in facts), value);
    }
    const facts = gatherFacts({
      configDirectory: '/nonexistent',
      fleet: { ticketKeys: 'derived', caches: [], keySet: 'x' } as unknown as Config['fleet'],
      caches: new Map(),
    });
    assert.ok(!('smtpdServices' in facts) && !('authorities' in facts));
    assert.deepEqual([facts.ticketKeys, facts.caches], ['derived', []]);
  });

  test('OpenSSL is what postconf tells, or nothing', async () => {
    const told = (text: string): Promise<string | undefined> =>
      opensslVersion('/x', (args) => {
        assert.deepEqual(args, ['-c', '/x', '-T', 'run-version']);
        return Promise.resolve(text);
      });
    assert.equal(await told('OpenSSL 3.0.17 1 Jul 2025\n'), '3.0.17');
    assert.equal(await told(''), undefined);
    assert.equal(await opensslVersion('/x', () => Promise.reject(new Error('x'))), undefined);
  });

  test('the installed postconf tells it', { skip: noCDaemon }, async () => {
    writeMainCf(join(folder, 'main.cf'), {});
    assert.match((await opensslVersion(folder)) ?? '', /^\d+\.\d+\.\d+/u);
  });
});

describe('services of smtpd', () => {
  test('are named once each, sorted, as far as others can reach them', () => {
    const text =
      'smtps inet n - n - - smtpd\nsmtp inet n - n - 1 postscreen\nsmtpd pass - - n - - smtpd\n\nsmtps inet n - n - - smtpd\nlocalhost:1 inet n - n - - smtpd\n';
    assert.deepEqual(smtpdServicesIn(text, 'master.cf'), ['smtpd', 'smtps']);
    assert.deepEqual(smtpdServicesIn('', 'master.cf'), []);
  });

  test('have an address in their name or not', () => {
    for (const name of ['10.0.0.1:25', '[2001:db8::1]:smtp', 'mx.example.com:25']) {
      assert.ok(hasAddress(name), name);
    }
    for (const name of ['smtp', '25', '127.0.0.1:25', '[::1]:25', 'localhost:25']) {
      assert.ok(!hasAddress(name), name);
    }
  });
});
