/** What can go wrong with an engine: made, mended, and what hosts have to say of it. */
import { engineUser, type HostFleet } from './host-fleet.ts';

export interface EngineFault {
  name: string;
  strike(fleet: HostFleet): Promise<unknown>;
  mend(fleet: HostFleet): Promise<unknown>;
  /** A line of this kind is logged once on each host: when it begins, and when it is over. */
  begins?: RegExp;
  ends?: RegExp;
  /** Which hosts say so; default: all. */
  saidBy?: readonly number[];
  /** Whether a session that was in the engine before is found meanwhile; undefined: perhaps. */
  finds?: boolean;
}

const away = /warning: fleet: engine \S+ is away \(.+\)$/u;
const back = /tlsmgr\[\d+\]: fleet: engine \S+ is back after \d/u;

export const engineFaults: readonly EngineFault[] = [
  {
    name: 'killed, started again empty',
    strike: ({ redis }) => redis.kill(),
    mend: ({ redis }) => redis.restart(),
    finds: false,
    begins: away,
    ends: back,
  },
  {
    name: 'cut off',
    strike: async ({ proxies }) => proxies.forEach((proxy) => proxy.cut()),
    mend: async ({ proxies }) => proxies.forEach((proxy) => proxy.mend()),
    finds: false,
    begins: away,
    ends: back,
  },
  {
    name: 'a dead network',
    strike: async ({ proxies }) => proxies.forEach((proxy) => proxy.stall()),
    mend: async ({ proxies }) => proxies.forEach((proxy) => proxy.mend()),
    finds: false,
    begins: away,
    ends: back,
  },
  {
    name: 'a replica',
    strike: ({ redis }) => redis.command('REPLICAOF', '127.0.0.1', '1'),
    mend: ({ redis }) => redis.command('REPLICAOF', 'NO', 'ONE'),
    finds: false,
    begins: away,
    ends: back,
  },
  {
    name: 'stopped',
    strike: async ({ redis }) => redis.stop(),
    mend: async ({ redis }) => redis.cont(),
    finds: false,
    begins: away,
    ends: back,
  },
  {
    name: 'slow: 100 ms each way',
    strike: (fleet) => delay(fleet, 100),
    mend: (fleet) => delay(fleet, 0),
    finds: false,
    begins: /warning: fleet: engine \S+ is too slow: reads paused/u,
    ends: /tlsmgr\[\d+\]: fleet: engine \S+ .*resumed/u,
  },
  {
    name: 'another password',
    strike: async ({ redis }) => {
      await redis.command('ACL', 'SETUSER', engineUser.name, 'resetpass', '>another');
      await redis.command('CLIENT', 'KILL', 'USER', engineUser.name);
    },
    mend: ({ redis }) =>
      redis.command('ACL', 'SETUSER', engineUser.name, 'resetpass', `>${engineUser.password}`),
    finds: false,
    begins: /error: fleet: engine \S+: WRONGPASS/u,
    ends: back,
  },
  {
    name: 'full, noeviction',
    strike: ({ redis }) => limitMemory(redis, 'noeviction', 1),
    mend: ({ redis }) => limitMemory(redis, 'noeviction', 0),
    begins: /warning: fleet: engine \S+ refuses writes: OOM/u,
    ends: /tlsmgr\[\d+\]: fleet: engine \S+ takes writes again/u,
    finds: true,
  },
  {
    name: 'full, keys evicted',
    strike: async ({ redis }) => {
      const memory = await redis.command('INFO', 'memory');
      const used = Number(/^used_memory:(\d+)/mu.exec(memory)![1]);
      await limitMemory(redis, 'allkeys-lru', used - 10_000);
    },
    mend: ({ redis }) => limitMemory(redis, 'noeviction', 0),
  },
  {
    name: 'emptied',
    strike: ({ redis }) => redis.command('FLUSHALL'),
    mend: async () => {},
    finds: false,
  },
  {
    name: 'bad values',
    strike: ({ redis }) => redis.command('EVAL', spoil, '0'),
    mend: async () => {},
    finds: false,
    begins: /warning: fleet: value not opened \(other secret, or damaged\): \d+$/u,
    // The one that asks for such a value; the others do at their next exchange of keys.
    saidBy: [1],
  },
];

async function delay({ proxies }: HostFleet, milliseconds: number): Promise<void> {
  for (const proxy of proxies) {
    proxy.delayMs = milliseconds;
  }
}

async function limitMemory(
  redis: HostFleet['redis'],
  policy: string,
  bytes: number,
): Promise<void> {
  await redis.command('CONFIG', 'SET', 'maxmemory-policy', policy);
  await redis.command('CONFIG', 'SET', 'maxmemory', String(bytes));
}

/** Other bytes in the place of each session, and a further key in each set. */
const spoil = `
for _, key in ipairs(redis.call('KEYS', 'tlsmgr:s:*')) do
  redis.call('SET', key, string.rep('x', 100), 'KEEPTTL')
end
for _, key in ipairs(redis.call('KEYS', 'tlsmgr:k:*')) do
  redis.call('HSET', key, 'AAAAAAAAAAAAAAAAAAAAAA', string.rep('x', 150))
end
`;
