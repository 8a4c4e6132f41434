/**
 * Hosts of a fleet against a model: updates, look-ups, deletes and flushes on any of
 * three hosts, time, an engine that is away, paused, empty or slow, and hosts that
 * start again, in any order. A look-up may always miss, except for what the host
 * itself has. What it finds was stored under that very id, has not expired, and was
 * not deleted by this host since.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { ByteSpan } from '../../../src/sessions/session-cache.ts';
import { span, TestClock } from '../../contracts/session-cache.ts';
import { fleetHost, type Host, settled, usualLimits } from './fleet-host.ts';
import { EngineError } from '../../../src/fleet/engine/engine.ts';
import { type EngineState, MapServer, turn } from './map-engine.ts';

const hosts = 3;
const { lifetimeSeconds } = usualLimits;

type Step =
  | { do: 'update'; host: number; id: number }
  | { do: 'lookup'; host: number; id: number }
  /** The answer is awaited later. */
  | { do: 'begin'; host: number; id: number }
  /** `asking`: while the host asks the engine for the same id. */
  | { do: 'delete'; host: number; id: number; asking: boolean }
  | { do: 'flush'; host: number }
  | { do: 'restart'; host: number }
  | { do: 'pass'; seconds: number }
  | { do: 'turn' }
  | { do: 'settle' }
  | { do: 'lose' }
  | { do: 'state'; host: number; state: Partial<EngineState> }
  | { do: 'travel'; host: number; kind: 'at once' | 'slow' | 'fails' };

const host = fc.nat(hosts - 1);
const id = fc.nat(2);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('update' as const), host, id }) },
  { weight: 16, arbitrary: fc.record({ do: fc.constant('lookup' as const), host, id }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('begin' as const), host, id }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('delete' as const), host, id, asking: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const), host }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), host }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('pass' as const), seconds: fc.nat({ max: 130 }) }),
  },
  { weight: 6, arbitrary: fc.constant({ do: 'turn' as const }) },
  { weight: 6, arbitrary: fc.constant({ do: 'settle' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'lose' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('state' as const),
      host,
      state: fc.constantFrom<Partial<EngineState>>(
        { connection: 'away' },
        { connection: 'up', reads: 'open', writes: 'open' },
        { reads: 'paused' },
        { writes: 'paused' },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('travel' as const),
      host,
      kind: fc.constantFrom('at once' as const, 'slow' as const, 'fails' as const),
    }),
  },
);

const travels = {
  'at once': () => Promise.resolve(),
  slow: async () => {
    for (let turns = 0; turns < 5; turns += 1) {
      await turn();
    }
  },
  fails: () => Promise.reject(new EngineError('late')),
};

interface Stored {
  id: number;
  storedAt: number;
  /** The how manieth step. */
  at: number;
}

class FleetModel {
  readonly clock = new TestClock();
  readonly server = new MapServer(this.clock);
  readonly hosts: Host[] = Array.from({ length: hosts }, () => this.#open());
  /** Every session that was ever stored, by its content. */
  readonly stored = new Map<string, Stored>();
  /** What each host itself has, by id: the content. */
  readonly own = this.hosts.map(() => new Map<number, string>());
  /** The step of each host's last delete of an id that nobody else was about to write. */
  readonly deletedAt = this.hosts.map(() => new Map<number, number>());
  readonly begun: (() => Promise<void>)[] = [];
  at = 0;

  #open(): Host {
    return fleetHost({ server: this.server, clock: this.clock });
  }

  /** @param began the step at which the host was asked. */
  check(number: number, wanted: number, found: ByteSpan | undefined, began: number): void {
    if (found === undefined) {
      return;
    }
    const content = found.buffer.toString('latin1', found.start, found.end);
    const stored = this.stored.get(content);
    assert.ok(stored !== undefined && stored.id === wanted, `${content} for ${wanted}`);
    assert.ok(
      this.clock.wallSeconds <= stored.storedAt + lifetimeSeconds,
      `${content} has expired`,
    );
    const { cache, engine } = this.hosts[number]!;
    assert.equal(cache.storedAtSeconds(found), stored.storedAt);
    // A removal may be lost with the connection.
    const isLost = engine.failed.some((name) => name !== 'get');
    const deletedAt = this.deletedAt[number]!.get(wanted) ?? -1;
    assert.ok(isLost || stored.at > deletedAt || deletedAt > began, `${content} was deleted`);
  }

  /** What the host must find, as it has it itself. */
  ownOf(number: number, wanted: number): string | undefined {
    const content = this.own[number]!.get(wanted);
    const storedAt = content === undefined ? 0 : this.stored.get(content)!.storedAt;
    return this.clock.wallSeconds <= storedAt + lifetimeSeconds ? content : undefined;
  }

