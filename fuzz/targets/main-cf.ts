/** The reader of main.cf, and what the values in it stand for. */
import assert from 'node:assert/strict';
import { expand } from '../../src/config/expand.ts';
import { ExpansionFault } from '../../src/config/expansion-fault.ts';
import { parseMainCf } from '../../src/config/main-cf.ts';
import { TlsmgrError } from '../../src/errors.ts';
import { latin1, type Target } from '../target.ts';

function refusedOrDone(task: () => void): void {
  try {
    task();
  } catch (thrown) {
    const refused = thrown instanceof TlsmgrError || thrown instanceof ExpansionFault;
    assert.ok(refused, `not refused, but failed: ${(thrown as Error).name}`);
  }
}

export const mainCfTarget: Target = {
  name: 'main-cf',
  promise: 'any bytes are read, with warnings, or refused with one message',
  seeds: [
    latin1('a = b\nc = $a ${a} ${a?yes} ${a:no} ${{x} == {y} ? {1} : {2}}\n'),
    latin1('# comment\n\nname = value\n\tgoes on\n # a comment within\n  and on\n'),
    latin1('a = $b\nb = $a\n'),
  ],
  words: [
    '$',
    '${',
    '}',
    '{',
    '==',
    '!=',
    '<=',
    '?',
    ':',
    '\n ',
    '\n#',
    '=',
    '$$',
    '$(a)',
    'a',
  ].map(latin1),
  run(input) {
    refusedOrDone(() => {
      const settings = parseMainCf(input.toString('latin1'), 'main.cf', () => {});
      for (const [name, value] of settings) {
        assert.doesNotMatch(name, /^[ \t]|[ \t]$/u, 'a name with blanks around it');
        refusedOrDone(() => void expand(value, (other) => settings.get(other)));
      }
    });
  },
};
