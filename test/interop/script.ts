/**
 * Every request and what comes back: said to Postfix's tlsmgr and to ours in
 * the same run. One connection a case, closed for writing after the bytes, so
 * that silence is told from a late reply without a clock.
 *
 * Settings: smtpd's cache on for an hour, smtp's for 30 s (which counts as
 * 120 s), lmtp's off with a lifetime of 7200 s.
 */
import { base64, list, request } from '../postfix/attribute-client.ts';

export const scriptSettings = {
  smtpd_tls_session_cache_timeout: '3600s',
  smtp_tls_session_cache_timeout: '30s',
  lmtp_tls_session_cache_timeout: '7200s',
  lmtp_tls_session_cache_database: '',
};

export interface Exchange {
  what: string;
  send: string;
  /** Masked, all lists after the announcement; of both daemons, when `original` isn't given. */
  reply: string;
  /** What the original does in its place: a text, or a pattern where left-over data is random. */
  original?: string | RegExp;
}

const done = '0';
const error = '4294967295';
const fail = '4294967294';

const only = (status: string): string => list('status', status);
const seedReply = (status: string, seed = ''): string => list('status', status, 'seed', seed);
const policyReply = (status: string, cachable: string, timeout: string): string =>
  list('status', status, 'cachable', cachable, 'timeout', timeout);
const session = (status: string, data = ''): string =>
  list('status', status, 'session', base64(data));
const key = (status: string, keybuf = ''): string => list('status', status, 'keybuf', keybuf);

const seed = (size: string): string => request('seed', 'size', size);
const policy = (type: string): string => request('policy', 'cache_type', type);
const lookup = (type: string, id: string): string =>
  request('lookup', 'cache_type', type, 'cache_id', id);
const update = (type: string, id: string, data: string): string =>
  request('update', 'cache_type', type, 'cache_id', id, 'session', data);
const remove = (type: string, id: string): string =>
  request('delete', 'cache_type', type, 'cache_id', id);
const ticketKey = (name: string): string => request('tktkey', 'keyname', name);

const unknownName = base64('0123456789abcdef');
const smtpdId = `${'40D6'.repeat(16)}&s=127.0.0.1:59817&l=805306720`;
const smtpId = `relay&[127.0.0.1]:53529&127.0.0.1&127.0.0.1&&${'9963'.repeat(16)}`;
const bytes = (count: number): string =>
  Array.from({ length: count }, (_, index) => String.fromCharCode((index * 7) % 256)).join('');

/** The original's answer to a request that it could not read: left-over data of somebody else. */
const leftOver = (name: string): RegExp =>
  new RegExp(`^status\0${fail}\0${name}\0[^\0]*\0\0$`, 'u');

