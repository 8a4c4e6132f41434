/** Requests to begin with, and the words that they are made of. */
import { latin1 } from '../target.ts';

const list = (...strings: string[]): Buffer => latin1(`${strings.join('\0')}\0\0`);

export const requests: readonly Buffer[] = [
  list('request', 'seed', 'size', '32'),
  list('request', 'policy', 'cache_type', 'smtpd'),
  list('request', 'lookup', 'cache_type', 'smtpd', 'cache_id', 'an id'),
  list('request', 'update', 'cache_type', 'smtp', 'cache_id', 'an id', 'session', 'c2Vzc2lvbg=='),
  list('request', 'delete', 'cache_type', 'lmtp', 'cache_id', 'an id'),
  list('request', 'tktkey', 'keyname', ''),
  list('request', 'tktkey', 'keyname', 'AAAAAAAAAAAAAAAAAAAAAA=='),
  list('request', 'list', 'cache_type', 'smtpd', 'cursor', '', 'limit', '10'),
  list('request', 'flush', 'cache_type', 'smtpd'),
  list('request', 'stats'),
  latin1('W'),
  // Whole lives of sessions, in a cache that answers at once and in one that doesn't.
  ...['smtpd', 'smtp'].map((type) =>
    Buffer.concat([
      list('request', 'update', 'cache_type', type, 'cache_id', 'an id', 'session', 'b25l'),
      list('request', 'lookup', 'cache_type', type, 'cache_id', 'an id'),
      list('request', 'update', 'cache_type', type, 'cache_id', 'an id', 'session', 'dHdv'),
      list('request', 'list', 'cache_type', type, 'cursor', '', 'limit', '1'),
      list('request', 'lookup', 'cache_type', type, 'cache_id', 'an id'),
      list('request', 'delete', 'cache_type', type, 'cache_id', 'an id'),
      list('request', 'lookup', 'cache_type', type, 'cache_id', 'an id'),
      list('request', 'flush', 'cache_type', type),
    ]),
  ),
];

export const requestWords: readonly Buffer[] = [
  ...[
    'request',
    'seed',
    'size',
    'policy',
    'cache_type',
    'cache_id',
    'lookup',
    'update',
    'delete',
    'session',
    'tktkey',
    'keyname',
    'list',
    'cursor',
    'limit',
    'flush',
    'stats',
    'smtpd',
    'smtp',
    'lmtp',
    'AAAA',
    'A===',
    '-_',
    '+/==',
    '0',
    '1',
    '32',
    '255',
    '256',
    '500',
    '501',
    '-1',
    '4294967296',
    '99999999999999999999',
    '0x10',
    ' 1',
  ].map((word) => latin1(`${word}\0`)),
  latin1('\0'),
  latin1('\0\0'),
];
