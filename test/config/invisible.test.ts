/** Names and values with bytes that an editor doesn't show: what postconf(1) makes of them, ours does. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { misspeltFindings } from '../../src/cli/findings/misspelt.ts';
import { fromByteText } from '../../src/config/byte-text.ts';
import { openMainCf, Settings } from '../../src/config/settings.ts';
import { FatalError } from '../../src/errors.ts';
import { askPostconf, noPostconf, scratchDirectory, writeMainCf } from './scratch.ts';

const noOrigins = { service: 'tlsmgr/unix', masterCf: [], command: [] };

const names = ['tls_random_bytes', 'tls_random_source', 'mail_name'];

describe('invisible characters in main.cf', () => {
  const directory = scratchDirectory();
  const options = {
    configDirectory: directory,
    environment: {},
    overrides: [],
    programName: 'postconf',
    serviceName: '',
    mode: 'print' as const,
    warn: (): void => {},
  };

  for (const text of [
    // A byte order mark, a no-break space, a zero width space: part of the name.
    '\ufefftls_random_bytes = 40\n',
    '\u00a0tls_random_bytes = 40\n',
    'tls_random_bytes\u00a0= 40\n',
    'tls_random_\u200bbytes = 40\n',
    'mail_name = x\n\u00a0tls_random_bytes = 40\n',
    '\ufeff# comment\ntls_random_bytes = 40\n',
    '\ufeff\ntls_random_bytes = 40\n',
    'tls_random_bytes =\u00a040\u00a0\n',
    'tls_random_source = a\ufeff$tls_random_bytes\n',
    'tls_random_source = ${tls_random_bytes\u00a0}\n',
    'tls_random_source = $\u00a0tls_random_bytes\n',
    // A carriage return alone: white space.
    '\rtls_random_bytes = 40\n',
    'tls_random_bytes\r= 40\n',
    'tls_random\r_bytes = 40\n',
    'tls_random_bytes = 4\r0\n',
    '# x\rtls_random_bytes = 40\n',
    'mail_name = x\rtls_random_bytes = 40\r\n',
  ]) {
    test(JSON.stringify(text), { skip: noPostconf }, async () => {
      writeMainCf(directory, text);
      const theirs = await askPostconf(directory, names, []);
      let ours: Map<string, string> | undefined;
      let unknown: number | undefined;
      try {
        const settings = new Settings(options).printed();
        ours = new Map(names.map((name) => [name, settings.get(name)!]));
        unknown = misspeltFindings(openMainCf(options), noOrigins).length;
      } catch (thrown) {
        assert.ok(thrown instanceof FatalError, String(thrown));
      }
      assert.deepEqual(
        ours,
        theirs.values &&
          new Map([...theirs.values].map(([name, value]) => [name, fromByteText(value)])),
      );
      if (ours !== undefined) {
        const unused = theirs.messages.filter((line) => /unused parameter/u.test(line));
        assert.equal(unknown, unused.length, unused.join('\n'));
      }
    });
  }

  test('such a name is told as unknown, with the one that was meant', () => {
    writeMainCf(directory, '\ufefftls_random_bytes = 40\nmy\u00a0own = x\n');
    assert.deepEqual(
      misspeltFindings(openMainCf(options), noOrigins).map(({ text, remedy }) => [text, remedy]),
      [
        [
          '\ufefftls_random_bytes in main.cf, line 1: a name with bytes that are not printable ASCII is no parameter of Postfix: it has no effect',
          `LC_ALL=C sed -i '1s/\\xef\\xbb\\xbftls_random_bytes/tls_random_bytes/' ${directory}/main.cf; postfix reload`,
        ],
        [
          'my\u00a0own in main.cf, line 2: a name with bytes that are not printable ASCII is no parameter of Postfix: it has no effect',
          `LC_ALL=C sed -i '2s/my\\xc2\\xa0own/myown/' ${directory}/main.cf; postfix reload`,
        ],
      ],
    );
  });
});
