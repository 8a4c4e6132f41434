/** A limit on the size of files that leaves no room for one byte: the caches need no file to serve. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { postfixCacheNames } from '../../src/config/cache-names.ts';
import { patientClient } from '../patient-client.ts';
import { notBuilt, Standalone } from '../cli/standalone.ts';

describe('files that must stay empty', { skip: notBuilt }, () => {
  test('sessions are stored and given back, with one warning a cache', async () => {
    const daemon = new Standalone();
    await daemon.startWithFileSize(0);
    const client = patientClient(daemon.socket);
    try {
      for (const label of postfixCacheNames) {
        const session = Buffer.from(`a session of ${label}`);
        assert.equal(await client.update(label, 'an id', session), true);
        assert.deepEqual(await client.lookup(label, 'an id'), session);
        const warnings = [
          ...daemon.said.matchAll(new RegExp(`warning: cannot open ${label} `, 'gu')),
        ];
        assert.ok(warnings.length <= 1, daemon.said);
      }
      assert.doesNotMatch(daemon.said, /error:/u);
    } finally {
      void client.close();
      await daemon.stop();
      daemon.remove();
    }
  });
});
