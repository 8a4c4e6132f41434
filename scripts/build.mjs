// Builds dist/: the compiled sources for those who import them, the same as few
// files in dist/program for bin/tlsmgr (a daemon of 100 modules starts 30 ms
// later than one of a few files), and the absolute path of node.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build as esbuild } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

// A daemon may be started from dist/ at any moment: it is built aside, then changed over.
const fresh = `${root}dist.new`;
const old = `${root}dist.old`;
rmSync(fresh, { recursive: true, force: true });
rmSync(old, { recursive: true, force: true });
const { status } = spawnSync(
  process.execPath,
  [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.build.json`, '--outDir', fresh],
  { stdio: 'inherit' },
);
if (status !== 0) {
  process.exit(status ?? 1);
}
// What a browser gets stays as it was written, beside the module that reads it.
for (const folder of ['metrics', 'program']) {
  cpSync(`${root}src/metrics/page`, `${fresh}/${folder}/page`, {
    recursive: true,
    filter: (path) => !path.endsWith('.json'),
  });
}
await esbuild({
  entryPoints: [`${fresh}/main.js`],
  outdir: `${fresh}/program`,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: ['koffi', 'prom-client'],
  plugins: [besideProgram('@redis/client', './redis-client.cjs')],
  logLevel: 'warning',
});
// A file of its own, loaded only where a fleet has an engine: nothing else has to be installed for it.
const licence = readFileSync(`${root}packaging/licences/redis-client`, 'utf8');
await esbuild({
  // Named one by one, so that an import finds the names.
  stdin: {
    contents: `export { RedisClient, RedisCluster, RESP_TYPES } from '@redis/client';`,
    resolveDir: root,
  },
  outfile: `${fresh}/program/redis-client.cjs`,
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  // It asks for them only when a program switches on what they are for.
  external: ['@opentelemetry/api', '@node-rs/xxhash'],
  minifyWhitespace: true,
  banner: { js: `/*! @redis/client\n\n${licence}*/` },
  logLevel: 'warning',
});
writeFileSync(`${fresh}/node-path`, `${process.execPath}\n`);
chmodSync(`${root}bin/tlsmgr`, 0o755);
if (existsSync(`${root}dist`)) {
  renameSync(`${root}dist`, old);
}
renameSync(fresh, `${root}dist`);
rmSync(old, { recursive: true, force: true });

/** Leaves a package out: the program loads a file beside it in its place. */
function besideProgram(name, path) {
  return {
    name: `${name} beside the program`,
    setup({ onResolve }) {
      onResolve({ filter: /^@redis/ }, (args) =>
        args.path === name ? { path, external: true } : undefined,
      );
    },
  };
}
