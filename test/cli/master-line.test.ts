import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  announcementFor,
  lineText,
  originalLine,
  ourLine,
  overridesOf,
  parseLine,
  withReferences,
  wakingLine,
} from '../../src/cli/postfix/master-line.ts';

const ours = (old: string, overrides: [string, string][] = [], announcement = true): string =>
  lineText(
    ourLine(parseLine(old), {
      announcement,
      overrides: overrides.map(([name, value]) => ({ name, value })),
    }),
  );

const bare = 'tlsmgr unix - - y 1000? 1 tlsmgr';

describe('the line that install writes', () => {
  test('has an announcement for Postfix 3.6 and later only', () => {
    for (const [mailVersion, announcement] of [
      ['3.4.13', false],
      ['3.5.25', false],
      ['3.6.0', true],
      ['3.7.11', true],
      ['3.10.1', true],
      ['3.12-20260101', true],
      ['4.0', true],
    ] as const) {
      assert.equal(announcementFor(mailVersion), announcement, mailVersion);
    }
    assert.equal(ours(bare), 'tlsmgr unix - - y 1000? 1 node-tlsmgr/tlsmgr');
    const silent = `${ours(bare)} -o tlsmgr_protocol_announcement=no`;
    assert.equal(ours(bare, [], false), silent);
    assert.equal(ours(silent, [], false), silent);
    assert.equal(
      ours(bare, [['tlsmgr_protocol_announcement', 'yes']], false),
      `${ours(bare)} -o tlsmgr_protocol_announcement=yes`,
    );
  });

  test('keeps every field and argument, in one line', () => {
    const old = `tlsmgr    unix  n       -       n       300     1       tlsmgr
    -v
    -o { tls_random_bytes = 40 }
    -o smtp_tls_session_cache_timeout=2h`;
    assert.equal(
      ours(old),
      'tlsmgr unix n - n 300 1 node-tlsmgr/tlsmgr -v -o { tls_random_bytes = 40 } -o smtp_tls_session_cache_timeout=2h',
    );
    assert.deepEqual(overridesOf(parseLine(old)), [
      { name: 'tls_random_bytes', value: '40' },
      { name: 'smtp_tls_session_cache_timeout', value: '2h' },
    ]);
  });

  test('wakes the service at the start of Postfix where metrics are to be read', () => {
    for (const [wakeup, waking] of [
      ['1000?', '1000'],
      ['300', '300'],
      ['0', '1000'],
      ['0?', '1000'],
      ['-', '1000'],
    ]) {
      const line = parseLine(`tlsmgr unix - - y ${wakeup} 1 tlsmgr`);
      assert.equal(lineText(wakingLine(line)), `tlsmgr unix - - y ${waking} 1 tlsmgr`);
    }
  });

  test('puts an override in the place of an earlier one of its name, and is the same again', () => {
    const once = ours(`${bare} -o tls_random_bytes=40 -v`, [
      ['tls_random_bytes', '50'],
      ['syslog_name', 'a b'],
    ]);
    assert.equal(
      once,
      'tlsmgr unix - - y 1000? 1 node-tlsmgr/tlsmgr -v -o tls_random_bytes=50 -o { syslog_name = a b }',
    );
    assert.equal(ours(once, [['syslog_name', 'a b']]), once);
    assert.equal(
      ours(`${bare} -otls_random_bytes=40`, [['tls_random_bytes', '50']]),
      `${ours(bare)} -o tls_random_bytes=50`,
    );
  });

  test('becomes one for the original without what only ours knows', () => {
    const line = `${ours(bare)} -v -o tlsmgr_connection_limit=9 -o { tls_random_bytes = 40 } -otlsmgr_protocol_announcement=no`;
    assert.equal(
      lineText(originalLine(parseLine(line))),
      `${bare} -v -o { tls_random_bytes = 40 }`,
    );
  });

  test('refers to parameters that postconf(1) would warn of, and the original gets none', () => {
    const quiet = (line: string, ...names: string[]): string =>
      lineText(withReferences(parseLine(line), names));
    const set = `${ours(bare)} -o tlsmgr_connection_limit=9`;
    const both = `${set} -o debug_peer_list=\${tlsmgr_connection_limit?}\${tlsmgr_metrics_listen?}`;
    assert.equal(quiet(set, 'tlsmgr_metrics_listen', 'max_use', 'else'), both);
    assert.equal(quiet(both, 'tlsmgr_metrics_listen'), both);
    assert.equal(quiet(both), `${set} -o debug_peer_list=\${tlsmgr_connection_limit?}`);
    assert.equal(quiet(bare, 'max_use'), bare);
    assert.equal(lineText(originalLine(parseLine(both))), bare);
    const own = `${set} -o debug_peer_list=192.0.2.1`;
    assert.equal(quiet(own, 'tlsmgr_metrics_listen'), own);
    assert.equal(lineText(originalLine(parseLine(own))), `${bare} -o debug_peer_list=192.0.2.1`);
  });

  test("is refused with arguments that the daemon would refuse, in the daemon's words", () => {
    assert.throws(() => overridesOf(parseLine(`${bare} -x`)), /^TlsmgrError: invalid option: x$/u);
    assert.throws(
      () => overridesOf(parseLine(`${bare} word`)),
      /unexpected command-line argument: word/u,
    );
  });
});
