/**
 * Prints docs/refusals.md: the same mistakes made to Postfix's tlsmgr and to
 * ours, and what each of the two daemons logged. Needs root, an installed
 * Postfix and a built checkout.
 *
 *     node --import tsx scripts/refusals.ts > docs/refusals.md
 */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { askCDaemon, askDaemon, noCDaemon, type Said } from '../test/config/c-daemon.ts';
import { optionCases, refused, refusedByTheirsAlone } from '../test/config/mistakes.ts';

const ours = join(import.meta.dirname, '../bin/tlsmgr');

/** Behind no `-S`: what a start under master(8) asks for. */
const withoutStandardInput: readonly string[][] = [
  ['-d'],
  ['-d', '-z', '-t', 'unix'],
  ['-d', '-l'],
  ['-d', '-l', '-t', 'fifo'],
  ['-d', '-l', '-t', 'unix-dgram'],
  ['-d', '-n', 'other', '-t', 'unix'],
];

if (noCDaemon !== false || userInfo().uid !== 0) {
  console.error(`refusals: ${noCDaemon || 'not root'}`);
  process.exit(1);
}

const directory = mkdtempSync('/tmp/tlsmgr-refusals-');
chmodSync(directory, 0o755);
for (const name of ['queue', 'data']) {
  mkdirSync(join(directory, name));
}
chownSync(join(directory, 'data'), 65_534, 65_534);

console.log(`# Refusals

This page shows what Postfix's tlsmgr and ours log about the same mistake. Each was started in the same minute with \`-V -d -S\`, and with the options or the line of main.cf in the first column. \`node --import tsx scripts/refusals.ts\` makes this page. DIR stands for the directory of main.cf. If both log the same, the text appears once.
`);

console.log('## Options\n\n| options | log line |\n| --- | --- |');
let differing = 0;
let asked = 0;
for (const args of [
  ...optionCases.map((options) => ['-d', '-S', ...options]),
  ...withoutStandardInput,
]) {
  await row(
    args.map((arg) => (/^[-\\w=:]+$/u.test(arg) ? arg : JSON.stringify(arg))).join(' '),
    [],
    args,
  );
}
console.log('\n## main.cf\n\n| line | log line |\n| --- | --- |');
for (const line of refused) {
  await row(line.replaceAll('\n', '; '), [line], ['-d', '-S']);
}
console.log(
  `\nOf ${asked} mistakes, ${differing} are logged differently. This is on purpose: for a fault in a macro, ours logs one error that names the parameter.`,
);
console.log(`
## Where the original refuses and ours serves

Every program of Postfix checks the parameters that all of them share. It ends when one of them is wrong, even if it doesn't need that parameter. Ours checks only those that it needs. This is no advantage as long as smtpd(8) and the others don't start either. So \`tlsmgr check\` reports the fault as \`postfix-fault\`.

| line | log line |
| --- | --- |`);
for (const line of refusedByTheirsAlone) {
  await row(line, [line], ['-d', '-S']);
}
rmSync(directory, { recursive: true });

async function row(title: string, lines: string[], args: string[]): Promise<void> {
  const path = join(directory, 'main.cf');
  const base = [`data_directory = ${directory}/data`, `queue_directory = ${directory}/queue`];
  writeFileSync(path, [...base, 'tls_random_exchange_name =', ...lines, ''].join('\n'));
  const longAgo = new Date(Date.now() - 60_000);
  utimesSync(path, longAgo, longAgo);
  const theirs = text(await askCDaemon(directory, args));
  const own = text(await askDaemon(ours, directory, args));
  asked += 1;
  differing += theirs === own ? 0 : 1;
  const cell = theirs === own ? `\`${own}\`` : `C: \`${theirs}\`<br>ours: \`${own}\``;
  const short = title.length > 80 ? `${title.slice(0, 77)}...` : title;
  console.log(`| \`${short.replaceAll('|', '\\|')}\` | ${cell.replaceAll('|', '\\|')} |`);
}

function text({ warnings, fatal }: Said): string {
  const parts = [
    ...warnings.map((warning) => `warning: ${warning}`),
    fatal === undefined ? 'starts' : `fatal: ${fatal}`,
  ];
  return parts.join('; ').replaceAll(directory, 'DIR');
}
