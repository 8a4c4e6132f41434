// Makes man/tlsmgr.8 from scripts/tlsmgr.8.in, the table of verbs and the table
// of parameters:
//
//   node --import tsx scripts/manual.mjs           writes the page
//   node --import tsx scripts/manual.mjs --print   prints it
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { usageItems } from '../src/cli/help.ts';
import { verbs } from '../src/cli/verbs.ts';
import { parametersFor } from '../src/config/parameters.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** With the parameters of an added cache, for which NAME stands. */
const parameters = parametersFor(['NAME']);

/** The table's groups in the page's order. */
const groups = [
  ['cache', 'Session caches'],
  ['prng', 'Random numbers'],
  ['service', 'Requests'],
  ['fleet', 'Fleets of hosts'],
  ['misc', 'Miscellaneous'],
  ['common', 'Common to all of Postfix'],
];

/** Text as roff wants it: no control line, no escape, minus signs that can be typed. */
function roff(text) {
  return text
    .replaceAll('\\', String.raw`\e`)
    .replaceAll('-', String.raw`\-`)
    .replace(/^[.']/u, String.raw`\&$&`);
}

/** A word that mdoc must not take for one of its macros or for punctuation. */
function plainWord(word) {
  return `\\&${roff(word)}`;
}

/** A verb and `[-c DIR] [-o NAME=VALUE]... ID`, as arguments of a macro. */
function verbMacros(verb) {
  const words = usageItems(verb).flatMap((item) => item.split(' '));
  return [verb.name, ...words.map((word) => usageWord(word))].join(' ');
}

function usageWord(word) {
  const [, open, text, close] = /^(\[?)(.*?)((?:\]|\.\.\.)*)$/u.exec(word);
  const before = open === '' ? '' : `${plainWord(open)} Ns `;
  const after = close === '' ? '' : ` Ns ${plainWord(close)}`;
  const macros = text.startsWith('-')
    ? `Fl ${roff(text.slice(1))}`
    : text
        .split('=')
        .map((part) => `Ar ${roff(part.toLowerCase())}`)
        .join(' Ns = Ns ');
  return `${before}${macros}${after}`;
}

function verbSynopsis() {
  return verbs.map((verb) => `.Nm\n.Ic ${verbMacros(verb)}`).join('\n.Pp\n');
}

function verbList() {
  const items = verbs.map((verb) => {
    const paragraphs = (verb.details ?? []).map((text) => `\n.Pp\n${sentence(text)}`);
    return `.It Ic ${verbMacros(verb)}\n${sentence(verb.summary)}${paragraphs.join('')}`;
  });
  return ['.Bl -tag -width Ds', ...items, '.El'].join('\n');
}

/** A summary as a sentence, its end at the end of a line. */
function sentence(text) {
  const whole = `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/u.test(text) ? '' : '.'}`;
  return roff(whole).replaceAll(/([.;]) (?=[A-Z])/gu, '$1\n');
}

function parameterSections() {
  return groups
    .map(([group, title]) => {
      const items = parameters.filter((parameter) => parameter.group === group).map(parameterItem);
      return [`.Ss ${title}`, '.Bl -tag -width Ds', ...items, '.El'].join('\n');
    })
    .join('\n');
}

function parameterItem(parameter) {
  const { name, help, ours } = parameter;
  const note = ours === true ? '\nNot known to Postfix itself.' : '';
  return `.It Va ${name} Pq ${shownDefault(parameter)}\n${sentence(help)}${note}`;
}

/** A text that must not be empty and has no default is found out by the program. */
function shownDefault({ default: value, readOnly, min = 0 }) {
  if (readOnly === true) {
    return 'read-only';
  }
  if (value === '') {
    return min > 0 ? 'found out at start' : 'empty';
  }
  return value.split(' ').map(plainWord).join(' ');
}

const page = readFileSync(`${root}scripts/tlsmgr.8.in`, 'utf8')
  .replace('@VERB-SYNOPSIS@', verbSynopsis)
  .replace('@VERBS@', verbList)
  .replace('@PARAMETERS@', parameterSections);

if (process.argv.includes('--print')) {
  process.stdout.write(page);
} else {
  writeFileSync(`${root}man/tlsmgr.8`, page);
}
