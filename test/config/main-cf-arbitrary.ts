/**
 * Generates main.cf files: settings in all spellings, continued over lines that
 * comments and blank lines interrupt, with values that refer to each other in
 * every form, and now and then a fault. Strings are of one character a byte.
 */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';

/** Names that Postfix doesn't know, for values to refer to. */
export const ownNames = ['foo', 'bar', 'b_z', 'x9', '9x', 'quux'];

const knownNames = [
  'tls_random_source',
  'tls_random_bytes',
  'tls_random_exchange_name',
  'tls_random_reseed_period',
  'smtpd_tls_session_cache_timeout',
  'smtp_tls_session_cache_timeout',
  'smtpd_tls_session_cache_database',
  'lmtp_tls_session_cache_database',
  'smtpd_tls_loglevel',
  'data_directory',
  'queue_directory',
  'daemon_directory',
  'config_directory',
  'mail_owner',
  'mail_name',
  'multi_instance_name',
  'syslog_name',
  'max_idle',
  'max_use',
  'smtputf8_enable',
  'compatibility_level',
  'myhostname',
  'mydomain',
  'default_database_type',
  'maillog_file',
  'service_name',
  'process_name',
  'mail_version',
];

/** Their main.cf values and `-o` count at some moments and not at others, from version to version. */
const isReadOnly = (name: string): boolean => /^(?:process|service)_name$/u.test(name);

/** Its values are one process' own number. */
const exceptions = new Set(['process_id']);

/**
 * All that the installed Postfix has a default for; names that `$name` can't
 * take are left out: some are made of the names of services.
 */
export const builtInNames: readonly string[] = (
  spawnSync('/usr/sbin/postconf', ['-d'], { encoding: 'latin1' }).stdout ?? ''
)
  .split('\n')
  .map((line) => line.split(' =', 1)[0]!)
  .filter((name) => /^\w+$/u.test(name) && !exceptions.has(name));

const referable = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...ownNames) },
  { weight: 4, arbitrary: fc.constantFrom(...knownNames) },
  { weight: 4, arbitrary: fc.constantFrom(...ownNames, ...builtInNames) },
  { weight: 1, arbitrary: fc.constantFrom('nope', 'undefined_name', '7') },
);

const settable = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...ownNames) },
  { weight: 5, arbitrary: fc.constantFrom(...knownNames.filter((name) => !isReadOnly(name))) },
  { weight: 1, arbitrary: fc.constantFrom('foo-bar', 'f\xc3\xb6\xc3\xb6', '"x"', '{x', 'FOO') },
);

const blank = fc.constantFrom('', '', '', ' ', '\t', '  ', ' \t ', '\r');
const someBlank = fc.constantFrom(' ', '\t', '  ', ' \t', '\r ', '\v', '\f');

const number = fc.oneof(
  fc.nat(12).map(String),
  fc.constantFrom('0', '01', '9x', '3600s', '1h', '2d', '1w', '90m', '10', '2147483648'),
);

const word = fc.constantFrom(
  'btree:/x/y',
  'dev:/dev/urandom',
  'yes',
  'no',
  'a',
  'B',
  'b b',
  'hash',
  'true',
  '/var/lib',

  '=',
  '#',
  ';',
  '"',
  "'",
  '\\',
  ',',
  '.',
  '-',
  ':',
  '?',
  '==',
  'a=b',
  '# x',
  '\xc3\xa9',
  '\xff',
  '$$',
  '$$foo',
  '$${foo}',
  '{}',
  '{ a }',
  '()',
  ' ',
  '\t',
  '  ',
  '\u00a0',
);

const level = fc.constantFrom('0', '1', '2', '3', '3.6', '3.9', '3.10', '3.6.0', '3.6.1', '3.1023');
const notLevel = fc.constantFrom('', 'x', '-1', '3.', '3.1024', '3.1.1.1', '3 ');
const operator = fc.constantFrom('==', '!=', '<', '<=', '>=', '>');

const rareFault = fc.constantFrom(
  '$',
  '$-',
  '${}',
  '$()',
  '${foo',
  '$(bar',
  '${foo)',
  '${foo-bar}',
  '${foo bar}',
  '${$foo}',
  '${foo?{a}b}',
  '${foo:{a}b}',
  '${{a} = {b}}',
  '${{a} == b}',
  '${{a} ==foo {b}}',
  '${{a}}',
  '${foo?{a}{b}}',
  '${{a} == {b} x}',
  '$(foo?{a)',
  '${foo{x}}',
  '${\xc3\xa9}',
  '$\xc3\xa9',
  '${{99999999999999999999} == {1}?{x}}',
  '${{a} <> {b}}',
  '${{3} < level {4}}',
);

