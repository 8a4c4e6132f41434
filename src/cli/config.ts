/**
 * tlsmgr config: every parameter as the daemon uses it: as defaults, main.cf, the
 * `-o` of master.cf and those of this command set it, expanded as `postconf -x`
 * does. It is one JSON object, or lines of
 *
 *     line = name " =" [ " " value ] "  # " origin
 *
 * with origin `default`, `main.cf`, `master.cf` or `command line`, `the program`
 * for what no file sets, or `default: that of ... is refused` for a parameter of
 * ours with a fault. Such a
 * fault is a warning on standard error, and one that would keep the daemon from
 * starting is fatal there, both in the daemon's words; the values are still
 * shown. Exit status 1 for each of them, and for a name that is none.
 */
import { fromByteText } from '../config/byte-text.ts';
import { inspectConfig } from '../config/load.ts';
import type { Setting } from '../config/main-cf.ts';
import { findParameter } from '../config/parameters.ts';
import { type MainCf, openMainCf } from '../config/settings.ts';
import { FatalError } from '../errors.ts';
import { isUnprintable, printable } from '../log/printable.ts';
import { configChoice } from './config-options.ts';
import { type CliIo, complain } from './io.ts';
import { masterOverrides } from './master-overrides.ts';
import type { Given, parameterOptions } from './options.ts';

/** Of Postfix 3.4, which had no parameter for it yet. */
const usualServiceName = 'tlsmgr';

export async function runConfig(
  { values, words }: Given<typeof parameterOptions>,
  io: CliIo,
): Promise<number> {
  const warn = (text: string): void => complain(io, 'warning', text);
  try {
    const { overrides, ...directory } = configChoice(values);
    const options = {
      ...directory,
      environment: io.environment,
      programName: 'tlsmgr',
      mode: 'print',
      warn,
    } as const;
    const mainCf = openMainCf(options);
    warnOfOddNames(mainCf, warn);
    const serviceName = mainCf.settings.get('tlsmgr_service_name') ?? usualServiceName;
    const inMasterCf = masterOverrides(mainCf.directory, serviceName);
    const { text, faults, fatal } = inspectConfig({
      ...options,
      mainCf,
      overrides: [...inMasterCf, ...overrides],
      serviceName,
    });
    const shown = chosen(text, words, warn);
    const placeOf = (name: string): string =>
      isIn(overrides, name)
        ? 'command line'
        : isIn(inMasterCf, name)
          ? 'master.cf'
          : isToldByProgram(name)
            ? 'the program'
            : mainCf.settings.has(name)
              ? 'main.cf'
              : 'default';
    const originOf = (name: string): string =>
      faults.some((fault) => fault.name === name)
        ? `default: that of ${placeOf(name)} is refused`
        : placeOf(name);
    io.out(values.json === true ? asJson(shown) : asLines(shown, originOf));
    for (const fault of faults) {
      warn(fault.text);
    }
    if (fatal !== undefined) {
      throw fatal;
    }
    return faults.length > 0 || words.some((name) => !text.has(name)) ? 1 : 0;
  } catch (thrown) {
    if (thrown instanceof FatalError) {
      complain(io, 'fatal', thrown.message);
      return 1;
    }
    throw thrown;
  }
}

/** Its directory, its name and its number: main.cf can't set them. */
function isToldByProgram(name: string): boolean {
  return name === 'config_directory' || findParameter(name)?.readOnly === true;
}

/**
 * Of names with a byte order mark or a no-break space, which look like another
 * name and which no value can refer to. In the words of postconf(1).
 */
function warnOfOddNames({ directory, settings }: MainCf, warn: (text: string) => void): void {
  for (const [name, value] of settings) {
    const text = fromByteText(name);
    if (isUnprintable(text)) {
      warn(`${directory}/main.cf: unused parameter: ${text}=${fromByteText(value)}`);
    }
  }
}

/** Those that were asked for, in the order asked; all when none was named. */
function chosen(
  text: ReadonlyMap<string, string>,
  names: readonly string[],
  warn: (text: string) => void,
): [string, string][] {
  if (names.length === 0) {
    return [...text];
  }
  return names.flatMap((name): [string, string][] => {
    const value = text.get(name);
    if (value === undefined) {
      warn(`${name}: unknown parameter`);
      return [];
    }
    return [[name, value]];
  });
}

function asJson(shown: readonly [string, string][]): string {
  return `${JSON.stringify(Object.fromEntries(shown), undefined, 2)}\n`;
}

function asLines(shown: readonly [string, string][], originOf: (name: string) => string): string {
  return shown
    .map(([name, value]) => {
      const text = value === '' ? '' : ` ${printable(value)}`;
      return `${name} =${text}  # ${originOf(name)}\n`;
    })
    .join('');
}

function isIn(settings: readonly Setting[], name: string): boolean {
  return settings.some((setting) => setting.name === name);
}
