/** Makes docs/parameters.md from the table of parameters. A test compares the file with it. */
import type { Parameter, ParameterGroup } from '../src/config/parameter.ts';
import { parametersFor } from '../src/config/parameters.ts';

const titles: readonly (readonly [ParameterGroup, string])[] = [
  ['cache', 'Session caches'],
  ['prng', 'Random numbers'],
  ['service', 'Requests'],
  ['fleet', 'Fleets of hosts'],
  ['misc', 'Miscellaneous'],
  ['common', 'Common to all of Postfix'],
];

/** With the parameters of an added cache, for which NAME stands. */
const parameters = parametersFor(['NAME']);

const kinds: Readonly<Record<Parameter['kind'], string>> = {
  text: 'text',
  time: 'time',
  integer: 'number',
  size: 'bytes',
  boolean: 'yes or no',
  level: 'level',
  choice: 'word',
};

const head = `# Parameters

Made from the rows in \`src/config/parameters/\`: \`TLSMGR_UPDATE_DOCS=1 npm test\` writes it anew.

Set in main.cf, or for the one service in master.cf with \`-o name=value\`. \`tlsmgr config\` shows the values that a daemon under master(8) uses. Where it refuses yours and uses the default, the row is marked and a warning says why. The exit status is 1 with any fault, and for a name that is no parameter. A parameter with a star is not known to Postfix itself: postconf(1) and \`postfix check\` warn of it as unused, in main.cf and with \`-o\`. \`tlsmgr install\` adds a reference to the tlsmgr line of master.cf, and they are quiet; run it again when you have set another one.

- A time is a number and one of \`s m h d w\`; without a letter, seconds.
- Numbers have 32 bits, bytes up to 53. A range of a time is in seconds.
- Every value may use \`$name\`, \`\${name?{text}:{text}}\` and the other forms of postconf(5).
- \`$name\` may be any parameter of Postfix, set or not. The default of one that isn't in these tables is asked of \`postconf -d\`, once, at the start, and only when a value here refers to it. \`tlsmgr serve\` asks again at each reload, and serves on meanwhile.
- Changed by a reload: what \`tlsmgr serve\` does with a new value when SIGHUP has it read main.cf again ([systemd.md](systemd.md)). \`on and off at once\` means from empty and to empty; another value instead of the old one waits for the next start. Under master(8) \`postfix reload\` starts the daemon anew, so all changes take effect.
`;

/** The whole page. */
export function parameterPage(): string {
  const sections = titles.map(([group, title]) => {
    const rows = parameters.filter((parameter) => parameter.group === group).map(row);
    return [
      `## ${title}`,
      '',
      '| parameter | kind | default | range | changed by a reload | meaning |',
      '| --- | --- | --- | --- | --- | --- |',
      ...rows,
    ].join('\n');
  });
  return `${head}\n${sections.join('\n\n')}\n`;
}

function row(parameter: Parameter): string {
  const { name, kind, help, ours, applies, readOnly } = parameter;
  const cells = [
    `\`${name}\`${ours === true ? ' *' : ''}`,
    kinds[kind],
    shownDefault(parameter),
    range(parameter),
    readOnly === true ? '' : applies,
    help,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}

/** A text that must not be empty and has no default is found out by the program. */
function shownDefault({ default: value, readOnly, min = 0 }: Parameter): string {
  if (readOnly === true) {
    return 'read-only';
  }
  if (value === '') {
    return min > 0 ? 'found out at start' : 'empty';
  }
  return `\`${value}\``;
}

function range({ kind, allowed, min = 0, max, readOnly }: Parameter): string {
  if (kind === 'text') {
    return min > 0 && readOnly !== true ? 'not empty' : '';
  }
  if (kind === 'boolean' || kind === 'level') {
    return '';
  }
  if (kind === 'choice') {
    return allowed;
  }
  return max === undefined ? `${min} and up` : `${min} to ${max}`;
}
