/**
 * The look-ups of one cache that go to the engine. If the engine is away, paused or
 * late, or its value can't be opened or has expired, there is no session.
 */
import type { CacheName } from '../../config/cache-names.ts';
import type { ByteSpan } from '../../sessions/session-cache.ts';
import type { Clock } from '../../system/clock.ts';
import { wipe } from '../../system/secret-memory.ts';
import { type Engine, EngineError } from '../engine/engine.ts';
import type { FleetCacheReport } from '../report.ts';
import type { OpenedValue, Seals } from '../seals.ts';
import { FoundSession } from './found-session.ts';
import type { FreshTable } from './fresh-table.ts';
import type { NearMap } from './near-map.ts';

export interface EngineLookupsOptions {
  label: CacheName;
  engine: Engine;
  seals: Seals;
  clock: Clock;
  near: NearMap;
  fresh: FreshTable;
  counts: FleetCacheReport;
  /** Tells that a value of the engine was not opened. */
  notOpened: () => void;
}

/** Look-ups of one id that wait for the engine. */
interface Question {
  waiting: number;
  /** The id was stored or deleted meanwhile. The answer isn't used. */
  outdated: boolean;
}

export class EngineLookups {
  readonly #options: EngineLookupsOptions;
  readonly #questions = new Map<string, Question>();

  constructor(options: EngineLookupsOptions) {
    this.#options = options;
  }

  /** Whether the engine answers look-ups at present. */
  get isOpen(): boolean {
    const { engine } = this.#options;
    return engine.connection === 'up' && engine.reads === 'open';
  }

  /** Ids that the engine is being asked about. */
  get waiting(): number {
    return this.#questions.size;
  }

  /**
   * Puts what the engine has into the near map.
   * @param key of the near map. @param id owned by this call.
   * @param lifetimeSeconds what a session's lifetime is when the answer comes.
   * @returns a session that belongs to the caller.
   */
  async ask(
    key: string,
    id: ByteSpan,
    lifetimeSeconds: () => number,
  ): Promise<FoundSession | undefined> {
    const { engine, seals, label, counts } = this.#options;
    const question = this.#questions.get(key) ?? { waiting: 0, outdated: false };
    question.waiting += 1;
    this.#questions.set(key, question);
    try {
      const values = await engine.get(seals.sessionKeys(label, id));
      return this.#take(key, id, values, { question, lifetimeSeconds: lifetimeSeconds() });
    } catch (error) {
      if (!(error instanceof EngineError)) {
        throw error;
      }
      counts.notAsked += 1;
      return undefined;
    } finally {
      question.waiting -= 1;
      if (question.waiting === 0 && this.#questions.get(key) === question) {
        this.#questions.delete(key);
      }
    }
  }

  /** What the engine is about to say about an id is older than what happens now. */
  outdate(key: string): void {
    const question = this.#questions.get(key);
    if (question !== undefined) {
      question.outdated = true;
      this.#questions.delete(key);
    }
  }

  outdateAll(): void {
    for (const question of this.#questions.values()) {
      question.outdated = true;
    }
    this.#questions.clear();
  }

  #take(
    key: string,
    id: ByteSpan,
    values: readonly (Buffer | undefined)[],
    { question, lifetimeSeconds }: { question: Question; lifetimeSeconds: number },
  ): FoundSession | undefined {
    const { near, fresh, label, clock, counts } = this.#options;
    const nowMs = clock.nowSeconds() * 1000;
    const opened = this.#open(id, values, nowMs, lifetimeSeconds);
    if (question.outdated) {
      counts.engineMisses += 1;
      if (opened !== undefined) {
        wipe(opened.bytes, 0, opened.bytes.length);
      }
      return undefined;
    }
    const hash = fresh.hashOf(label, id);
    if (opened === undefined) {
      counts.engineMisses += 1;
      fresh.forget(hash);
      return undefined;
    }
    counts.engineHits += 1;
    const { bytes, expiresAtMs } = opened;
    const lifetimeMs = lifetimeSeconds * 1000;
    // The clock of the host that stored it may be ahead.
    const leftMs = Math.min(expiresAtMs - nowMs, lifetimeMs);
    const storedAtSeconds = Math.floor((nowMs + leftMs - lifetimeMs) / 1000);
    const span = { buffer: bytes, start: 0, end: bytes.length };
    const found = new FoundSession(span, storedAtSeconds);
    fresh.note(hash, leftMs, lifetimeSeconds);
    return near.put(key, found, { expiresAtMs, leftMs }, counts) ? found.copy() : found;
  }

  /** The first value that can be opened. */
  #open(
    id: ByteSpan,
    values: readonly (Buffer | undefined)[],
    nowMs: number,
    lifetimeSeconds: number,
  ): OpenedValue | undefined {
    const { seals, label, counts, notOpened } = this.#options;
    for (const value of values) {
      if (value !== undefined) {
        const opened = seals.openSession(label, id, value, nowMs, lifetimeSeconds);
        if (opened !== undefined) {
          return opened;
        }
        // A clock that is ahead of the engine's finds such values. They are misses.
        if (!seals.hasExpired(value, nowMs)) {
          counts.notOpened += 1;
          notOpened();
        }
      }
    }
    return undefined;
  }
}
