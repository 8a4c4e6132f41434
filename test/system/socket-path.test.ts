import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { connectToPath } from '../../src/system/socket-path.ts';

describe('a path to connect to that leads nowhere', () => {
  for (const [what, path, expected] of [
    ['none at all', '', /its path is empty/u],
    ['digits, which are no port', '3999', /ENOENT/u],
    ['a number beyond all ports', '70000', /ENOENT/u],
    ['too long', 'x'.repeat(108), /its path has 108 bytes/u],
  ] as const) {
    test(`is an error event: ${what}`, async () => {
      const socket = connectToPath(path);
      const [error] = (await once(socket, 'error').catch((thrown: unknown) => [thrown])) as [Error];
      assert.match(error.message, expected);
      assert.ok(socket.destroyed);
    });
  }
});
