/** What a host takes of the heartbeats of others, and of the INFO of an engine. */
import assert from 'node:assert/strict';
import { adviceOf } from '../../src/fleet/engine-advice.ts';
import {
  heartbeatBytes,
  longestHeartbeatBytes,
  parseHeartbeat,
} from '../../src/fleet/heartbeat-value.ts';
import { differencesOf, type HostFacts } from '../../src/fleet/host-facts.ts';
import { latin1, type Target } from '../target.ts';

const here: HostFacts = {
  version: '1.0.0',
  keySet: 'tlsmgr',
  ticketKeys: 'shared',
  caches: ['smtp', 'smtpd'],
  lifetimes: { smtp: 3600, smtpd: 3600 },
  ticketCipher: 'aes-256-cbc',
  smtpdServices: ['smtp'],
  authorities: 'aaaa',
  openssl: '3.0.17',
  firstSecret: 'bbbb',
};

export const heartbeatTarget: Target = {
  name: 'heartbeat',
  promise: 'a heartbeat within its bounds that can be shown, or none',
  seeds: [
    heartbeatBytes({
      host: 'mx1.example.net',
      process: 'abc',
      atMs: 1_800_000_000_000,
      facts: here,
    }),
    latin1(
      '# Persistence\r\nrdb_saves:1\r\naof_enabled:1\r\nmaxmemory:1\r\nmaxmemory_policy:x\r\n',
    ),
  ],
  words: [
    '"',
    ',',
    ':',
    '[]',
    '{}',
    'null',
    '1e9',
    '\\u0000',
    '\n',
    '"lifetimes":{"__proto__":1}',
  ].map(latin1),
  run(input) {
    const text = input.toString('latin1');
    assert.ok(
      adviceOf({ persistence: text, memory: text }).length <= 3,
      'more advice than there is',
    );
    const heartbeat = parseHeartbeat(input);
    if (heartbeat === undefined) {
      return;
    }
    assert.ok(input.length <= longestHeartbeatBytes, 'a heartbeat that is too long');
    const { host, process, facts } = heartbeat;
    const told = [host, process, ...differencesOf(facts, here).map((one) => one.text)].join('');
    assert.match(told, /^[ -~]*$/u, 'text that can not be shown');
    const written = heartbeatBytes(heartbeat);
    const again = parseHeartbeat(written);
    assert.ok(again !== undefined && heartbeatBytes(again).equals(written), 'does not read back');
  },
};
