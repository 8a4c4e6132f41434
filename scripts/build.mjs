// Builds dist/: the compiled sources for those who import them, the same as few
// files in dist/program for bin/tlsmgr (a daemon of 100 modules starts 30 ms
// later than one of a few files), and the absolute path of node.
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build as esbuild } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

rmSync(`${root}dist`, { recursive: true, force: true });
const { status } = spawnSync(
  process.execPath,
  [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.build.json`],
  { stdio: 'inherit' },
);
if (status !== 0) {
  process.exit(status ?? 1);
}
await esbuild({
  entryPoints: [`${root}dist/main.js`],
  outdir: `${root}dist/program`,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: ['koffi'],
  logLevel: 'warning',
});
writeFileSync(`${root}dist/node-path`, `${process.execPath}\n`);
chmodSync(`${root}bin/tlsmgr`, 0o755);
