// Builds dist/: the compiled sources, and the absolute path of node for bin/tlsmgr.
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

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
writeFileSync(`${root}dist/node-path`, `${process.execPath}\n`);
chmodSync(`${root}bin/tlsmgr`, 0o755);
