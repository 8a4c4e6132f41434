/**
 * The library as a Node program gets it: from the package, installed without its
 * optional dependency, on whatever Node runs this.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runCommand } from '../postfix/run-command.ts';
import { requireBuilt } from '../postfix/under-test.ts';
import { installFor, installIn, pack } from './installed-package.ts';
import { readPackage, root } from './read-package.ts';

const scratch = mkdtempSync(join(tmpdir(), 'tlsmgr-library-'));
const project = join(scratch, 'project');
const entries = Object.keys(readPackage().exports).map((path) => `tlsmgr${path.slice(1)}`);
const modules = entries.filter((name) => !name.endsWith('.json'));
let tarball: string;

/** What the compiler would ask a program for. */
const program = `
import { createServer } from 'node:tls';
import { TlsmgrClient, TlsmgrError, type CallOptions, type Policy } from 'tlsmgr/client';
import { ClientSessions, peerAuthorized, shareSessions, type SharedSessions } from 'tlsmgr/tls';
import 'tlsmgr/register';
import { version } from 'tlsmgr';

await using client = new TlsmgrClient({ socketPath: '/run/tlsmgr/socket', deadlineMs: 100 });
const options: CallOptions = { signal: AbortSignal.timeout(50) };
const session: Buffer | undefined = await client.lookup('smtp', 'mx.example.net:25', options);
const policy: Policy = await client.policy('smtpd');
const server = createServer({}, (socket) => socket.end(String(peerAuthorized(socket))));
const sharing: SharedSessions = shareSessions(server, client, { scope: 'shop' });
const sessions = new ClientSessions(client, { scope: 'shop' });
const socket = await sessions.connect({ host: 'mx.example.net', port: 465 });
socket.end(String(sessions.agent().maxSockets));
// @ts-expect-error: there is no such option.
shareSessions(server, client, { scop: 'shop' });
console.log(version, session?.length, policy.cachable, sharing.stats().resumed, TlsmgrError.name);
`;

before(async () => {
  requireBuilt();
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
  tarball = await pack(scratch);
  await installIn(project, tarball, { optional: false });
});

after(() => rmSync(scratch, { recursive: true }));

/** Its output is nothing but what it prints: no warning either. */
async function node(...args: string[]): Promise<string> {
  const surroundings = ['-C', project, `TLSMGR_SOCKET=${scratch}/socket`];
  const { status, output } = await runCommand('env', [...surroundings, process.execPath, ...args]);
  assert.equal(status, 0, output);
  return output;
}

describe('the library in the package', () => {
  test('nothing keeps it off a system', () => {
    const { os, cpu, libc, dependencies, optionalDependencies, scripts } = readPackage();
    assert.deepEqual([os, cpu, libc], [undefined, undefined, undefined]);
    assert.ok('koffi' in optionalDependencies && !('koffi' in dependencies));
    assert.deepEqual(
      Object.keys(scripts).filter((name) => /^(?:pre|post)?install$/u.test(name)),
      [],
    );
  });

  test('is installed on a Mac', async (t) => {
    const mac = join(scratch, 'mac');
    mkdirSync(mac);
    const failure = await installFor(mac, tarball, ['--os=darwin', '--cpu=arm64']);
    if (failure !== undefined) {
      assert.doesNotMatch(failure, /EBADPLATFORM/u);
      t.skip(`no registry: ${failure.split('\n')[0]}`);
      return;
    }
    assert.ok(existsSync(join(mac, 'node_modules/tlsmgr/dist/tls/index.js')));
  });

  for (const name of modules) {
    test(`${name} is imported, and required, without koffi`, async () => {
      assert.ok(!existsSync(join(project, 'node_modules/koffi')));
      const keys = 'Object.keys(m).filter((name) => !/^(?:__esModule|module.exports)$/.test(name))';
      const show = `console.log(${keys}.sort().join(' '))`;
      const imported = await node(
        '--input-type=module',
        '-e',
        `import * as m from '${name}';${show}`,
      );
      const required = await node(
        '--input-type=commonjs',
        '-e',
        `const m = require('${name}');${show}`,
      );
      assert.equal(imported, required);
      assert.match(imported, /^[\w ]*\n$/u);
    });
  }

  test('one class is one class, by whichever entry it came', async () => {
    const text = `const { TlsmgrError, TlsmgrClient } = require('tlsmgr/client');
      import('tlsmgr').then((m) => console.log(m.TlsmgrClient === TlsmgrClient, m.TlsmgrError === TlsmgrError));`;
    assert.equal(await node('--input-type=commonjs', '-e', text), 'true true\n');
  });

  test('its types hold, its declarations checked as well', async () => {
    const types = join(project, 'node_modules/@types');
    mkdirSync(types, { recursive: true });
    symlinkSync(join(root, 'node_modules/@types/node'), join(types, 'node'));
    const compilerOptions = {
      target: 'ES2023',
      lib: ['ES2023', 'ESNext.Disposable'],
      module: 'NodeNext',
      types: ['node'],
      strict: true,
      // Without exactOptionalPropertyTypes: the declarations of Node itself break under it.
      skipLibCheck: false,
      noEmit: true,
    };
    const settings = { compilerOptions, files: ['program.ts'] };
    writeFileSync(join(project, 'program.ts'), program);
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(settings));
    await node(join(root, 'node_modules/typescript/bin/tsc'), '-p', project);
  });

  test('attw and publint find nothing', async () => {
    const bin = join(root, 'node_modules/.bin');
    const attw = [join(bin, 'attw'), tarball, '--profile', 'esm-only', '--format', 'ascii'];
    await node(...attw);
    const said = await node(join(bin, 'publint'), tarball, '--strict');
    assert.match(said, /All good/u);
  });
});

describe('the daemon in a package without koffi', () => {
  test('says what is missing, and what to do', async () => {
    const command = join(project, 'node_modules/.bin/tlsmgr');
    const { status, output } = await runCommand('env', ['-C', project, command, 'serve']);
    assert.equal(
      output,
      'tlsmgr: fatal: koffi, which the daemon needs, is missing; install tlsmgr again, with its optional dependencies\n',
    );
    assert.equal(status, 1);
  });
});