export const script: Exchange[] = [
  ...['1', '32', '255'].map((size) => ({
    what: `a seed of ${size} bytes`,
    send: seed(size),
    reply: seedReply(done, `<${size} bytes>`),
  })),
  ...['003', '+3', ' 3', '4294967299', '-4294967293'].map((size) => ({
    what: `3 written as "${size}"`,
    send: seed(size),
    reply: seedReply(done, '<3 bytes>'),
  })),
  ...['0', '256', '-1', '99999', '4294967295', '99999999999999999999'].map((size) => ({
    what: `a seed of ${size} bytes`,
    send: seed(size),
    reply: seedReply(fail),
  })),
  ...['', 'abc', '3 ', '0x3', '-', '1.0'].map((size) => ({
    what: `a seed size that is no number: "${size}"`,
    send: seed(size),
    reply: seedReply(fail),
    original: leftOver('seed'),
  })),

  { what: 'policy of smtpd', send: policy('smtpd'), reply: policyReply(done, '1', '3600') },
  { what: 'policy of smtp', send: policy('smtp'), reply: policyReply(done, '1', '120') },
  { what: 'policy of a cache off', send: policy('lmtp'), reply: policyReply(done, '0', '7200') },
  ...['SMTPD', '', 'smtpd ', 'x'].flatMap((type) => [
    { what: `policy of "${type}"`, send: policy(type), reply: policyReply(fail, '0', '0') },
    { what: `lookup in "${type}"`, send: lookup(type, 'a'), reply: session(fail) },
    { what: `update in "${type}"`, send: update(type, 'a', 'QUJD'), reply: only(fail) },
    { what: `delete in "${type}"`, send: remove(type, 'a'), reply: only(fail) },
  ]),
  { what: 'lookup in a cache off', send: lookup('lmtp', 'a'), reply: session(fail) },
  { what: 'update in a cache off', send: update('lmtp', 'a', 'QUJD'), reply: only(fail) },
  { what: 'delete in a cache off', send: remove('lmtp', 'a'), reply: only(fail) },

  { what: 'lookup of nothing', send: lookup('smtpd', smtpdId), reply: session(error) },
  { what: 'delete of nothing', send: remove('smtpd', smtpdId), reply: only(error) },
  { what: 'an update', send: update('smtpd', smtpdId, base64(bytes(138))), reply: only(done) },
  { what: 'lookup of it', send: lookup('smtpd', smtpdId), reply: session(done, bytes(138)) },
  { what: 'lookup of it elsewhere', send: lookup('smtp', smtpdId), reply: session(error) },
  {
    what: 'an update of what is there',
    send: update('smtpd', smtpdId, base64(bytes(140))),
    reply: only(done),
  },
  { what: 'lookup of the new', send: lookup('smtpd', smtpdId), reply: session(done, bytes(140)) },
  { what: 'delete of it', send: remove('smtpd', smtpdId), reply: only(done) },
  { what: 'delete of it once more', send: remove('smtpd', smtpdId), reply: only(error) },
  { what: 'lookup of the deleted', send: lookup('smtpd', smtpdId), reply: session(error) },
  {
    what: "an update with an smtp client's id",
    send: update('smtp', smtpId, base64(bytes(1148))),
    reply: only(done),
  },
  { what: 'lookup of it', send: lookup('smtp', smtpId), reply: session(done, bytes(1148)) },
  { what: 'an update with no data', send: update('smtpd', 'empty', ''), reply: only(done) },
  { what: 'lookup of no data', send: lookup('smtpd', 'empty'), reply: session(done) },
  { what: 'an update with an empty id', send: update('smtpd', '', 'QUJD'), reply: only(done) },
  { what: 'lookup of the empty id', send: lookup('smtpd', ''), reply: session(done, 'ABC') },
  { what: 'delete of the empty id', send: remove('smtpd', ''), reply: only(done) },
  {
    what: 'an update of 60 kB',
    send: update('smtpd', 'large', base64(bytes(60_000))),
    reply: only(done),
  },
  { what: 'lookup of 60 kB', send: lookup('smtpd', 'large'), reply: session(done, bytes(60_000)) },
  {
    what: 'an update with an id of 40 kB',
    send: update('smtpd', 'i'.repeat(40_000), 'QUJD'),
    reply: only(done),
  },
  {
    what: 'lookup of an id of 40 kB',
    send: lookup('smtpd', 'i'.repeat(40_000)),
    reply: session(done, 'ABC'),
  },
  {
    what: 'an update of 200 kB',
    send: update('smtp', 'larger', base64(bytes(200_000))),
    reply: only(done),
  },
  {
    what: 'lookup of 200 kB',
    send: lookup('smtp', 'larger'),
    reply: session(done, bytes(200_000)),
  },
  ...['a\nb', ' a', 'a{}=\t"\\', 'A', 'a'].flatMap((id) => [
    {
      what: `an update with the id ${JSON.stringify(id)}`,
      send: update('smtp', id, base64(id)),
      reply: only(done),
    },
    {
      what: `lookup of the id ${JSON.stringify(id)}`,
      send: lookup('smtp', id),
      reply: session(done, id),
    },
  ]),
  {
    what: 'lookup of the id "A", another than "a"',
    send: lookup('smtp', 'A'),
    reply: session(done, 'A'),
  },
  {
    what: 'an update with an id in UTF-8',
    send: update('smtpd', '\u00c3\u00a9', 'QUJD'),
    reply: only(done),
  },
  {
    what: 'lookup of an id in UTF-8',
    send: lookup('smtpd', '\u00c3\u00a9'),
    reply: session(done, 'ABC'),
  },
  {
    what: 'an update with an id that is not UTF-8',
    send: update('smtpd', '\u00e9', 'QUJD'),
    reply: only(done),
  },
  {
    what: 'lookup of an id that is not UTF-8: bytes like others',
    send: lookup('smtpd', '\u00e9'),
    reply: session(done, 'ABC'),
    original: session(error),
  },

  ...(
    [
      ['QUJD', 'ABC'],
      ['QUI=', 'AB'],
      ['QR==', 'A'],
      ['+/+/', '\u00fb\u00ff\u00bf'],
    ] as const
  ).flatMap(([text, data]) => [
    {
      what: `update with "${text}"`,
      send: update('smtpd', `b64${text}`, text),
      reply: only(done),
    },
    {
      what: `lookup after "${text}"`,
      send: lookup('smtpd', `b64${text}`),
      reply: session(done, data),
    },
  ]),
  ...['QUI', 'QUJD=', 'Q===', '====', 'QU JD', 'QUJD\n', '-_-_', 'QUJDQ'].flatMap((text) => [
    {
      what: `update with malformed base64 ${JSON.stringify(text)}`,
      send: update('smtpd', `bad${text}`, text),
      reply: only(fail),
    },
    {
      what: `and nothing was stored of ${JSON.stringify(text)}`,
      send: lookup('smtpd', `bad${text}`),
      reply: session(error),
    },
  ]),
  {
    what: 'update with base64 that goes on after its pad',
    send: update('smtpd', 'pad', 'QUI=QUJD'),
    reply: only(fail),
    original: only(done),
  },

  { what: 'the current ticket key', send: ticketKey(''), reply: key(done, '<88 bytes>') },
  { what: 'an unknown key', send: ticketKey(unknownName), reply: key(error, unknownName) },
  ...[1, 5, 15, 17, 88].map((length) => ({
    what: `a key name of ${length} bytes`,
    send: ticketKey(base64('n'.repeat(length))),
    reply: key(fail),
  })),
  ...['QUI', '====', 'QU JD', 'QUJD\n'].map((text) => ({
    what: `a key name in malformed base64 ${JSON.stringify(text)}`,
    send: ticketKey(text),
    reply: key(fail),
    original: leftOver('keybuf'),
  })),
  {
    what: 'a key name that is no base64',
    send: ticketKey('abc'),
    reply: key(fail),
    original: leftOver('keybuf'),
  },

  {
    what: 'a first attribute that is not the request',
    send: list('x', 'y'),
    reply: only(fail),
  },
  {
    what: 'the attributes before the request',
    send: list('size', '3', 'request', 'seed'),
    reply: only(fail),
  },
  { what: 'an empty list', send: '\0', reply: only(fail), original: '' },
  { what: 'two empty lists', send: '\0\0', reply: only(fail).repeat(2), original: '' },
  {
    what: 'three empty lists',
    send: '\0\0\0',
    reply: only(fail).repeat(3),
    original: only(fail),
  },
  ...['', 'SEED', 'seeds', 'x'].map((name) => ({
    what: `the request "${name}"`,
    send: request(name),
    reply: only(fail),
    original: '',
  })),
  { what: 'nested lists', send: list('{', 'x', '}', ''), reply: only(fail) },
  {
    what: 'a nested list in place of an attribute',
    send: 'request\0seed\0{\0size\u00003\0}\0\0',
    reply: seedReply(fail),
    original: leftOver('seed'),
  },
  {
    what: 'seed without a size',
    send: request('seed'),
    reply: seedReply(fail),
    original: leftOver('seed'),
  },
  {
    what: 'seed with another attribute',
    send: request('seed', 'sise', '3'),
    reply: seedReply(fail),
    original: leftOver('seed'),
  },
  { what: 'policy without a type', send: request('policy'), reply: policyReply(fail, '0', '0') },
  {
    what: 'lookup without an id',
    send: request('lookup', 'cache_type', 'smtpd'),
    reply: session(fail),
    original: leftOver('session'),
  },
  {
    what: 'lookup in another order',
    send: request('lookup', 'cache_id', 'empty', 'cache_type', 'smtpd'),
    reply: session(fail),
    original: leftOver('session'),
  },
  {
    what: 'update without a session',
    send: request('update', 'cache_type', 'smtpd', 'cache_id', 'half'),
    reply: only(fail),
  },
  { what: 'and nothing was stored of it', send: lookup('smtpd', 'half'), reply: session(error) },
  {
    what: 'delete without an id',
    send: request('delete', 'cache_type', 'smtpd'),
    reply: only(fail),
  },
  {
    what: 'tktkey without a name',
    send: request('tktkey'),
    reply: key(fail),
    original: leftOver('keybuf'),
  },
  {
    what: 'an attribute too many is ignored',
    send: request('seed', 'size', '3', 'x', 'y'),
    reply: seedReply(done, '<3 bytes>'),
  },
  {
    what: 'an attribute twice is ignored',
    send: request('policy', 'cache_type', 'smtpd', 'cache_type', 'lmtp'),
    reply: policyReply(done, '1', '3600'),
  },
  {
    what: 'an attribute too many after a key name is ignored',
    send: request('tktkey', 'keyname', '', 'x', ''),
    reply: key(done, '<88 bytes>'),
  },
  {
    what: 'two requests in one write',
    send: policy('smtpd') + policy('lmtp'),
    reply: policyReply(done, '1', '3600') + policyReply(done, '0', '7200'),
    original: policyReply(done, '1', '3600'),
  },
  {
    what: 'a request after a bad one in the same write',
    send: request('policy', 'x', 'y') + policy('smtp'),
    reply: policyReply(fail, '0', '0') + policyReply(done, '1', '120'),
    original: policyReply(fail, '0', '0'),
  },
  { what: "master's wake-up", send: 'W\0', reply: '' },
  {
    what: "master's wake-up after a request",
    send: `${policy('smtpd')}W\0`,
    reply: policyReply(done, '1', '3600'),
  },
  { what: 'nothing at all', send: '', reply: '' },
  { what: 'an end within an attribute name', send: 'requ', reply: '' },
  { what: 'an end within a value', send: 'request\0see', reply: '' },
  {
    what: 'an end between two words',
    send: 'request\0seed\0size\0',
    reply: '',
    // To somebody who may have gone, but who closed for writing only: somebody else's seed.
    original: leftOver('seed'),
  },
];

