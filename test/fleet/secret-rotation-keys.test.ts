/**
 * The secret of a fleet is replaced while its hosts share ticket keys: they get each
 * file one after the other, and are started anew with it. A ticket that any host
 * has sealed within a period opens on all of them.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { sealsOf } from '../../src/fleet/sealing.ts';
import { parseFleetSecrets } from '../../src/fleet/secret-file.ts';
import {
  firstSecretFile,
  rotatedSecretFile,
  type SecretFileText,
} from '../../src/fleet/secret-rotation.ts';
import type { Seals } from '../../src/fleet/seals.ts';
import { lifetimeSeconds, periodSeconds, TestFleet, type TestHost } from './test-fleet.ts';
import { nameOf } from './two-slots.ts';

const names = ['mx1', 'mx2', 'mx3'];
const hostSeconds = 60;
/** As the file of step 2 says. */
const waitSeconds = 2 * lifetimeSeconds + 600;

function secretsOf({ content }: SecretFileText): ReturnType<typeof parseFleetSecrets> & object {
  const parsed = parseFleetSecrets(content);
  assert.ok(typeof parsed !== 'string');
  return parsed;
}

function next(file: SecretFileText): SecretFileText {
  const text = rotatedSecretFile(secretsOf(file), randomBytes(32), new Date());
  assert.ok(typeof text !== 'string');
  return text;
}

const sealing = (file: SecretFileText): Seals => sealsOf(secretsOf(file).map(({ bytes }) => bytes));

/** Looks once a minute at what opens. */
class Watched {
  readonly fleet = new TestFleet();
  readonly hosts = new Map<string, TestHost>();
  readonly #sealedAt = new Map<string, number>();
  unopened = 0;
  checks = 0;

  async start(name: string, file: SecretFileText): Promise<void> {
    this.hosts.get(name)?.keys.wipe();
    const host = this.fleet.host(name, { seals: sealing(file) });
    this.hosts.set(name, host);
    host.keys.start();
    await this.fleet.time.settle();
  }

  async startAll(file: SecretFileText): Promise<void> {
    for (const name of names) {
      await this.start(name, file);
      await this.pass(hostSeconds);
    }
  }

  async pass(seconds: number): Promise<void> {
    for (let passed = 0; passed < seconds; passed += 60) {
      await this.fleet.time.pass(60);
      await this.#look();
    }
  }

  async #look(): Promise<void> {
    const now = this.fleet.time.seconds;
    for (const { keys } of this.hosts.values()) {
      this.#sealedAt.set(nameOf(await keys.current()), now);
    }
    for (const [name, sealedAt] of this.#sealedAt) {
      if (sealedAt < now - periodSeconds) {
        this.#sealedAt.delete(name);
        continue;
      }
      for (const { keys } of this.hosts.values()) {
        this.checks += 1;
        const key = await keys.named(Buffer.from(name, 'base64url'), 0);
        this.unopened += key === undefined ? 1 : 0;
      }
    }
  }
}

async function rotate(betweenSeconds: number): Promise<Watched> {
  const watched = new Watched();
  let file = firstSecretFile(randomBytes(32), new Date());
  for (const name of names) {
    await watched.start(name, file);
  }
  // A fleet's first minutes don't count.
  await watched.fleet.time.pass(3 * periodSeconds);
  for (const wait of [0, 0, betweenSeconds]) {
    await watched.pass(wait);
    file = next(file);
    await watched.startAll(file);
  }
  await watched.pass(3 * periodSeconds);
  return watched;
}

test('a replacement of the secret leaves no ticket that does not open', async () => {
  const { checks, unopened } = await rotate(waitSeconds);
  assert.ok(checks > 1000, `${checks} checks`);
  assert.equal(unopened, 0);
});

test('a third step that comes too early costs tickets, and then all is well again', async () => {
  const watched = await rotate(0);
  assert.ok(watched.unopened > 0);
  watched.unopened = 0;
  await watched.pass(2 * periodSeconds);
  assert.equal(watched.unopened, 0);
});
