/**
 * Mail hosts with one engine: real Postfix instances with our tlsmgr, each at an
 * address of its own, and a real redis-server, with the rights that docs/fleet.md
 * gives. Each host reaches it through a proxy of its own, which can go wrong. To be
 * used in a network of one's own (own-network.ts).
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FleetReport } from '../../../src/fleet/report.ts';
import { patientClient } from '../../patient-client.ts';
import { PostfixInstance } from '../../postfix/instance.ts';
import { poll } from '../../postfix/poll.ts';
import { requireBuilt, tlsmgrUnderTest } from '../../postfix/under-test.ts';
import { Proxy } from '../proxy.ts';
import { RedisServer } from '../redis-server.ts';
import { putKeysOfOldFleet } from './old-keys.ts';
import { hostAddresses } from './own-network.ts';

/** All hosts have the same: ids and some tickets hold the service's name. */
const smtpdPort = 25_251;

/** Of smtpd_tls_session_cache_timeout, the default. */
const usualLifetimeSeconds = 3600;

/** Of tlsmgr_fleet_key_set, the default: the name of tlsmgr's service. */
export const usualKeySet = 'tlsmgr';

/** With the rights of docs/fleet.md. */
export const engineUser = { name: 'tlsmgr', password: randomBytes(16).toString('hex') };

export interface HostFleetOptions {
  /** How many; default 3. */
  hosts?: 2 | 3;
  /** Parameters of main.cf, on all hosts. */
  mainCf?: Record<string, string>;
  /** What runs as tlsmgr on each host. Default: ours. */
  tlsmgr?: (index: number) => string;
  /** 64 hexadecimal digits; default: any. */
  secret?: string;
  /** Whether hosts reach the engine without a proxy, which has less delay and more throughput. */
  isDirect?: boolean;
  /** Whether the engine has no keys yet. Default: it has those of a fleet that has run for long. */
  isNew?: boolean;
}

export class HostFleet {
  readonly hosts: readonly PostfixInstance[];
  readonly proxies: readonly Proxy[];
  readonly redis: RedisServer;
  /** The first one that all hosts had. */
  readonly secret: string;
  readonly #mainCf: Record<string, string>[];

  /** All hosts serve, and those with shared keys share them, unless they have to make them first. */
  static async start(options: HostFleetOptions = {}): Promise<HostFleet> {
    requireBuilt();
    const { name, password } = engineUser;
    const redis = await RedisServer.start({
      users: [`${name} on >${password} ${documentedRights()}`],
    });
    const addresses = hostAddresses.slice(0, options.hosts ?? 3);
    const hosts = await Promise.all(
      addresses.map((address, index) =>
        PostfixInstance.create({
          tlsmgr: options.tlsmgr?.(index) ?? tlsmgrUnderTest,
          name: nameOf(index),
          listen: { address, port: smtpdPort },
        }),
      ),
    );
    const proxies = await Promise.all(
      hosts.map(() => Proxy.start({ host: redis.host, port: redis.port })),
    );
    const fleet = new HostFleet(hosts, proxies, redis, options);
    await fleet.#begin(options);
    return fleet;
  }

