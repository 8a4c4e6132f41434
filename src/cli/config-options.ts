/** What `-c DIR` and `-o NAME=VALUE` say. */
import type { Setting } from '../config/main-cf.ts';
import { splitOverride } from '../config/override.ts';

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
