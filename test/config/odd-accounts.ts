/**
 * Run by refusals.test.ts in a mount namespace of its own, where /etc/passwd and
 * /etc/group hold accounts that no host should have: prints, as JSON, what
 * Postfix's tlsmgr and ours say of each main.cf. Arguments: a directory for
 * main.cf, the lines common to all, and the lines to try, as JSON texts.
 */
import { askCDaemon, askOurs, type Said } from './c-daemon.ts';
import { writeMainCf } from './scratch.ts';

const [directory, base, tried] = process.argv.slice(2);

const answers: { c: Said; ours: Said }[] = [];
for (const lines of JSON.parse(tried!) as string[][]) {
  writeMainCf(directory!, [...(JSON.parse(base!) as string[]), ...lines, ''].join('\n'));
  answers.push({ c: await askCDaemon(directory!), ours: askOurs(directory!) });
}
process.stdout.write(JSON.stringify(answers));
