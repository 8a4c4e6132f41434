import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import { splitOverride } from '../../src/config/override.ts';
import { parseDaemonOptions } from '../../src/daemon/options.ts';
import { FatalError } from '../../src/errors.ts';
import { askCDaemon, askOurs, noCDaemon } from '../config/c-daemon.ts';
import { scratchDirectory, writeMainCf } from '../config/scratch.ts';

const none = parseDaemonOptions([]);

describe('options of a daemon', () => {
  test('as master(8) gives them', () => {
    assert.deepEqual(parseDaemonOptions(['-l', '-t', 'unix', '-u', '-c']), {
      ...none,
      limitOne: true,
      transport: 'unix',
      unprivileged: true,
      chroot: true,
    });
    assert.deepEqual(
      parseDaemonOptions(['-z', '-n', 'x', '-t', 'inet', '-d', '-v', '-u', '-s', '2']),
      {
        ...none,
        limitNone: true,
        serviceName: 'x',
        transport: 'inet',
        nonDetached: true,
        verbose: 1,
        unprivileged: true,
        socketCount: 2,
      },
    );
  });

  test('none at all', () => {
    assert.equal(none.socketCount, 1);
    assert.equal(none.verbose, 0);
    assert.deepEqual(none.overrides, []);
    assert.deepEqual(none.words, []);
    assert.ok(Object.values(none).every((value) => value !== true));
  });

  test('bundle, and take what is glued on', () => {
    assert.deepEqual(parseDaemonOptions(['-lucvvDSdtunix']), {
      ...none,
      limitOne: true,
      unprivileged: true,
      chroot: true,
      verbose: 2,
      debug: true,
      stdio: true,
      nonDetached: true,
      transport: 'unix',
    });
    assert.equal(parseDaemonOptions(['-t', '-l']).transport, '-l');
    assert.equal(parseDaemonOptions(['-n', '--']).serviceName, '--');
    assert.equal(parseDaemonOptions(['-s', '1', '-s3x']).socketCount, 3);
  });

  test('set parameters in their order', () => {
    const { overrides } = parseDaemonOptions([
      '-o',
      'max_idle = 1',
      '-i',
      '2',
      '-m',
      '3',
      '-omax_use=\n4 ',
      '-o',
      'a=$b=c',
    ]);
    assert.deepEqual(overrides, [
      { name: 'max_idle', value: '1' },
      { name: 'max_idle', value: '2' },
      { name: 'max_use', value: '3' },
      { name: 'max_use', value: '4' },
      { name: 'a', value: '$b=c' },
    ]);
  });

  test('end at --, -, an empty word or any other word', () => {
    assert.deepEqual(parseDaemonOptions(['-l', '--', '-u']).words, ['-u']);
    assert.deepEqual(parseDaemonOptions(['-', '-u']).words, ['-', '-u']);
    assert.deepEqual(parseDaemonOptions(['', '-u']).words, ['', '-u']);
    assert.deepEqual(parseDaemonOptions(['-l', 'x', '-u']).words, ['x', '-u']);
    assert.equal(parseDaemonOptions(['-l', 'x', '-u']).unprivileged, false);
  });

  test('are wrong in these words', () => {
    const faults: [args: string[], message: string][] = [
      [['-x'], 'invalid option: x'],
      [['-lx'], 'invalid option: x'],
      [['--help'], 'invalid option: -'],
      [['-:'], 'invalid option: :'],
      ...['i', 'm', 'n', 'o', 's', 't'].map((letter): [string[], string] => [
        [`-l${letter}`],
        `invalid option: ${letter}`,
      ]),
      [['-s', '0'], 'invalid socket_count: 0'],
      [['-s-2'], 'invalid socket_count: -2'],
      [['-s', 'x'], 'invalid socket_count: x'],
      [['-s', ''], 'invalid socket_count: '],
      [['-o', 'x'], `invalid "-o x" option value: missing '=' after attribute name`],
      [['-o', '=x'], 'invalid "-o =x" option value: missing attribute name'],
      [['-o', ''], 'invalid "-o " option value: missing attribute name'],
      [
        ['-o', '{ a = b }'],
        `invalid "-o { a = b }" option value: missing '=' after attribute name`,
      ],
      [['-x', '-s', '0'], 'invalid option: x'],
    ];
    for (const [args, message] of faults) {
      assert.throws(
        () => parseDaemonOptions(args),
        (thrown) => thrown instanceof FatalError && thrown.message === message,
        message,
      );
    }
    assert.throws(() => splitOverride('x'), FatalError);
  });

  test('come from the environment too', () => {
    const options = parseDaemonOptions(['-v'], { MAIL_VERBOSE: '', MAIL_DEBUG: 'x' });
    assert.equal(options.verbose, 2);
    assert.equal(options.debug, true);
  });

  test('-V counts from its place on, once', () => {
    const calls: string[] = [];
    const hooks = { logToStderr: () => void calls.push('stderr') };
    assert.throws(() => parseDaemonOptions(['-x', '-V'], {}, hooks), FatalError);
    assert.deepEqual(calls, []);
    assert.throws(() => parseDaemonOptions(['-VVx'], {}, hooks), FatalError);
    assert.deepEqual(calls, ['stderr']);
    assert.equal(parseDaemonOptions(['-V']).logToStderr, true);
  });

  test('of any kind are taken or refused as fatal, and words are kept', () => {
    const argument = fc.oneof(
      fc.string(),
      fc.stringMatching(/^-[cdDilmnosStuvVz]{1,4}.{0,4}$/u),
      fc.constant('--'),
    );
    fc.assert(
      fc.property(fc.array(argument), fc.array(fc.string()), (args, rest) => {
        try {
          const { words } = parseDaemonOptions([...args, '--', ...rest]);
          assert.deepEqual(words.slice(words.length - rest.length), rest);
        } catch (thrown) {
          assert.ok(thrown instanceof FatalError);
        }
      }),
    );
  });
});

