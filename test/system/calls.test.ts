import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { reasonOf } from '../../src/system/calls.ts';

test('a failure is told in words, those that libuv alone knows too', () => {
  for (const [errno, words] of [
    [-constants.errno.ENOENT, 'No such file or directory'],
    [constants.errno.EACCES, 'Permission denied'],
    [-3001, 'temporary failure'],
    [-3008, 'unknown node or service'],
    [-4095, 'end of file'],
  ] as const) {
    assert.equal(reasonOf(Object.assign(new Error('not this'), { errno })), words);
  }
});
