import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyText } from '../../src/openssl/verify-result.ts';

test('a verify result of a session is told in words, with its number', () => {
  assert.equal(verifyText(0), 'ok');
  assert.equal(
    verifyText(18),
    'failed: the certificate is self-signed, and not among the trusted ones (X509 error 18)',
  );
  assert.equal(verifyText(999), 'failed: (X509 error 999)');
});
