/**
 * A value of a parameter of ours that can't be used, as it was meant: for a
 * command that keeps what the administrator has chosen.
 */
import { join } from 'node:path';
import { FatalError } from '../../errors.ts';
import type { Parameter } from '../../config/parameter.ts';
import { findParameter } from '../../config/parameters.ts';
import { words } from '../../config/values.ts';
import { nearestOf } from '../nearest.ts';

/** Words further apart are others. */
const farthest = 2;

const fleetEngine = 'tlsmgr_fleet_engine';

/**
 * @param value as main.cf has it.
 * @returns undefined when there is nothing to guess.
 */
export function correctedValue(
  name: string,
  value: string,
  configDirectory: string,
): string | undefined {
  const parameter = findParameter(name);
  // What is expanded may be wrong elsewhere.
  if (parameter === undefined || value.includes('$')) {
    return undefined;
  }
  const guesses = [
    parameter.kind === 'choice' ? nearestChoice(parameter, value) : undefined,
    inBytes(value),
    name === fleetEngine ? engineAt(value, configDirectory) : undefined,
  ];
  return guesses.find((guess) => guess !== undefined && isTaken(parameter, guess));
}

/** Whether a parameter would take a value as it stands. */
export function isTaken(parameter: Parameter, value: string): boolean {
  try {
    parameter.read(value, { prefix: '', warn: () => undefined });
    return true;
  } catch (thrown) {
    if (thrown instanceof FatalError) {
      return false;
    }
    throw thrown;
  }
}

/** Each word as the nearest one that the parameter takes; short words have none. */
function nearestChoice({ allowed }: Parameter, value: string): string | undefined {
  const known = words(allowed).filter((word) => word !== 'or' && word !== 'and');
  const meant = words(value.toLowerCase()).map((word) =>
    nearestOf(word, known, Math.min(farthest, Math.floor((word.length - 1) / 2))),
  );
  return meant.includes(undefined) ? undefined : [...new Set(meant)].join(', ');
}

/** `64k` where a number of bytes has no unit. */
export function inBytes(value: string): string | undefined {
  const size = /^(?<count>\d{1,6})\s*(?<unit>[kmg])i?b?$/iu.exec(value)?.groups;
  return size === undefined
    ? undefined
    : String(Number(size['count']) * 1024 ** ('kmg'.indexOf(size['unit']!.toLowerCase()) + 1));
}

/** A path without its type, or one that is not absolute. */
function engineAt(value: string, configDirectory: string): string | undefined {
  const [, type, path] = /^(?:([a-z]+):)?(\S+)$/iu.exec(value) ?? [];
  const isRedis =
    type === undefined || nearestOf(type.toLowerCase(), ['redis', 'valkey'], farthest);
  return isRedis && path !== undefined
    ? `redis:${path.startsWith('/') ? path : join(configDirectory, path)}`
    : undefined;
}
