/** Listening on a descriptor without what node:net loads for it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { listenAtOnce } from '../../src/socket/node-handles.ts';

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-listen-'));
after(() => rmSync(folder, { recursive: true }));

const program = join(folder, 'serve.mjs');
writeFileSync(
  program,
  `import { createServer } from 'node:net';
   import { listenAtOnce } from ${JSON.stringify(join(import.meta.dirname, '../../src/socket/node-handles.ts'))};
   const server = createServer((socket) => {
     const loaded = process.moduleLoadList.filter((name) => name === 'NativeModule cluster');
     socket.end(JSON.stringify({ listens, loaded }), () => process.exit());
   });
   const listens = listenAtOnce(server, 3, 5);`,
);

test('serves a descriptor, and node:cluster is not loaded', async () => {
  const path = join(folder, 'socket');
  const passing = `${path}.new`;
  const bound = createServer().listen(passing);
  await once(bound, 'listening');
  renameSync(passing, path);
  const { fd } = (bound as unknown as { _handle: { fd: number } })._handle;
  const child = spawn(process.execPath, ['--import', 'tsx', program], {
    stdio: ['ignore', 'inherit', 'inherit', fd],
  });
  bound.close();
  const client = connect(path).setEncoding('utf8');
  const ended = once(child, 'exit');
  let said = '';
  for await (const text of client) {
    said += text;
  }
  assert.deepEqual(JSON.parse(said), { listens: true, loaded: [] });
  await ended;
});

test('leaves a server alone whose Node has another way', () => {
  const server = Object.assign(createServer(), { _listen2: undefined });
  assert.equal(listenAtOnce(server, 0, 5), false);
  assert.equal(server.listening, false);
});
