/**
 * What is wrong with the settings of an engine, by its INFO: data that goes to
 * disk, and an eviction that may drop ticket keys. It serves all the same, so
 * this is advice.
 */
import type { Logger } from '../log/logger.ts';
import type { Clock } from '../system/clock.ts';
import type { Engine } from './engine/engine.ts';

export interface Advice {
  name: 'engine-persistent' | 'engine-eviction';
  /** Fits after `engine A `. */
  text: string;
  /** A setting of the engine, and the value that it should have. */
  setting: string;
  value: string;
}

/** All our values have an expiry, so the other `volatile` policies are as bad as `allkeys`. */
const goodPolicies = new Set(['noeviction', 'volatile-ttl']);

/** @param memory and @param persistence sections of INFO: a line `name:value` each. */
export function adviceOf({
  persistence,
  memory,
}: Record<'persistence' | 'memory', string>): Advice[] {
  const all = valuesIn(`${persistence}\n${memory}`);
  const advice: Advice[] = [];
  if (hasDumped(all)) {
    advice.push({
      name: 'engine-persistent',
      text: 'writes its data to disk (RDB): ticket keys outlive their time there, under the secret alone',
      setting: 'save',
      value: '',
    });
  }
  if (all.get('aof_enabled') === '1') {
    advice.push({
      name: 'engine-persistent',
      text: 'writes each change to disk (AOF): ticket keys outlive their time there, under the secret alone',
      setting: 'appendonly',
      value: 'no',
    });
  }
  const policy = all.get('maxmemory_policy') ?? '';
  const isLimited = Number(all.get('maxmemory') ?? 0) > 0;
  if (isLimited && policy !== '' && !goodPolicies.has(policy)) {
    advice.push({
      name: 'engine-eviction',
      text: `may remove ticket keys that are needed when it is full (maxmemory-policy ${policy})`,
      setting: 'maxmemory-policy',
      value: 'volatile-ttl',
    });
  }
  return advice;
}

/** INFO doesn't tell whether it is going to, only whether it has. */
function hasDumped(all: ReadonlyMap<string, string>): boolean {
  return (
    Number(all.get('rdb_saves') ?? 0) > 0 ||
    all.get('rdb_bgsave_in_progress') === '1' ||
    Number(all.get('rdb_last_bgsave_time_sec') ?? -1) >= 0
  );
}

/** Of one short printable word: a value gets into the log and the status. */
function valuesIn(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/^(\w+):([!-~]{0,64})\r?$/gmu)].map(([, name, value]) => [name!, value!]),
  );
}

/** Later dumps are found by asking again. */
const everyMs = 3_600_000;

export interface EngineAdviserOptions {
  engine: Pick<Engine, 'info' | 'report'>;
  clock: Clock;
  log: Logger;
}

/** Asks an engine for its settings, and logs what is to be said about them once. */
export class EngineAdviser {
  readonly #engine: Pick<Engine, 'info' | 'report'>;
  readonly #clock: Clock;
  readonly #log: Logger;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #texts: readonly string[] = [];

  constructor({ engine, clock, log }: EngineAdviserOptions) {
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
  }

  /** Name the engine: `engine A writes ...`. */
  get texts(): readonly string[] {
    return this.#texts;
  }

  /** Another engine may answer now: it is asked the next time. */
  forget(): void {
    this.#askedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Asks unless it has done so within the hour. Rejects with EngineError. */
  async ask(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#askedAtMs < everyMs) {
      return;
    }
    // Also when the engine refuses: it will refuse again.
    this.#askedAtMs = nowMs;
    const persistence = await this.#engine.info('persistence');
    const memory = await this.#engine.info('memory');
    const { server } = this.#engine.report();
    const texts = adviceOf({ persistence, memory }).map(({ text }) => `engine ${server} ${text}`);
    for (const text of texts.filter((one) => !this.#texts.includes(one))) {
      this.#log.warning(`fleet: ${text}`);
    }
    this.#texts = texts;
  }
}
