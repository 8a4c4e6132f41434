/** `tlsmgr help` and `tlsmgr version`, and the search for a verb by its name. */
import { version } from '../version.ts';
import { helpText, verbHelp } from './help.ts';
import { type CliIo, complain } from './io.ts';
import { nearestOf } from './nearest.ts';
import type { Given, Options } from './options.ts';
import { type Verb, verb, verbs } from './verbs.ts';

/** A verb of another length would be taken for another one. */
const fewestLettersApart = 2;

/** No rows of the table: of its rows completions and the manual page tell more. */
const generalVerbs: readonly Verb[] = [
  verb({
    name: 'help',
    summary: 'show the verbs, or the options of one, as --help does',
    words: [{ name: 'VERB', optional: true }],
    options: {},
    load: async () => runHelp,
  }),
  verb({
    name: 'version',
    summary: 'show the version, as --version does',
    options: {},
    load: async () => runVersion,
  }),
];

/** Complains, in one line, of one that isn't there. */
export function findVerb(name: string, io: CliIo): Verb | undefined {
  const all = [...verbs, ...generalVerbs];
  const found = all.find((known) => known.name === name);
  if (found === undefined) {
    const names = all.map((known) => known.name);
    const nearest = nearestOf(name, names, fewestLettersApart);
    const advice = nearest === undefined ? 'tlsmgr help lists them' : `did you mean ${nearest}?`;
    complain(io, 'fatal', `unknown verb: ${name}: ${advice}`);
  }
  return found;
}

async function runHelp({ words: [name] }: Given<Options>, io: CliIo): Promise<number> {
  if (name === undefined) {
    io.out(helpText(generalVerbs));
    return 0;
  }
  const named = findVerb(name, io);
  if (named === undefined) {
    return 2;
  }
  io.out(verbHelp(named));
  return 0;
}

async function runVersion(_given: Given<Options>, io: CliIo): Promise<number> {
  io.out(`tlsmgr ${version}, Node.js ${process.version}\n`);
  return 0;
}
