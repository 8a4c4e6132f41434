import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { parameters } from '../../src/config/parameters.ts';
import { scratchDirectory, writeMainCf } from './scratch.ts';

const directory = scratchDirectory();
const caches = ['smtpd', 'smtp', 'lmtp'];

/** A value that no parameter can have. */
const broken = '${x';

/** Lines of main.cf with a fault each, and what is said of it, in the order in which faults are found. */
const faults: readonly (readonly [lines: string, said: string])[] = [
  brokenName('compatibility_level'),
  brokenName('syslog_facility'),
  brokenName('inet_protocols'),
  brokenName('multi_instance_directories'),
  brokenName('multi_instance_group'),
  brokenName('multi_instance_name'),
  brokenName('maillog_file'),
  brokenName('maillog_file_prefixes'),
  brokenName('maillog_file_compressor'),
  brokenName('maillog_file_rotate_suffix'),
  brokenName('maillog_file_permissions'),
  brokenName('postlog_service_name'),
  ['syslog_facility = x', 'parameter syslog_facility: unrecognized value: x'],
  brokenName('smtputf8_enable'),
  ['inet_protocols = x', 'unknown inet_protocols value "x"'],
  brokenName('myhostname'),
  brokenName('mydomain'),
  ['myhostname = -', 'parameter myhostname: bad parameter value: -'],
  ['myhostname = a.b\nmydomain = -', 'parameter mydomain: bad parameter value: -'],
  brokenName('mail_name'),
  brokenName('syslog_name'),
  brokenName('mail_owner'),
  brokenName('setgid_group'),
  brokenName('daemon_directory'),
  brokenName('data_directory'),
  brokenName('queue_directory'),
  brokenName('default_privs'),
  brokenName('default_database_type'),
  brokenName('export_environment'),
  brokenName('import_environment'),
  brokenName('debug_peer_list'),
  brokenName('multi_instance_wrapper'),
  brokenName('max_use'),
  brokenName('debug_peer_level'),
  brokenName('multi_instance_enable'),
  brokenName('max_idle'),
  brokenName('ipc_timeout'),
  brokenName('ipc_idle'),
  brokenName('ipc_ttl'),
  brokenName('daemon_timeout'),
  ['mail_owner = nobody-at-all', 'parameter mail_owner: unknown user name value: nobody-at-all'],
  ['maillog_file = x', "maillog_file value 'x' does not match any prefix"],
  brokenName('tls_random_reseed_period'),
  brokenName('tls_random_prng_update_period'),
  ...caches.map((label) => brokenName(`${label}_tls_session_cache_timeout`)),
  brokenName('tls_random_bytes'),
  brokenName('tls_random_source'),
  brokenName('tls_random_exchange_name'),
  ...caches.map((label) => brokenName(`${label}_tls_session_cache_database`)),
  ...caches.map((label) => brokenName(`${label}_tls_loglevel`)),
];

function brokenName(name: string): [lines: string, said: string] {
  return [`${name} = ${broken}`, `parameter ${name}: macro processing error`];
}

function load(lines: readonly string[]) {
  writeMainCf(directory, `${lines.join('\n')}\n`);
  return loadConfig({
    configDirectory: directory,
    environment: {},
    overrides: [],
    programName: 'tlsmgr',
    serviceName: 'tlsmgr',
    mode: 'daemon',
    warn: () => {},
  });
}

test('of several faults the first is found that Postfix checks first', () => {
  for (const [at, [, said]] of faults.entries()) {
    // A parameter that stands twice has what the last line says, so the list is turned.
    const lines = faults.slice(at).map(([line]) => line);
    assert.throws(
      () => load(lines.toReversed()),
      (thrown: Error) => thrown.message.includes(said),
      `the fault of ${lines[0]}`,
    );
  }
});

test('each parameter of Postfix that can be set is in that order', () => {
  // config_directory is what the caller chose; asking for mail_version costs.
  const unchecked = new Set(['config_directory', 'mail_version']);
  const names = parameters
    .filter(({ name, ours, readOnly }) => !ours && !readOnly && !unchecked.has(name))
    .map(({ name }) => name);
  const inOrder = faults.map(([line]) => line.split(' ', 1)[0]!);
  assert.deepEqual(names.toSorted(), [...new Set(inOrder)].toSorted());
});

test('each parameter of ours is checked, once', () => {
  const names = parameters.filter(({ ours }) => ours === true).map(({ name }) => name);
  const { faults: found } = load(names.map((name) => `${name} = ${broken}`));
  assert.deepEqual(found.map(({ name }) => name).toSorted(), names.toSorted());
});
