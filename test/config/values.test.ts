import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { logsCacheOperations } from '../../src/config/log-level.ts';
import {
  booleanValue,
  integerValue,
  sizeValue,
  textValue,
  timeValue,
  words,
} from '../../src/config/values.ts';
import { FatalError } from '../../src/errors.ts';

const noWarning = (text: string): never => assert.fail(text);
const refuses = (act: () => unknown, message: string): void =>
  assert.throws(act, (thrown) => thrown instanceof FatalError && thrown.message === message);

describe('integers', () => {
  test('are decimal, of 32 bits', () => {
    for (const [text, value] of [
      ['32', 32],
      ['+40', 40],
      ['010', 10],
      [' 5', 5],
      ['-3', -3],
      ['2147483647', 2_147_483_647],
    ] as const) {
      assert.equal(integerValue('n', text, {}), value);
    }
    for (const text of ['', '12x', '0x20', '1e3', '1.5', '3 2', '2147483648', '+', '5 ', '٣']) {
      refuses(() => integerValue('n', text, {}), `bad numerical configuration: n = ${text}`);
    }
  });

  test('have ranges', () => {
    refuses(() => integerValue('n', '0', { min: 1 }), 'invalid n parameter value 0 < 1');
    refuses(() => integerValue('n', '9', { max: 8 }), 'invalid n parameter value 9 > 8');
    assert.equal(integerValue('n', '8', { min: 8, max: 8 }), 8);
  });

  test('of bytes have 53 bits', () => {
    assert.equal(sizeValue('n', '9007199254740991', {}), Number.MAX_SAFE_INTEGER);
    refuses(
      () => sizeValue('n', '9007199254740992', {}),
      'bad numerical configuration: n = 9007199254740992',
    );
    refuses(() => sizeValue('n', '-1', {}), 'bad numerical configuration: n = -1');
    refuses(() => sizeValue('n', '5', { min: 4096 }), 'invalid n parameter value 5 < 4096');
  });
});

describe('times', () => {
  const seconds = (text: string): number => timeValue('t', text, {}, noWarning);

  test('have a unit, or are seconds', () => {
    assert.deepEqual(
      ['5', '5s', '2m', '3h', '1d', '1w', '+5', '007', '2147483647'].map((text) => seconds(text)),
      [5, 5, 120, 10_800, 86_400, 604_800, 5, 7, 2_147_483_647],
    );
  });

  test('are refused otherwise', () => {
    const others = ['', '-5', '1S', '1y', '1 h', '1.5h', '0x10', '2147483648', 'soon', 'h', 'é'];
    const tooLong = ['35791394m', '596523h', '24855d', '3550w', '9999999999w'];
    for (const text of [...others, ...tooLong]) {
      refuses(() => seconds(text), `parameter t: bad time value or unit: ${text}`);
    }
    assert.equal(seconds('35791393m'), 2_147_483_580);
  });

  test('have ranges', () => {
    refuses(() => timeValue('t', '0', { min: 1 }, noWarning), 'invalid t: 0 (min 1)');
    refuses(
      () => timeValue('t', '101d', { max: 8_640_000 }, noWarning),
      'invalid t: 8726400 (max 8640000)',
    );
  });

  test('with text after the unit lose it, with a warning', () => {
    const warnings: string[] = [];
    assert.equal(
      timeValue('t', '1h30m', {}, (text) => warnings.push(text)),
      3600,
    );
    assert.deepEqual(warnings, ['parameter t: ignoring "30m" after the unit in time value: 1h30m']);
  });

  test('of any text are a number from 0 on, or refused', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9]{1,11}[smhdwy]?.?$/u));
    fc.assert(
      fc.property(text, (any) => {
        try {
          const value = timeValue('t', any, {}, () => {});
          assert.ok(Number.isInteger(value) && value >= 0 && value < 2 ** 31);
        } catch (thrown) {
          assert.ok(thrown instanceof FatalError);
        }
      }),
    );
  });
});

describe('the rest', () => {
  test('booleans', () => {
    assert.deepEqual(
      ['yes', 'YES', 'no', 'No'].map((text) => booleanValue('b', text)),
      [true, true, false, false],
    );
    for (const text of ['', '1', 'on', 'true', 'yes ']) {
      refuses(() => booleanValue('b', text), `bad boolean configuration: b = ${text}`);
    }
  });

  test('texts', () => {
    assert.equal(textValue('x', '', {}), '');
    refuses(() => textValue('x', '', { min: 1 }), 'bad string length 0 < 1: x = ');
  });

  test('lists', () => {
    assert.deepEqual(words(' a, b\tc,,d\r\n'), ['a', 'b', 'c', 'd']);
    assert.deepEqual(words(''), []);
  });
});

describe('log levels', () => {
  const on = (list: string): boolean => logsCacheOperations('smtpd_tls_loglevel', list, noWarning);

  test('that log cache operations, and that do not', () => {
    for (const list of ['2', '9', 'debug', 'SSL-Expert', 'cache', '0 cache', 'none,2', '1, 3']) {
      assert.equal(on(list), true, list);
    }
    for (const list of ['', '0', '1', 'routine', 'none', 'verbose', 'summary', 'ssl-debug,dane']) {
      assert.equal(on(list), false, list);
    }
  });

  test('with an unknown word count as nothing', () => {
    for (const word of ['x', '10', '0x40', '-1']) {
      const warnings: string[] = [];
      assert.equal(
        logsCacheOperations('smtpd_tls_loglevel', `2, ${word}`, (text) => warnings.push(text)),
        false,
      );
      assert.deepEqual(warnings, [`unknown smtpd_tls_loglevel value "${word}" in "2, ${word}"`]);
    }
  });
});
