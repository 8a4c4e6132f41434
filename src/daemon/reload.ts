/**
 * Reads main.cf again while standalone service goes on. Settings that can be
 * applied are applied; sessions, keys and connections stay. The log names the
 * settings that wait for the next start. A main.cf with a fault changes nothing.
 */
import type { CacheName } from '../config/cache-names.ts';
import type { Config } from '../config/config.ts';
import { parameters, parametersFor } from '../config/parameters.ts';
import type { Parameter } from '../config/parameter.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { parameterOf } from '../sessions/caches.ts';

/** Parameters that a reload applies, without those of added caches; all others wait for the next start. */
export const appliedByReload: ReadonlySet<string> = appliedOf(parameters);

function appliedOf(all: readonly Parameter[]): Set<string> {
  return new Set(
    all.filter(({ applies }) => applies !== 'at the next start').map(({ name }) => name),
  );
}

export interface Reloading {
  /** What is in force. */
  config: Config;
  /** Reads main.cf; rejects with what is wrong in it. */
  read: () => Promise<Config>;
  /** @returns the caches whose database takes effect at the next start. */
  change: (next: Config) => Promise<CacheName[]>;
  log: Logger;
}

/** @returns the settings in force then: the old ones after a failure, which is logged. */
export async function reload({ config, read, change, log }: Reloading): Promise<Config> {
  let next: Config;
  let kept: CacheName[];
  try {
    next = await read();
    // Of the start, which had no need of it.
    await config.prepareText();
    kept = await change(next);
  } catch (thrown) {
    log.error(`main.cf not re-read, the settings stay as they are: ${messageOf(thrown)}`);
    return config;
  }
  const late = new Set(kept.map((label) => parameterOf(label)));
  const all = parametersFor(next.caches.keys());
  const defaults = new Map(all.map((parameter) => [parameter.name, parameter.default]));
  const applied = appliedOf(all);
  // A cache that has been added is opened with whatever is set for it.
  const isNew = (name: string): boolean => !config.text.has(name);
  const changed = [...next.text].filter(
    ([name, value]) => (config.text.get(name) ?? defaults.get(name)) !== value,
  );
  for (const [name, value] of changed) {
    if (!late.has(name) && (applied.has(name) || isNew(name))) {
      log.info(`main.cf re-read: ${name} = ${value}`);
    } else {
      log.warning(`main.cf re-read: ${name} = ${value} takes effect at the next start`);
    }
  }
  if (changed.length === 0) {
    log.info('main.cf re-read: nothing has changed');
  }
  return next;
}

/** Runs one reload at a time. Signals during a reload lead to one more reload after it. */
export function inTurn(task: () => Promise<void>): () => void {
  let state: 'idle' | 'running' | 'wanted again' = 'idle';
  const run = async (): Promise<void> => {
    do {
      state = 'running';
      await task();
    } while ((state as string) === 'wanted again');
    state = 'idle';
  };
  return () => {
    if (state === 'idle') {
      void run();
    } else {
      state = 'wanted again';
    }
  };
}
