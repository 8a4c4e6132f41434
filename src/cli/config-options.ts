/** `-c DIR` and `-o NAME=VALUE`, as the verbs that read a main.cf share them. */
import type { Setting } from '../config/main-cf.ts';
import { splitOverride } from '../config/override.ts';

/** For parseArgs. */
export const configOptions = {
  config: { type: 'string', short: 'c' },
  option: { type: 'string', short: 'o', multiple: true },
} as const;

/** For loadConfig. Throws FatalError for an override that is none. */
export function configChoice(values: {
  config?: string | undefined;
  option?: string[] | undefined;
}): {
  configDirectory?: string;
  overrides: Setting[];
} {
  const overrides = (values.option ?? []).map((text) => splitOverride(text));
  return values.config === undefined
    ? { overrides }
    : { configDirectory: values.config, overrides };
}
