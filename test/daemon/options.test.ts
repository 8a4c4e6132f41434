import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseDaemonOptions, splitOverride } from '../../src/daemon/options.ts';
import { FatalError } from '../../src/errors.ts';

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