  private constructor(
    hosts: readonly PostfixInstance[],
    proxies: readonly Proxy[],
    redis: RedisServer,
    options: HostFleetOptions,
  ) {
    this.hosts = hosts;
    this.proxies = proxies;
    this.redis = redis;
    this.#mainCf = hosts.map((host, index) => ({
      smtpd_tls_loglevel: '1',
      tlsmgr_ticket_keys: 'shared',
      tlsmgr_fleet_secret_file: secretPath(host),
      tlsmgr_fleet_engine: `redis:${enginePath(host)}`,
      tlsmgr_fleet_host: nameOf(index),
      ...options.mainCf,
    }));
    this.secret = options.secret ?? newSecret();
    for (const [index, host] of hosts.entries()) {
      this.writeSecrets(index, [this.secret]);
      const passwordFile = join(host.configDirectory, 'fleet-password');
      writeFileSync(passwordFile, `${engineUser.password}\n`, { mode: 0o600 });
      const lines = [
        `servers = ${options.isDirect === true ? redis.address : proxies[index]!.address}`,
        `username = ${engineUser.name}`,
        `password_file = ${passwordFile}`,
      ];
      writeFileSync(enginePath(host), `${lines.join('\n')}\n`, { mode: 0o600 });
    }
  }

  async #begin({ isNew = false }: HostFleetOptions): Promise<void> {
    if (!isNew) {
      await this.putOldKeys();
    }
    for (const [index, host] of this.hosts.entries()) {
      host.writeMainCf(this.#mainCf[index]!);
    }
    await Promise.all(this.hosts.map((host) => host.start()));
    await (isNew ? this.served() : this.ready());
  }

  /** Puts keys there that count as everybody's at once, as after some periods of service. */
  async putOldKeys(lifetimeSeconds = usualLifetimeSeconds, keySet = usualKeySet): Promise<void> {
    const [host] = this.hosts;
    await putKeysOfOldFleet({
      engineFile: enginePath(host!),
      secretFile: secretPath(host!),
      keySet,
      periodSeconds: Math.floor(lifetimeSeconds / 2),
    });
  }

  /** Takes effect at the next reload. The first one seals. */
  writeSecrets(index: number, secrets: readonly string[]): void {
    writeFileSync(secretPath(this.hosts[index]!), `${secrets.join('\n')}\n`, { mode: 0o600 });
  }

  /** Changes main.cf of some hosts, reloads them, and waits until they share again. */
  async change(indices: readonly number[], mainCf: Record<string, string>): Promise<void> {
    for (const index of indices) {
      Object.assign(this.#mainCf[index]!, mainCf);
      this.hosts[index]!.writeMainCf(this.#mainCf[index]!);
    }
    await this.reload(indices);
  }

  async reload(indices: readonly number[]): Promise<void> {
    await Promise.all(indices.map((index) => this.hosts[index]!.reload()));
    await this.ready();
  }

  /** Waits until each host's tlsmgr has answered. */
  async served(): Promise<void> {
    await Promise.all(this.hosts.map((_, index) => this.report(index)));
  }

  /** Waits until each host shares what its main.cf asks for. */
  async ready(): Promise<void> {
    for (const [index, host] of this.hosts.entries()) {
      await poll(`${nameOf(index)} to share`, () => this.#isReady(index), {
        detail: () => host.log(),
        limitMs: 60_000,
      });
    }
  }

  async #isReady(index: number): Promise<boolean> {
    const report = await this.report(index);
    const { tlsmgr_ticket_keys: keys, tlsmgr_fleet_engine: engine } = this.#mainCf[index]!;
    if (engine !== '' && report?.engine?.connection !== 'up') {
      return false;
    }
    return keys === 'local' || report?.keys?.state === 'sharing';
  }

  /** What tlsmgr of a host says about its fleet; null: it has none. */
  async report(index: number): Promise<FleetReport | null> {
    const client = patientClient(this.hosts[index]!.socketPath);
    try {
      const { fleet } = (await client.stats()) as { fleet: FleetReport | null };
      return fleet;
    } finally {
      await client.close();
    }
  }

  /** Waits until all that a host has stored is in the engine. */
  async written(index: number): Promise<void> {
    await poll('the sessions to reach the engine', async () => {
      const caches = (await this.report(index))?.caches ?? {};
      return Object.values(caches).every(({ queueEntries }) => queueEntries === 0);
    });
    // What has left the queue is under way for a moment.
    await sleep(20);
  }

  /** What nobody wants to see in a log, but for what a test has made to differ between hosts. */
  complaints(): string[] {
    const differs = /fleet: host-[abc] has /u;
    return this.hosts.flatMap((host) => host.complaints()).filter((line) => !differs.test(line));
  }

  async stop(): Promise<void> {
    for (const host of this.hosts) {
      host.cleanup();
    }
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
    this.redis.close();
  }
}

export function newSecret(): string {
  return randomBytes(32).toString('hex');
}

/** tlsmgr_fleet_host. */
export function nameOf(index: number): string {
  return `host-${'abc'[index]!}`;
}

/** What docs/fleet.md gives to the user of a Redis server. */
export function documentedRights(): string {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/fleet.md'), 'utf8');
  const [rights] = /~tlsmgr:\* \+.*$/mu.exec(page) ?? [];
  if (rights === undefined) {
    throw new Error('docs/fleet.md gives no rights to a user of Redis');
  }
  return rights;
}

function secretPath(host: PostfixInstance): string {
  return join(host.configDirectory, 'fleet-secret');
}

function enginePath(host: PostfixInstance): string {
  return join(host.configDirectory, 'tlsmgr-fleet.cf');
}
