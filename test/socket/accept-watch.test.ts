import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FatalError } from '../../src/errors.ts';
import { AcceptWatch } from '../../src/socket/accept-watch.ts';

test('clients that wait, and none that is accepted, end the process', () => {
  const watch = new AcceptWatch(() => true);
  watch.check();
  assert.throws(() => watch.check(), FatalError);
  watch.close();
});

test('a busy service, one that nobody asks, and one that comes back go on', () => {
  let waits = true;
  const watch = new AcceptWatch(() => waits);
  for (let count = 0; count < 3; count += 1) {
    watch.accepted();
    watch.check();
  }
  waits = false;
  for (let count = 0; count < 3; count += 1) {
    watch.check();
  }
  waits = true;
  watch.check();
  watch.accepted();
  watch.check();
  watch.close();
});
