/**
 * Every command of the documents is run, here or by the test that is named for
 * it. Here: in a folder with a real Postfix's configuration, with a standalone
 * tlsmgr, and with names of the documents in the place of those of the scratch
 * directories. A command that nobody runs fails the test.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { usageText } from '../../src/cli/help.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { notBuilt, Standalone } from '../cli/standalone.ts';
import { PostfixInstance } from '../postfix/instance.ts';
import { originalTlsmgr, skipWithoutPostfix, tlsmgrUnderTest } from '../postfix/under-test.ts';
import { commandsOf, type DocumentedCommand, documents, textOf } from './shell-blocks.ts';

const root = join(import.meta.dirname, '../..');

/** Commands that other tests run: with a piece of that test that shows it. */
const elsewhere: readonly [RegExp, file: string, shown: RegExp][] = [
  [/^npm (?:start|test|run build)$/u, 'scripts/test.mjs', /prepare/u],
  [
    /^npm ci --ignore-scripts && npm (?:pack|run build)$/u,
    'scripts/prepare.mjs',
    /'ci', '--ignore-scripts'/u,
  ],
  [/npm pack$/u, 'test/package/installed-package.ts', /'pack'/u],
  [/^npm install (?:-g )?--ignore-scripts/u, 'test/package/installed-package.ts', /'install'/u],
  [/^npm uninstall -g tlsmgr$/u, 'test/package/day.test.ts', /uninstallGlobally/u],
  [/^systemctl /u, 'test/systemd/units.test.ts', /commandsOf\('docs\/systemd\.md'\)/u],
  [/^podman build /u, 'test/container/image.test.ts', /build\(stages/u],
  [/^podman (?:run|exec) /u, 'test/container/image.test.ts', /container = spawn/u],
  [/^kubectl /u, 'test/container/image.test.ts', /kubernetes\.yaml/u],
  [/^install -m \d+ examples\//u, 'test/docs/examples.test.ts', /certbot\/reload-postfix/u],
  [/^(?:apparmor_parser|aa-\w+) /u, 'test/docs/examples.test.ts', /apparmor_parser/u],
  [/^ansible-playbook /u, 'test/docs/examples.test.ts', /ansible-playbook/u],
  [/^apt install \.\/tlsmgr_/u, 'test/package/deb.test.ts', /apt-get install/u],
  [/^apt remove tlsmgr$/u, 'test/package/deb.test.ts', /apt-get remove/u],
  [/^tar -[cx]zf tlsmgr-offline\.tgz/u, 'test/package/day.test.ts', /tlsmgr-offline\.tgz/u],
  [/^npx tlsmgr serve$/u, 'test/package/day.test.ts', /'serve'/u],
  [/^tlsmgr status --watch$/u, 'test/cli/status-watch.test.ts', /status --watch/u],
  [/^tlsmgr check; echo \$\?$/u, 'test/cli/broken-set-ups.test.ts', /check\.md/u],
  [/^npm run bench$/u, 'scripts/test.mjs', /bench/u],
  [
    /^bin\/tlsmgr serve -o tlsmgr_metrics_listen/u,
    'test/metrics/endpoint.test.ts',
    /tlsmgr_metrics_listen/u,
  ],
  [/^curl -s http:\/\/127\.0\.0\.1:19465\//u, 'test/metrics/endpoint.test.ts', /\/healthz/u],
];

/** Takes minutes; whether it could start is looked at here. */
const long =
  /^(?:npm test -- |npm run (?:check|format|fuzz|bench|build && )|node --import tsx (?:bench\/|--test ))/u;

/** Run here, as it stands but for names. */
const here =
  /^(?:(?:bin\/)?tlsmgr (?:check|status|seed|list|flush|config|install|uninstall|bench|fleet-secret)\b|postconf |postfix reload$|(?:echo QUIT \| )?openssl |cp |chown |chmod )/u;

type Kind = 'here' | 'elsewhere' | 'long';

function kindOf({ text }: DocumentedCommand): Kind | undefined {
  if (elsewhere.some(([pattern]) => pattern.test(text))) {
    return 'elsewhere';
  }
  if (long.test(text)) {
    return 'long';
  }
  return here.test(text) ? 'here' : undefined;
}

const all = documents().flatMap((file) => commandsOf(file));

describe('the commands of the documents', () => {
  test('each is run by a test', () => {
    assert.ok(all.length > 50, `${all.length} commands found`);
    const unknown = all.filter((command) => kindOf(command) === undefined);
    assert.deepEqual(unknown, []);
  });

  for (const [pattern, file, shown] of elsewhere) {
    test(`${file} runs ${pattern.source}`, () => {
      assert.ok(
        all.some(({ text }) => pattern.test(text)),
        'nobody documents it any more',
      );
      assert.match(readFileSync(join(root, file), 'utf8'), shown);
    });
  }

  for (const { file, text } of all.filter((command) => kindOf(command) === 'long')) {
    test(`could be started: ${text} (${file})`, () => {
      for (const part of text.split(' && ')) {
        const source = requireStartable(part);
        for (const [, flag] of part.matchAll(/--([a-z]+)\b/gu)) {
          assert.ok(flag === 'import' || source.includes(flag!), `${part}: no --${flag}`);
        }
      }
    });
  }

  test('inline commands name verbs, options, scripts and files that there are', () => {
    for (const file of documents()) {
      for (const [, text] of textOf(file).matchAll(
        /`((?:tlsmgr|npm run|node --import tsx) [^`]+)`/gu,
      )) {
        if (text!.startsWith('tlsmgr ')) {
          requireVerb(file, text!);
        } else {
          requireStartable(text!);
        }
      }
    }
  });
});

test('CONTRIBUTING.md names files and folders that there are', () => {
  const named = [
    ...textOf('CONTRIBUTING.md').matchAll(/`((?:src|test|docs|fuzz|man|completions)\/[^`]*)`/gu),
  ]
    .map(([, path]) => path!)
    .filter((path) => !/NAME|TYPE/u.test(path));
  assert.ok(named.length > 30, `${named.length} found`);
  assert.deepEqual(
    named.filter((path) => !existsSync(join(root, path))),
    [],
  );
});

/** @returns the text of the program that the command starts. */
function requireStartable(command: string): string {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const [, script] = /^npm run ([\w:-]+)/u.exec(command) ?? [];
  if (script !== undefined) {
    assert.ok(scripts[script] !== undefined, `${command}: no such script`);
  }
  const run = scripts[script ?? ''] ?? command;
  const [, program] = /([\w./-]+\.(?:ts|mjs))\b/u.exec(run) ?? [];
  if (program === undefined) {
    return run;
  }
  assert.ok(existsSync(join(root, program)), `${command}: ${program}`);
  return readFileSync(join(root, program), 'utf8');
}

function requireVerb(file: string, command: string): void {
  const [, name, ...words] = command.split(' ');
  // A line of master.cf starts with that name too.
  if (!/^[a-z]+$/u.test(name!) || words.includes('-')) {
    return;
  }
  const verb = verbs.find((known) => known.name === name);
  const isOther = name === 'help' || name === 'version';
  assert.ok(verb !== undefined || isOther, `${file}: \`${command}\`: no such verb`);
  for (const word of words.filter((one) => /^--?[a-z]/u.test(one))) {
    const [option] = word.split('=');
    assert.ok(
      usageText(verb!).includes(option!) || option === '--help',
      `${file}: \`${command}\`: no ${option}`,
    );
  }
}

const skip = skipWithoutPostfix || notBuilt;

describe('run, with a real Postfix', { skip }, () => {
  const standalone = new Standalone();
  const bin = join(standalone.folder, 'bin');
  let ours: PostfixInstance;
  let original: PostfixInstance;
  let second: PostfixInstance;

  before(async () => {
    await standalone.start();
    ours = await PostfixInstance.create({ tlsmgr: tlsmgrUnderTest, name: 'docs' });
    original = await PostfixInstance.create({ tlsmgr: originalTlsmgr, name: 'docs-out' });
    second = await PostfixInstance.create({ tlsmgr: originalTlsmgr, name: 'docs-two' });
    for (const instance of [ours, original, second]) {
      await instance.start();
    }
    mkdirSync(bin);
    // What the package's bin is on an administrator's host.
    const wrapper = `#!/bin/sh\nexec ${join(root, 'bin/tlsmgr')} "$@"\n`;
    writeFileSync(join(bin, 'tlsmgr'), wrapper);
    chmodSync(join(bin, 'tlsmgr'), 0o755);
  });
  after(async () => {
    for (const instance of [ours, original, second]) {
      instance?.cleanup();
    }
    await standalone.stop();
    standalone.remove();
  });

  /** Documents that begin with Postfix's own daemon; in the others ours serves. */
  const fromTheOriginal = new Set(['README.md', 'docs/install.md', 'docs/migrating.md']);

  /** The scratch directories' names in the place of the documents'. */
  function placed(text: string, instance: PostfixInstance): string {
    return (
      text
        .replace(/^bin\/tlsmgr/u, 'tlsmgr')
        .replace('-c DIR', `-c ${instance.configDirectory}`)
        .replaceAll('/etc/postfix-out', second.configDirectory)
        .replaceAll(/\/etc\/postfix(?=[\s/]|$)/gu, instance.configDirectory)
        .replace('/var/spool/postfix-out/private/tlsmgr', second.socketPath)
        .replace('/run/tlsmgr/tlsmgr.sock', standalone.socket)
        .replace('--socket PATH', `--socket ${standalone.socket}`)
        .replace(
          '--against SOCKET',
          `--against ${ours.socketPath} --rounds 1 --socket ${standalone.socket}`,
        )
        .replace('localhost:25', `127.0.0.1:${instance.port}`)
        .replace('/etc/systemd/system/', standalone.folder)
        .replaceAll('systemd/tlsmgr.', `${root}/systemd/tlsmgr.`)
        // Nobody is there to be asked.
        .replace(/^tlsmgr ((?:un)?install)(?! --dry-run)/u, 'tlsmgr $1 --yes')
    );
  }

  /** Exit statuses that are an answer: `check` tells its worst finding. */
  function isDone(text: string, status: number | null): boolean {
    return status === 0 || (text.includes('tlsmgr check') && status === 1);
  }

  for (const file of documents()) {
    const commands = commandsOf(file).filter((command) => kindOf(command) === 'here');
    if (commands.length === 0) {
      continue;
    }
    test(file, async () => {
      const instance = fromTheOriginal.has(file) ? original : ours;
      for (const { text, line } of commands) {
        const { status, stdout, stderr } = spawnSync('bash', ['-c', placed(text, instance)], {
          encoding: 'utf8',
          // `bin/tlsmgr` is about the one that `npm start` serves in this folder.
          cwd: text.startsWith('bin/') ? standalone.folder : bin,
          stdio: ['ignore', 'pipe', 'pipe'],
          timeout: 60_000,
          env: {
            PATH: `${bin}:${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`,
            // Which names a Postfix, and not what serves in this folder.
            ...(text.startsWith('bin/') ? {} : { MAIL_CONFIG: instance.configDirectory }),
          },
        });
        assert.ok(isDone(text, status), `${file}:${line}: ${text}: ${status}\n${stdout}${stderr}`);
      }
    });
  }
});