/** Values for each option that takes one, good and bad ones. */
const valuesOf: Readonly<Record<string, readonly string[]>> = {
  i: ['5', '1h', '1y', '', '-1'],
  m: ['5', '0', 'x', '+7'],
  n: ['x', '', '-l'],
  o: ['max_idle=7', 'max_use = 8', 'x', '=x', '', 'a b', 'tls_random_bytes=$service_name'],
  s: ['1', '3x', ' 2', '0', '-1', 'x', '', '2147483648'],
  t: ['unix', 'fifo', ''],
};

/** No -D, which looks for a debugger, and no -c and -u, which look for more than options. */
const flagLetters = 'dlSvVz';
const bundled = fc.stringMatching(new RegExp(`^[${flagLetters}]{0,3}$`, 'u'));

const optionWords: fc.Arbitrary<readonly string[]> = fc.oneof(
  { weight: 6, arbitrary: bundled.map((flags) => (flags === '' ? [] : [`-${flags}`])) },
  {
    weight: 12,
    arbitrary: fc
      .tuple(bundled, fc.constantFrom(...Object.keys(valuesOf)), fc.nat(), fc.boolean())
      .map(([flags, letter, choice, apart]) => {
        const value = valuesOf[letter]![choice % valuesOf[letter]!.length]!;
        // An empty value can't be glued on: the next word would be taken.
        return apart || value === ''
          ? [`-${flags}${letter}`, value]
          : [`-${flags}${letter}${value}`];
      }),
  },
  { weight: 1, arbitrary: fc.constantFrom(['-x'], ['-lx'], ['--help'], ['-:'], ['-?'], ['-=']) },
  { weight: 1, arbitrary: fc.constantFrom(['--'], ['-'], ['word'], ['']) },
);

describe("options, beside Postfix's tlsmgr", { skip: noCDaemon }, () => {
  const directory = scratchDirectory();

  before(() => {
    mkdirSync(`${directory}/queue`);
    const lines = [`queue_directory = ${directory}/queue`, 'tls_random_exchange_name =', ''];
    writeMainCf(directory, lines.join('\n'));
  });

  /** What both say; words behind the options are a fault that ours finds in run.ts. */
  async function both(args: readonly string[]): Promise<string | undefined> {
    const line = ['-d', '-S', ...args];
    const c = await askCDaemon(directory, line);
    const ours = askOurs(directory, line);
    const [word] = ours.fatal === undefined ? parseDaemonOptions(line).words : [];
    const fatal = word === undefined ? ours.fatal : `unexpected command-line argument: ${word}`;
    assert.equal(fatal, c.fatal, JSON.stringify(line));
    return fatal;
  }

  test('a fault of each kind has the same text', async () => {
    const faults: [args: string[], text: string][] = [
      [['-x'], 'invalid option: x'],
      [['-lt'], 'invalid option: t'],
      [['--help'], 'invalid option: -'],
      [['-?'], 'invalid option: ?'],
      [['-o', 'x'], `invalid "-o x" option value: missing '=' after attribute name`],
      [['-o', '=x'], 'invalid "-o =x" option value: missing attribute name'],
      [['-s', '0'], 'invalid socket_count: 0'],
      [['-i', '1y'], 'parameter max_idle: bad time value or unit: 1y'],
      [['-m', 'x'], 'bad numerical configuration: max_use = x'],
      [['-l', 'word', '-x'], 'unexpected command-line argument: word'],
      [['--', '-l'], 'unexpected command-line argument: -l'],
    ];
    for (const [args, text] of faults) {
      assert.equal(await both(args), text);
    }
  });

  test('any command line is taken by both, or refused with the same text', async (t) => {
    const count = { taken: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(optionWords, { minLength: 1, maxLength: 4 }), async (words) => {
        const fatal = await both(words.flat());
        count[fatal === undefined ? 'taken' : 'refused'] += 1;
      }),
      { numRuns: 100 },
    );
    t.diagnostic(`${count.taken} taken, ${count.refused} refused`);
    assert.ok(count.taken > 0 && count.refused > 0);
  });
});
