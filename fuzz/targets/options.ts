/** The daemon's command line, a word a line. */
import assert from 'node:assert/strict';
import { parseDaemonOptions } from '../../src/daemon/options.ts';
import { TlsmgrError } from '../../src/errors.ts';
import { latin1, type Target } from '../target.ts';

export const optionsTarget: Target = {
  name: 'options',
  promise: 'any words are taken or refused with one message',
  seeds: [
    latin1('-l\n-t\nunix\n-u\n-c\n-z'),
    latin1('-n\ntlsmgr\n-o\ntls_random_bytes=32\n-v\n-v'),
    latin1('-s\n1\n-S\n-V\n-D\n-i\n10\n-m\n5\n--\nrest'),
  ],
  words: ['\n-', '\n', '-', '=', '{', '}', '-o\n', '-n\n', 'name=value', '--'].map(latin1),
  run(input) {
    try {
      parseDaemonOptions(input.toString('latin1').split('\n'), {});
    } catch (thrown) {
      assert.ok(
        thrown instanceof TlsmgrError,
        `not refused, but failed: ${(thrown as Error).name}`,
      );
    }
  },
};
