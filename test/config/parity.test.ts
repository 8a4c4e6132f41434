/**
 * `tlsmgr config` and `postconf -x` of the same generated main.cf: the same
 * values and warnings, or a fault in both. TLSMGR_PARITY_RUNS sets how many
 * files; 200 without.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { fromByteText } from '../../src/config/byte-text.ts';
import { malformedLevel, parseLevel } from '../../src/config/compatibility-level.ts';
import { splitSetting, type Setting, type Warn } from '../../src/config/main-cf.ts';
import { parameters } from '../../src/config/parameters.ts';
import { Settings } from '../../src/config/settings.ts';
import { FatalError } from '../../src/errors.ts';
import { mainCf, overrides, ownNames } from './main-cf-arbitrary.ts';
import { askPostconf, noPostconf, scratchDirectory, writeMainCf } from './scratch.ts';

const runs = Number(process.env['TLSMGR_PARITY_RUNS'] ?? 200);

/** Postfix 3.7 doesn't have it; the others are the program's own. */
const exceptions = new Set(['maillog_file_permissions', 'process_id']);
const names = parameters
  .filter((parameter) => parameter.ours !== true && !exceptions.has(parameter.name))
  .map(({ name }) => name);

const aboutLines = /overriding earlier entry|must not start with whitespace/u;

interface Ours {
  values: Map<string, string> | undefined;
  warnings: string[];
}

function open(directory: string, options: readonly string[], warn: Warn): Settings {
  return new Settings({
    configDirectory: directory,
    environment: {},
    overrides: options.map((text) => splitSetting(text) as Setting),
    programName: 'postconf',
    serviceName: '',
    mode: 'print',
    warn,
  });
}

function ours(directory: string, options: readonly string[]): Ours {
  const warnings: string[] = [];
  try {
    const settings = open(directory, options, (text) => warnings.push(text));
    const printed = settings.printed();
    return {
      values: hasLevel(settings)
        ? new Map(names.map((name) => [name, printed.get(name)!]))
        : undefined,
      warnings: warnings.filter((text) => aboutLines.test(text)),
    };
  } catch (thrown) {
    assert.ok(thrown instanceof FatalError, String(thrown));
    return { values: undefined, warnings: [] };
  }
}

/** postconf has defaults that compare levels, and so has to know its own. */
function hasLevel(settings: Settings): boolean {
  return parseLevel(settings.text('compatibility_level')) !== undefined;
}

/** As Postfix's log has it, `?` for what isn't printable ASCII; one, as it counts bytes and we characters. */
function sanitised(text: string): string {
  return text.replaceAll(/(?:[^\x20-\x7e]|\?)+/gu, '?');
}

/** What ours may die of: of several faults each program finds its own first. */
function causes(directory: string, options: readonly string[]): Set<string> {
  try {
    const settings = open(directory, options, () => {});
    const faults = [...names, ...ownNames].flatMap((name) => faultOf(() => settings.text(name)));
    const level = faultOf(() => settings.text('compatibility_level'));
    if (level.length === 0 && !hasLevel(settings)) {
      faults.push(sanitised(malformedLevel(settings.text('compatibility_level'))));
    }
    return new Set(faults);
  } catch (thrown) {
    return new Set([sanitised((thrown as Error).message)]);
  }
}

function faultOf(act: () => string): string[] {
  try {
    act();
    return [];
  } catch (thrown) {
    const [, macro] = /macro processing error: ([^]*)$/u.exec((thrown as Error).message) ?? [];
    return [sanitised(macro!)];
  }
}

const nesting = 'unreasonable macro call nesting';

/**
 * Whether postconf says one of our faults. Where a loop is left depends on where
 * it was entered, in one through a comparison postconf crashes without a word,
 * and 3.7 knows no functions.
 */
function saysOneOf(faults: ReadonlySet<string>, messages: readonly string[]): boolean {
  const crashed = !messages.some((message) => message.startsWith('fatal: '));
  return (
    messages.some((message) =>
      faults.has(sanitised(message.replace(/^(?:warning|fatal): /u, ''))),
    ) ||
    [...faults].some(
      (text) =>
        (text.startsWith(nesting) &&
          (crashed || messages.some((message) => message.startsWith(`warning: ${nesting}`)))) ||
        text.startsWith('unknown function'),
    )
  );
}

/** postconf asks for the host's names before it knows the default of compatibility_level. */
function askedTooEarly(messages: readonly string[]): boolean {
  return (
    messages.some((message) => /^warning: malformed compatibility level .*"\s*"$/u.test(message)) &&
    messages.includes('fatal: dictionary mail_dict: macro processing error')
  );
}

describe('tlsmgr config and postconf -x', { skip: noPostconf }, () => {
  const directory = scratchDirectory();
  const count = { values: 0, faults: 0 };

  test(`agree on ${runs} generated files`, async (t) => {
    await fc.assert(
      fc.asyncProperty(mainCf, overrides, async (content, options) => {
        writeMainCf(directory, Buffer.from(content, 'latin1'));
        const theirs = await askPostconf(directory, names, options);
        const { values, warnings } = ours(directory, options);
        if (values === undefined) {
          assert.equal(theirs.values, undefined, 'ours alone');
          const faults = causes(directory, options);
          assert.ok(
            saysOneOf(faults, theirs.messages) || askedTooEarly(theirs.messages),
            `${[...faults].join('\n')}\nbut postconf: ${theirs.messages.join('\n')}`,
          );
          count.faults += 1;
          return;
        }
        if (theirs.values === undefined && askedTooEarly(theirs.messages)) {
          return;
        }
        assert.ok(theirs.values !== undefined, `postconf alone: ${theirs.messages.join('\n')}`);
        const decoded = [...theirs.values].map(([name, text]) => [name, fromByteText(text)]);
        assert.deepEqual(Object.fromEntries(values), Object.fromEntries(decoded));
        assert.deepEqual(
          warnings.map((text) => sanitised(text)),
          theirs.messages
            .filter((text) => aboutLines.test(text))
            .map((text) => sanitised(text.replace('warning: ', ''))),
        );
        count.values += 1;
      }),
      { numRuns: runs, includeErrorInReport: true },
    );
    t.diagnostic(`${count.values} files with equal values, ${count.faults} with a fault in both`);
    assert.ok(count.values > runs / 4, 'most files have values to compare');
  });
});
