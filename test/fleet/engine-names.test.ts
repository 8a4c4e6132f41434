/** Addresses of servers: from the hosts file, name servers, and what was known before. */
import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Names, type NameServers } from '../../src/fleet/engine/names.ts';

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-names-'));
after(() => rmSync(folder, { recursive: true }));
const hostsPath = join(folder, 'hosts');
writeFileSync(hostsPath, '# a fleet\n2001:db8::7 redis1.example one\n192.0.2.7 redis1.example\n');

const fault = (code: string): Error => Object.assign(new Error(code), { code });

/** Name servers that answer as a test says; undefined: never. */
class Servers implements NameServers {
  answer: readonly string[] | Error | undefined = fault('ENOTFOUND');
  asked = 0;

  resolve4(): Promise<string[]> {
    this.asked += 1;
    if (this.answer === undefined) {
      return new Promise(() => {});
    }
    return this.answer instanceof Error
      ? Promise.reject(this.answer)
      : Promise.resolve([...this.answer]);
  }

  resolve6(): Promise<string[]> {
    return this.answer === undefined ? new Promise(() => {}) : Promise.reject(fault('ENODATA'));
  }
}

describe('the address of a server', () => {
  test('is in the hosts file, and nobody is asked', async () => {
    const nameServers = new Servers();
    const names = new Names({ hostsPath, nameServers });
    assert.deepEqual(await names.addressesOf('Redis1.example'), ['192.0.2.7', '2001:db8::7']);
    assert.deepEqual(await names.addressesOf('localhost'), ['127.0.0.1']);
    assert.deepEqual(await names.addressesOf('192.0.2.1'), ['192.0.2.1']);
    assert.equal(nameServers.asked, 0);
  });

  test('is what the name servers say, and the last one when they fail or are silent', async () => {
    const nameServers = new Servers();
    const names = new Names({ hostsPath, nameServers });
    nameServers.answer = ['192.0.2.8'];
    assert.deepEqual(await names.addressesOf('b.example'), ['192.0.2.8']);
    nameServers.answer = fault('ESERVFAIL');
    assert.deepEqual(await names.addressesOf('b.example'), ['192.0.2.8']);
    nameServers.answer = ['192.0.2.9'];
    assert.deepEqual(await names.addressesOf('b.example'), ['192.0.2.9']);
    nameServers.answer = undefined;
    const begun = performance.now();
    // Nobody else keeps this process alive meanwhile.
    const alive = setInterval(() => {}, 1000);
    assert.deepEqual(await names.addressesOf('b.example'), ['192.0.2.9']);
    clearInterval(alive);
    const took = performance.now() - begun;
    assert.ok(took > 900 && took < 3000, `${took} ms`);
  });

  test('that nobody knows rejects with a reason', async () => {
    const names = new Names({
      hostsPath,
      nameServers: new Servers(),
    });
    await assert.rejects(names.addressesOf('d.example'), {
      message: 'd.example: the host has no address in /etc/hosts or DNS',
    });
  });

  test('is given as dns.lookup() gives it', async () => {
    const names = new Names({ hostsPath, nameServers: new Servers() });
    const look = (host: string, all: boolean): Promise<unknown[]> =>
      new Promise((resolve) => {
        names.lookup(host, { all }, (...given: unknown[]) => resolve(given));
      });
    assert.deepEqual(await look('redis1.example', false), [null, '192.0.2.7', 4]);
    const both: LookupAddress[] = [
      { address: '192.0.2.7', family: 4 },
      { address: '2001:db8::7', family: 6 },
    ];
    assert.deepEqual(await look('redis1.example', true), [null, both]);
    const [thrown] = await look('d.example', true);
    assert.ok(thrown instanceof Error);
  });
});
