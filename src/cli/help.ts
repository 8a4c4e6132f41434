/** What `tlsmgr help` and `tlsmgr VERB --help` print. */
import type { Option } from './options.ts';
import { type Verb, verbs, type Word } from './verbs.ts';
import { fill, wrap } from './wrap.ts';

const columns = 80;
const optionCells = 26;

/** @param others the verbs that are no rows of the table. */
export function helpText(others: readonly Verb[]): string {
  const general = others.map(
    (verb) => [[verb.name, ...usageItems(verb)].join(' '), verb.summary] as const,
  );
  const rows = [...verbs.map(({ name, summary }) => [name, summary] as const), ...general].map(
    ([name, summary]) => `  tlsmgr ${name.padEnd(12)}  ${summary}\n`,
  );
  return `usage: tlsmgr VERB [OPTION]... [ARGUMENT]...

${rows.join('')}
tlsmgr VERB --help explains the options of a verb.
With generic Postfix daemon options it is the daemon that master(8) starts:
tlsmgr(8).
`;
}

/** With options explained. */
export function verbHelp(verb: Verb): string {
  const { summary, details = [], options, statuses } = verb;
  const rows = [
    ...Object.entries(options).map(([name, option]) => optionRow(name, option)),
    optionRow('help', { type: 'boolean', short: 'h', help: 'show this' }),
  ];
  const meaning =
    statuses === undefined
      ? ''
      : `\n${wrap(`exit status: ${statuses.text}`, columns).join('\n')}\n`;
  const paragraphs = details.map((text) => `${wrap(text, columns).join('\n')}\n\n`).join('');
  return `${usageText(verb)}\n${capital(summary)}.\n\n${paragraphs}${rows.join('')}${meaning}`;
}

/** `usage: tlsmgr VERB ...`, in lines. */
export function usageText(verb: Verb): string {
  const start = `usage: tlsmgr ${verb.name} `;
  const lines = fill(usageItems(verb), columns - start.length);
  const text = `${start}${lines.join(`\n${' '.repeat(start.length)}`)}`;
  return `${text.trimEnd()}\n`;
}

/** What stands behind `tlsmgr NAME`: `[-o NAME=VALUE]...`, `CACHE` and the like. */
export function usageItems({ words, options }: Verb): string[] {
  return [
    ...words.filter(({ optional }) => optional !== true).map(({ name }) => name),
    ...Object.entries(options).map(([name, option]) => optionUsage(name, option)),
    ...words.filter(({ optional }) => optional === true).map((word) => optionalUsage(word)),
  ];
}

function optionUsage(name: string, { short, value, multiple }: Option): string {
  const flag = short === undefined ? `--${name}` : `-${short}`;
  return `[${flag}${value === undefined ? '' : ` ${value}`}]${multiple === true ? '...' : ''}`;
}

function optionalUsage({ name, repeated }: Word): string {
  return `[${name}]${repeated === true ? '...' : ''}`;
}

function optionRow(name: string, { short, value, help }: Option): string {
  const flags = `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
  const [first, ...more] = wrap(help, columns - optionCells);
  const label = `  ${flags}`;
  const head =
    label.length < optionCells
      ? `${label.padEnd(optionCells)}${first}`
      : `${label}\n${' '.repeat(optionCells)}${first}`;
  return `${[head, ...more.map((line) => `${' '.repeat(optionCells)}${line}`)].join('\n')}\n`;
}

function capital(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}`;
}