/** With smtpd's lifetime at 0. */
export const scriptWithoutLifetime: Exchange[] = [
  { what: 'policy', send: policy('smtpd'), reply: policyReply(done, '0', '0') },
  { what: 'the current ticket key', send: ticketKey(''), reply: key(error) },
  { what: 'a ticket key by name', send: ticketKey(unknownName), reply: key(error) },
  { what: 'lookup', send: lookup('smtpd', 'a'), reply: session(fail) },
  { what: 'update', send: update('smtpd', 'a', 'QUJD'), reply: only(fail) },
  { what: 'delete', send: remove('smtpd', 'a'), reply: only(fail) },
  { what: 'a seed', send: seed('32'), reply: seedReply(done, '<32 bytes>') },
];

/** With smtpd's cache off: tickets don't need it. */
export const scriptWithoutCache: Exchange[] = [
  { what: 'policy', send: policy('smtpd'), reply: policyReply(done, '0', '3600') },
  { what: 'the current ticket key', send: ticketKey(''), reply: key(done, '<88 bytes>') },
  { what: 'an unknown ticket key', send: ticketKey(unknownName), reply: key(error, unknownName) },
  { what: 'lookup', send: lookup('smtpd', 'a'), reply: session(fail) },
  { what: 'update', send: update('smtpd', 'a', 'QUJD'), reply: only(fail) },
  { what: 'delete', send: remove('smtpd', 'a'), reply: only(fail) },
];

/** Requests that earn a warning, one of each kind, and its text. */
export const complaints: { send: string; text: string }[] = [
  { send: seed('0'), text: 'bogus seed length "0" in "seed" request' },
  { send: lookup('SMTPD', 'a'), text: 'bogus cache type "SMTPD" in "lookup" request' },
  { send: ticketKey('bm5u'), text: 'invalid session ticket key name length: 3' },
  { send: request('seed'), text: 'missing attribute size in input from tlsmgr socket' },
  { send: list('x', 'y'), text: 'unexpected attribute x from tlsmgr socket (expecting: request)' },
  {
    send: seed('abc'),
    text: 'malformed numerical data from tlsmgr socket while reading input attribute value: abc',
  },
  {
    send: update('smtpd', 'a', 'QUI'),
    text: 'malformed base64 data from tlsmgr socket while reading input attribute value',
  },
  {
    send: 'request\0see',
    text: 'unexpected end-of-input from tlsmgr socket while reading input attribute value',
  },
];