  async take(next: Step): Promise<void> {
    this.at += 1;
    switch (next.do) {
      case 'update': {
        const content = `session ${this.at} of host ${next.host}`;
        this.stored.set(content, {
          id: next.id,
          storedAt: this.clock.wallSeconds,
          at: this.at,
        });
        this.own[next.host]!.set(next.id, content);
        assert.equal(this.#cache(next).update(idOf(next), span(content)), undefined);
        break;
      }
      case 'lookup': {
        const own = this.ownOf(next.host, next.id);
        const found = this.#cache(next).lookup(idOf(next));
        if (own !== undefined) {
          assert.ok(!(found instanceof Promise));
          assert.equal(found!.buffer.toString('latin1', found!.start, found!.end), own);
        }
        // A session that is lent is looked at at once.
        this.check(next.host, next.id, found instanceof Promise ? await found : found, this.at);
        break;
      }
      case 'begin': {
        const began = this.at;
        const cache = this.#cache(next);
        const found = cache.lookup(idOf(next));
        if (found instanceof Promise) {
          this.begun.push(async () => {
            const session = await found;
            if (cache === this.#cache(next)) {
              this.check(next.host, next.id, session, began);
            }
          });
        } else {
          this.check(next.host, next.id, found, began);
        }
        break;
      }
      case 'delete':
        await this.#delete(next);
        break;
      case 'flush':
        this.own[next.host]!.clear();
        // It drops updates that wait, and with them a removal before such an update.
        this.deletedAt[next.host]!.clear();
        await this.#cache(next).flush();
        break;
      case 'restart':
        this.hosts[next.host]!.cache.closeNow();
        this.hosts[next.host]!.engine.closeNow();
        this.own[next.host]!.clear();
        this.deletedAt[next.host]!.clear();
        this.hosts[next.host] = this.#open();
        break;
      case 'pass':
        await this.#awaitBegun();
        this.clock.pass(next.seconds);
        break;
      case 'turn':
        await turn();
        break;
      case 'settle':
        await settled(...this.hosts);
        break;
      case 'lose':
        this.server.values.clear();
        break;
      case 'state':
        this.hosts[next.host]!.engine.become(next.state);
        break;
      case 'travel':
        this.hosts[next.host]!.engine.travel = travels[next.kind];
        break;
    }
  }

  async end(): Promise<void> {
    await this.#awaitBegun();
    for (const { engine } of this.hosts) {
      engine.travel = travels['at once'];
      engine.become({ connection: 'up', reads: 'open', writes: 'open' });
    }
    await settled(...this.hosts);
    for (const { cache } of this.hosts) {
      const { queueEntries, queueBytes } = cache.report();
      assert.deepEqual([queueEntries, queueBytes], [0, 0]);
      cache.closeNow();
      const { nearEntries, nearBytes } = cache.report();
      assert.deepEqual([nearEntries, nearBytes], [0, 0]);
    }
  }

  async #delete(next: { host: number; id: number; asking: boolean }): Promise<void> {
    // What another host is about to write may come back: it was stored, not deleted, there.
    const ways = this.hosts.map((one) => ({ ...stateOf(one), travel: one.engine.travel }));
    for (const one of this.hosts) {
      one.engine.travel = travels['at once'];
      one.engine.become({ connection: 'up', reads: 'open', writes: 'open' });
    }
    await this.#awaitBegun();
    await settled(...this.hosts);
    for (const [number, { travel, ...state }] of ways.entries()) {
      this.hosts[number]!.engine.travel = travel;
      this.hosts[number]!.engine.become(state);
    }
    if (next.asking) {
      const found = this.#cache(next).lookup(idOf(next));
      this.begun.push(async () => {
        assert.ok(!(found instanceof Promise) || (await found) === undefined, 'it was deleted');
      });
    }
    const own = this.ownOf(next.host, next.id);
    const wasThere = this.#cache(next).delete(idOf(next));
    if (own !== undefined) {
      assert.equal(wasThere, true);
    }
    this.own[next.host]!.delete(next.id);
    this.deletedAt[next.host]!.set(next.id, this.at);
    assert.equal(await this.#cache(next).lookup(idOf(next)), undefined);
  }

  async #awaitBegun(): Promise<void> {
    for (const check of this.begun.splice(0)) {
      await check();
    }
  }

  #cache(next: { host: number }): Host['cache'] {
    return this.hosts[next.host]!.cache;
  }
}

function idOf(next: { id: number }): ByteSpan {
  return span(`relay&example.com&mail.example.com&192.0.2.${next.id}&&ff`);
}

function stateOf({ engine: { connection, reads, writes } }: Host): EngineState {
  return { connection, reads, writes };
}

describe('three hosts and an engine', () => {
  test('never find a wrong session, one that has expired, or one that was deleted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }),
        async (steps) => {
          const model = new FleetModel();
          for (const next of steps) {
            await model.take(next);
          }
          await model.end();
        },
      ),
      { numRuns: 200 },
    );
  });
});
