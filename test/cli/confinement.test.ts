/** What confines the programs of master(8), and what check and install say of it. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { appArmorFindings } from '../../src/cli/findings/apparmor.ts';
import {
  confinementFindings,
  type Kernel,
  leastAddressSpaceBytes,
  leastDataBytes,
} from '../../src/cli/findings/confinement.ts';

const queue = '/q';

function kernel(files: Record<string, string>, unit = ''): Kernel {
  return { read: (path) => files[path], deniesMadeCode: (name) => name === unit };
}

function limits(data: number | string, addressSpace: number | string): string {
  return `Limit                     Soft Limit           Hard Limit           Units     \nMax data size             ${data}            unlimited            bytes     \nMax address space         ${addressSpace}           unlimited            bytes     \n`;
}

describe('limits on memory of a running master(8)', () => {
  const found = (data: number | string, addressSpace: number | string): string[] =>
    confinementFindings(
      queue,
      kernel({ '/q/pid/master.pid': '     77\n', '/proc/77/limits': limits(data, addressSpace) }),
    ).map(({ name, severity, text }) => `${severity} ${name} ${text}`);

  test('none, and such as leave room, are fine', () => {
    assert.deepEqual(found('unlimited', 'unlimited'), []);
    assert.deepEqual(found(leastDataBytes, leastAddressSpaceBytes), []);
  });

  test('those below what node needs are named with the least', () => {
    assert.deepEqual(found(leastDataBytes - 1, leastAddressSpaceBytes - 1), [
      'error limit-address-space master(8) runs with 1023 MB as its max address space: node needs 1024 to start, and room for the caches besides',
      'error limit-data master(8) runs with 127 MB as its max data size: node needs 128 to start, and room for the caches besides',
    ]);
  });
});

describe('MemoryDenyWriteExecute', () => {
  const files = {
    '/q/pid/master.pid': '77\n',
    '/proc/77/limits': limits('unlimited', 'unlimited'),
    '/proc/77/cgroup': '0::/system.slice/system-postfix.slice/postfix@-.service\n',
  };

  test('of the unit that the running master(8) belongs to', () => {
    const [finding] = confinementFindings(queue, kernel(files, 'postfix@-.service'));
    assert.equal(finding!.name, 'made-code-denied');
    assert.equal(finding!.severity, 'warning');
    assert.match(finding!.remedy, /systemctl edit postfix@-\.service/u);
    assert.deepEqual(confinementFindings(queue, kernel(files, 'postfix.service')), []);
    assert.deepEqual(confinementFindings(queue, kernel(files)), []);
  });

  test('by whatever else, once the launcher has found it out', () => {
    const record = (options: string): Record<string, string> => ({
      ...files,
      '/q/pid/tlsmgr.start': `served   \n\n1:2:3\n0 0 ${options}\n`,
    });
    const [finding] = confinementFindings(queue, kernel(record('--jitless')));
    assert.match(finding!.text, /^something like MemoryDenyWriteExecute=yes holds/u);
    assert.deepEqual(confinementFindings(queue, kernel(record(''))), []);
  });

  test('of the usual units, when Postfix is stopped', () => {
    assert.equal(confinementFindings(queue, kernel({}, 'postfix.service')).length, 1);
    assert.deepEqual(confinementFindings(queue, kernel({})), []);
  });
});

describe('AppArmor', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-apparmor-'));
  after(() => rmSync(folder, { recursive: true }));
  const places = { switchPath: join(folder, 'enabled'), profilesFolder: join(folder, 'profiles') };
  const launcher = '/usr/lib/postfix/sbin/node-tlsmgr/tlsmgr';
  const paths = {
    node: '/usr/bin/node',
    program: '/usr/lib/node_modules/tlsmgr/dist/program/main.js',
    original: '/usr/lib/postfix/sbin/tlsmgr',
    postlog: '/usr/sbin/postlog',
  };
  const find = (): ReturnType<typeof appArmorFindings> =>
    appArmorFindings(launcher, paths, '/var/spool/postfix', places);

  test('off, or without a profile of Postfix, there is nothing to say', () => {
    assert.deepEqual(find(), []);
    mkdirSync(places.profilesFolder);
    writeFileSync(join(places.profilesFolder, 'usr.bin.man'), '/usr/bin/man {\n}\n');
    writeFileSync(join(places.profilesFolder, 'notes'), '# /usr/lib/postfix/tlsmgr is free\n');
    writeFileSync(places.switchPath, 'Y\n');
    assert.deepEqual(find(), []);
    writeFileSync(join(places.profilesFolder, 'master'), '/usr/lib/postfix/tlsmgr Px,\n');
    writeFileSync(places.switchPath, 'N\n');
    assert.deepEqual(find(), []);
  });

  test('on, the lines to add are told', () => {
    writeFileSync(places.switchPath, 'Y\n');
    for (const text of [
      '/usr/lib/postfix/tlsmgr Px,\n',
      'profile x /usr/lib/postfix/{bin/,sbin/,}tlsmgr {\n}\n',
      '/usr/lib/postfix/{bin/,sbin/,}master {\n}\n',
    ]) {
      writeFileSync(join(places.profilesFolder, 'master'), text);
      const [finding] = find();
      assert.equal(finding?.name, 'apparmor-profile', text);
      assert.match(finding.text, /profiles\/master names programs of Postfix/u);
      for (const line of [
        `${launcher} rix,`,
        '/usr/bin/node rix,',
        '/usr/lib/node_modules/tlsmgr/** rm,',
        '/usr/lib/postfix/sbin/tlsmgr rPx,',
        '/var/spool/postfix/pid/tlsmgr.start rw,',
      ]) {
        assert.ok(finding.remedy.includes(line), `${line}\n${finding.remedy}`);
      }
    }
  });
});