const { value } = fc.letrec<{ value: string; piece: string; text: string; condition: string }>(
  (tie) => ({
    value: fc.array(tie('piece'), { maxLength: 4, size: 'max' }).map((pieces) => pieces.join('')),
    text: fc.oneof({ maxDepth: 3 }, fc.oneof(word, number, fc.constant('')), tie('value')),
    condition: fc.oneof(
      fc
        .tuple(blank, tie('text'), blank, operator, blank, tie('text'), blank)
        .map(([a, left, b, op, c, right, d]) => `${a}{${left}}${b}${op}${c}{${right}}${d}`),
      fc
        .tuple(
          level,
          blank,
          operator,
          blank,
          fc.oneof({ weight: 9, arbitrary: level }, { weight: 1, arbitrary: notLevel }),
        )
        .map(([left, b, op, c, right]) => `{${left}}${b}${op}level${c}{${right}}`),
      fc
        .tuple(operator, level)
        .map(([op, right]) => `{$compatibility_level} ${op}level {${right}}`),
    ),
    piece: fc.oneof(
      { maxDepth: 3 },
      { weight: 6, arbitrary: word },
      { weight: 3, arbitrary: number },
      { weight: 4, arbitrary: referable.map((name) => `$${name}`) },
      {
        weight: 2,
        arbitrary: fc.tuple(blank, referable, blank).map(([a, n, b]) => `\${${a}${n}${b}}`),
      },
      {
        weight: 1,
        arbitrary: fc.tuple(blank, referable, blank).map(([a, n, b]) => `$(${a}${n}${b})`),
      },
      {
        weight: 3,
        arbitrary: fc
          .tuple(referable, blank, fc.constantFrom('?', ':'), blank, tie('text'))
          .map(([name, a, mark, b, text]) => `\${${name}${a}${mark}${b}${text}}`),
      },
      {
        weight: 3,
        arbitrary: fc
          .tuple(referable, blank, fc.constantFrom('?', ':'), blank, tie('text'), blank)
          .map(([name, a, mark, b, text, c]) => `\${${name}${a}${mark}${b}{${text}}${c}}`),
      },
      {
        weight: 3,
        arbitrary: fc
          .tuple(referable, tie('text'), blank, blank, tie('text'), blank)
          .map(([name, yes, a, b, no, c]) => `\${${name}?{${yes}}${a}:${b}{${no}}${c}}`),
      },
      {
        weight: 1,
        arbitrary: fc
          .tuple(referable, tie('text'), tie('text'))
          .map(([name, yes, no]) => `$(${name}?{${yes}}:${no})`),
      },
      { weight: 2, arbitrary: tie('condition').map((condition) => `\${${condition}}`) },
      {
        weight: 3,
        arbitrary: fc
          .tuple(tie('condition'), tie('text'), tie('text'))
          .map(([condition, yes, no]) => `\${${condition}?{${yes}}:{${no}}}`),
      },
      {
        weight: 1,
        arbitrary: fc
          .tuple(tie('condition'), fc.constantFrom('?', ':'), tie('text'))
          .map(([condition, mark, text]) => `\${${condition}${mark}${text}}`),
      },
    ),
  }),
);

const valueWithFaults = fc.oneof(
  { weight: 100, arbitrary: value },
  { weight: 1, arbitrary: fc.tuple(value, rareFault, value).map((parts) => parts.join('')) },
);

const lineEnd = fc.constantFrom('\n', '\n', '\n', '\n', '\r\n');

const ignored = fc
  .tuple(
    fc.constantFrom('# comment', '#', '  # indented = x', '', '   ', '\t', '\r', '#$foo\r'),
    lineEnd,
  )
  .map((parts) => parts.join(''));

/** A break within a setting: a line end, ignored lines, white space. */
const continuation = fc
  .tuple(lineEnd, fc.array(ignored, { maxLength: 2 }), someBlank)
  .map(([end, between, start]) => `${end}${between.join('')}${start}`);

const setting = fc
  .tuple(
    settable,
    fc.constantFrom(' = ', '=', '\t=\t', '= ', ' =', '  =  ', ' =\n ', '\n = '),
    valueWithFaults,
    fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(fc.tuple(fc.nat(), continuation), { maxLength: 2 }) },
    ),
    blank,
    lineEnd,
  )
  .map(([name, equals, text, breaks, trailing, end]) => {
    let broken = text;
    for (const [place, lines] of breaks) {
      const at = place % (broken.length + 1);
      broken = broken.slice(0, at) + lines + broken.slice(at);
    }
    return `${name}${equals}${broken}${trailing}${end}`;
  });

const rareLine = fc.constantFrom(
  'no equals sign here\n',
  '= nothing before\n',
  '  starts = with white space\n',
  'x\0y = z\n',
  'foo = a\0b\n',
  '\ufeff\n'.replace('\ufeff', '\xef\xbb\xbf'),
  'foo\n',
  'bar # = x\n',
);

/** Whole files. */
export const mainCf: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('', '', '', '  leading = white space\n', '\n', '# start\n', ' # start\n'),
    fc.array(
      fc.oneof(
        { weight: 200, arbitrary: setting },
        { weight: 40, arbitrary: ignored },
        { weight: 1, arbitrary: rareLine },
      ),
      { maxLength: 16, size: 'max' },
    ),
    fc.constantFrom('', '', 'foo = last line', 'bar = $foo\n  ', '# end'),
  )
  .map(([start, lines, end]) => start + lines.join('') + end);

/** `-o` arguments; ASCII, as arguments of a command are text. */
export const overrides: fc.Arbitrary<string[]> = fc.array(
  fc
    .tuple(
      fc.constantFrom(...ownNames, ...knownNames.filter((name) => !isReadOnly(name))),
      fc.constantFrom('=', ' = '),
      value,
    )
    .map((parts) => parts.join('').replaceAll(/[^\x20-\x7e]/gu, '')),
  { maxLength: 2 },
);
