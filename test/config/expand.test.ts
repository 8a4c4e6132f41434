import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { fromByteText, toByteText } from '../../src/config/byte-text.ts';
import { expand } from '../../src/config/expand.ts';
import { ExpansionFault } from '../../src/config/expansion-fault.ts';

const settings = new Map([
  ['foo', '1'],
  ['bar', 'b b'],
  ['empty', ''],
  ['empty2', '${empty}'],
  ['indirect', '$foo/$bar'],
  ['t', '${t?x}'],
  ['a', '$b'],
  ['b', '$a'],
  ...Array.from({ length: 99 }, (_, n): [string, string] => [`n${n}`, `$n${n + 1}`]),
  ['n99', 'end'],
  ...Array.from({ length: 100 }, (_, n): [string, string] => [`m${n}`, `$m${n + 1}`]),
  ['m100', 'end'],
]);

function expanded(text: string): string {
  try {
    return fromByteText(expand(toByteText(text), (name) => settings.get(name)));
  } catch (thrown) {
    assert.ok(thrown instanceof ExpansionFault, String(thrown));
    throw new ExpansionFault(fromByteText(thrown.message), { cause: thrown });
  }
}

/** Outcomes seen with postconf(1) of Postfix 3.7. */
const outcomes: [inputs: string[], output: string][] = [
  [['$foo', '${foo}', '$(foo)', '${ foo }', '$( foo )'], '1'],
  [['${nope}', '$nope', '$9', '${ }', '$foo_x', '${nope?yes}', '${empty?yes}', '${nope:}'], ''],
  [['$foo-x'], '1-x'],
  [['$foo.x'], '1.x'],
  [['a${nope}b'], 'ab'],
  [['$foo$bar'], '1b b'],
  [['a$$b'], 'a$b'],
  [['a$$'], 'a$'],
  [['$$foo'], '$foo'],
  [['$$$foo'], '$1'],
  [['$${foo}'], '${foo}'],
  [['$foo{x}'], '1{x}'],
  [['${foo}}'], '1}'],
  [['{ $foo }'], '{ 1 }'],
  [['"$foo"'], '"1"'],
  [['\\$foo'], '\\1'],
  [['a # b'], 'a # b'],
  [['$indirect'], '1/b b'],
  [['${foo?yes}', '${foo?{yes}}', '${empty2?yes}'], 'yes'],
  [['${foo:no}', '${foo:{no}}', '${foo?}', '${foo?{}}', '${empty2:no}'], ''],
  [['${nope:no}', '${empty:no}', '${empty:{no}}'], 'no'],
  [
    ['${foo?{yes}:{no}}', '${foo?{yes}:no}', '${foo ? {yes} : {no}}', '${foo?{yes} : {no} }'],
    'yes',
  ],
  [['${nope?{yes}:{no}}', '${nope?{yes}:no}'], 'no'],
  [['${foo?yes:no}'], 'yes:no'],
  [['${foo?yes:{no}}'], 'yes:{no}'],
  [['${nope?yes:{no}}'], ''],
  [['${foo?  yes }'], '  yes '],
  [['${foo?{ yes }:{no}}'], ' yes '],
  [['${foo??x}'], '?x'],
  [['${foo?:x}', '${nope::x}'], ':x'],
  [['${foo?a{b}c}'], 'a{b}c'],
  [['$(foo?a(b)c)'], 'a(b)c'],
  [['$(foo?{yes}:{no})'], 'yes'],
  [['${foo?$(bar)}'], 'b b'],
  [['${foo?${nope:deep}}'], 'deep'],
  [['${nope:${nope:${nope:x}}}'], 'x'],
  [['${foo?{${bar?{x}:{y}}}:{z}}'], 'x'],
  [['${foo?{ok}:{${bad-name}}}'], 'ok'],
  [['${nope?${bad-name}}'], ''],
  [['${{a} == {a}}', '${{a} != {b}}'], 'true'],
  [['${{a} == {b}}'], ''],
  [['${{a}=={a}?{x}:{y}}', '${ {a} == {a} ? {x} : {y} }', '${{$foo} == {1}?{x}:{y}}'], 'x'],
  [['${{1} == {01}?{x}:{y}}', '${{10} > {9}?{x}:{y}}', '${{B} < {a}?{x}:{y}}'], 'x'],
  [['${{} < {a}?{x}:{y}}', '${{} == {}?{x}:{y}}', '${{-1} < {1}?{x}:{y}}'], 'x'],
  [['${{ 1 } == {1}?{x}:{y}}', '${{10} > {9x}?{x}:{y}}'], 'y'],
  [['${{a} == {a}?x:y}'], 'x:y'],
  [['${{a} == {b}:x}'], 'x'],
  [['${{a} == {a}:x}'], ''],
  [['${{3.10} <level {3.9}?{y}:{n}}'], 'n'],
  [['${{3} <=level {3.0.1}?{y}:{n}}', '${{3.6} ==level {3.6.0}?{y}:{n}}'], 'y'],
  [['${{ 3} <level {3.9}?{y}}'], 'y'],
  [['$n0'], 'end'],
  [['$t'], 'x'],
  [['${domain_to_ascii{ bücher.example }}'], 'xn--bcher-kva.example'],
];

