/** The .cf file of the fleet's engine. */
import assert from 'node:assert/strict';
import { FatalError } from '../../src/errors.ts';
import { parseEngineFile, serverText } from '../../src/fleet/engine/engine-values.ts';
import { latin1, type Target } from '../target.ts';

export const engineFileTarget: Target = {
  name: 'engine-file',
  promise: 'places to connect to and values in range, or one message that names the file',
  seeds: [
    latin1('servers = redis.example:6379, [2001:db8::1]:7000\nread_limit_ms = 20\n'),
    latin1('sentinels = a:1 b:2\nsentinel_master = fleet\nusername = u\npassword_file = /p\n'),
    latin1('servers = a:1\ncluster = yes\ntls = yes\ntls_ca_file = /c\nconnect_timeout = 3s\n'),
    latin1('servers = a:1\n# no\nkey_prefix = mail:\nqueue_size_limit = 0\n database = 7\n'),
  ],
  words: [
    'servers',
    'sentinels',
    'tls_cert_file',
    'tls_key_file',
    ' = ',
    '\n',
    '\n ',
    ':6379',
    '[::1]:1',
    ', ',
    'yes',
    '/',
    '-1',
    '1w',
    '99999999999',
    '\0',
    '#',
  ].map(latin1),
  run(input) {
    let found: ReturnType<typeof parseEngineFile>;
    try {
      found = parseEngineFile(input.toString('latin1'), '/etc/fleet.cf');
    } catch (thrown) {
      assert.ok(thrown instanceof FatalError, `not refused, but failed: ${String(thrown)}`);
      assert.match(thrown.message, /^\/etc\/fleet\.cf(?::|, line )/u, 'the file is not named');
      return;
    }
    const places = [...found.servers, ...found.sentinels];
    assert.ok(places.length > 0, 'nowhere to connect to');
    for (const place of places) {
      assert.match(serverText(place), /^(?:\[[\da-f:.%\w]+\]|[\w.-]+):\d{1,5}$/iu, 'an odd place');
    }
    assert.ok(found.read_limit_ms >= 1 && found.read_limit_ms <= 1000, 'a limit out of range');
    assert.ok(found.connect_timeout >= 1 && found.connect_timeout <= 60, 'a time out of range');
    assert.ok(found.queue_size_limit >= 0 && found.near_size_limit >= 0, 'a size below 0');
    assert.equal(found.tls_cert_file === '', found.tls_key_file === '', 'half a certificate');
  },
};
