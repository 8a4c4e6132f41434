/** The built daemon under clients that send any bytes: it answers rightly and doesn't grow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCorpus } from '../../fuzz/corpus.ts';
import { fuzzDaemon } from '../../fuzz/daemon.ts';
import { notBuilt } from '../cli/standalone.ts';

const connections = 4000;
/** Three times what it takes after hours of service. */
const mostBytes = 256_000_000;

test('the daemon outlasts any bytes, and serves others meanwhile', { skip: notBuilt }, async () => {
  const result = await fuzzDaemon({
    seed: 1,
    connections,
    untilMs: Number.POSITIVE_INFINITY,
    corpus: readCorpus('service'),
  });
  assert.equal(result.finding, undefined);
  assert.equal(result.connections, connections);
  assert.ok(result.replies > connections, 'too few replies were looked at');
  assert.ok(result.goodHits > 0, 'the good client never got its sessions back');
  assert.ok(result.endBytes < mostBytes, `${result.endBytes} bytes are resident`);
});