const faults: [inputs: string[], message: string][] = [
  [['a$'], 'empty macro name: "a$"'],
  [['${}'], 'empty macro name: "${}"'],
  [['$()'], 'empty macro name: "$()"'],
  [['$ foo'], 'empty macro name: "$ foo"'],
  [['${foo'], 'truncated macro reference: "${foo"'],
  [['$(foo'], 'truncated macro reference: "$(foo"'],
  [['${foo)'], 'truncated macro reference: "${foo)"'],
  [['${foo?{yes}'], 'truncated macro reference: "${foo?{yes}"'],
  [['${foo-bar}'], 'attribute name syntax error at: "...foo>>>-bar"'],
  [['${foo bar}'], 'attribute name syntax error at: "...foo>>> bar"'],
  [['${fo$o}'], 'attribute name syntax error at: "...fo>>>$o"'],
  [['${$foo}'], 'attribute name syntax error at: "...>>>$foo"'],
  [['${é}'], 'attribute name syntax error at: "...>>>é"'],
  [['${foo{x}}'], 'unknown function "foo" at"...>>>foo{x}"'],
  [['${foo?{yes}x}'], '":" expected at: "...yes}>>>x"'],
  [['${foo?{a}{b}}'], '":" expected at: "...a}>>>{b}"'],
  [['${foo?{yes}?{x}}'], '":" expected at: "...yes}>>>?{x}"'],
  [
    ['${foo?{yes}:{no}x}', '${nope?{yes}:{no}x}', '${foo:{no}x}'],
    'unexpected input at: "...no}>>>x"',
  ],
  [
    ['${{a} = {b}?{x}}'],
    '"==" or "!="" or "<"" or "<="" or ">="" or ">" expected at: "...a}>>>= {b}?{x}"',
  ],
  [['${{a} == b?{x}}'], '"{expression}" expected at: "...{a} ==>>> b?{x}"'],
  [['${{a} ==foo {b}}'], 'bad operator suffix at: "...==>>>foo"'],
  [['${{a} == {b} x}'], '"?" or ":" expected at: "...}>>>x"'],
  [['${{x} <level {3.9}?{y}}'], 'malformed compatibility level syntax: "x"'],
  [['${{3.1024} <level {3.9}?{y}}'], 'malformed compatibility level syntax: "3.1024"'],
  [['$a'], 'unreasonable macro call nesting: "b"'],
  [['$m0'], 'unreasonable macro call nesting: "end"'],
  [['${{99999999999999999999} == {1}?{x}}'], 'mac_exp_eval: bad conversion: 99999999999999999999'],
];

describe('expansion', () => {
  for (const [inputs, output] of outcomes) {
    for (const input of inputs) {
      test(`${input} is ${JSON.stringify(output)}`, () => {
        assert.equal(expanded(input), output);
      });
    }
  }

  for (const [inputs, message] of faults) {
    for (const input of inputs) {
      test(`${input} is a fault`, () => {
        assert.throws(() => expanded(input), { name: 'ExpansionFault', message });
      });
    }
  }

  test('any text expands or is a fault', () => {
    const pieces = '$ { } ( ) ? : foo empty == <level 3.1 {a} é'.split(' ');
    const piece = fc.constantFrom(' ', ...pieces);
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 24 }).map((chosen) => chosen.join('')),
        (text) => {
          try {
            assert.equal(typeof expanded(text), 'string');
          } catch (thrown) {
            assert.equal((thrown as Error).name, 'ExpansionFault');
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
