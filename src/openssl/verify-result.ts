/** Tells what a session's verify result means: the X509_V_ERR_ numbers of OpenSSL's x509_vfy.h. */

const meanings: Readonly<Record<number, string>> = {
  2: "the issuer's certificate is missing",
  3: 'the list of revoked certificates is missing',
  7: 'a signature in the chain is wrong',
  9: 'a certificate is not valid yet',
  10: 'a certificate has expired',
  18: 'the certificate is self-signed, and not among the trusted ones',
  19: 'the chain ends at a certificate that signs itself, and is not trusted',
  20: "the issuer is not among the trusted ones (CAfile or CApath), and its certificate wasn't sent",
  21: 'there is one certificate, and nothing to verify it with',
  22: 'the chain is too long',
  23: 'a certificate was revoked',
  26: 'a certificate is not for this purpose',
  27: 'the root is not trusted for this purpose',
  28: 'the root is marked as rejected',
  62: 'the certificate is for another host name',
  64: 'the certificate is for another IP address',
  65: 'no TLSA record matches',
};

export function verifyText(result: number): string {
  if (result === 0) {
    return 'ok';
  }
  const meaning = meanings[result];
  return `failed: ${meaning === undefined ? '' : `${meaning} `}(X509 error ${result})`;
}
