// Builds dist/: the compiled sources for those who import them, what bin/tlsmgr
// starts in dist/program, and the absolute path of node.
//
//     dist/program/main.js           the entry, in CommonJS format
//     dist/program/daemon.js         the daemon in one file, as src/system/code-cache.ts loads it
//     dist/program/daemon.js.cache   its code as V8 has compiled it, for this node
//     dist/program/*.mjs             verbs: what each needs and no other lies in a file of its own
//
// A daemon of 100 modules would start 30 ms later than one of a file.
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

const common = {
  outdir: `${fresh}/program`,
  bundle: true,
  platform: 'node',
  target: 'node20',
  external: ['koffi', 'prom-client'],
  plugins: [besideProgram('@redis/client', './redis-client.cjs')],
  logLevel: 'warning',
};
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
const inCommonJs = {
  ...common,
  format: 'cjs',
  // A start reads less and V8 keeps less. Names stay, and lines: a stack trace tells where.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 100,
  define: { 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename' },
};
await esbuild({
  ...common,
  entryPoints: { verbs: `${fresh}/cli/run.js` },
  splitting: true,
  format: 'esm',
  outExtension: { '.js': '.mjs' },
});
await esbuild({ ...inCommonJs, entryPoints: [`${fresh}/main.js`] });
await esbuild({
  ...inCommonJs,
  entryPoints: { daemon: `${fresh}/daemon/run.js` },
  // The rest of what it needs is in the file, or CommonJS.
  supported: { 'dynamic-import': false },
  banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
  footer: { js: '})' },
});
writeFileSync(`${fresh}/program/package.json`, '{ "type": "commonjs" }\n');
writeFileSync(`${fresh}/node-path`, `${process.execPath}\n`);
chmodSync(`${root}bin/tlsmgr`, 0o755);
if (existsSync(`${root}dist`)) {
  renameSync(`${root}dist`, old);
}
renameSync(fresh, `${root}dist`);
rmSync(old, { recursive: true, force: true });

const { makeCodeCache } = await import(`${root}dist/cli/install/code-cache.js`);
const paths = { node: process.execPath, program: `${root}dist/program/main.js` };
if (!(await makeCodeCache(paths))) {
  console.warn('no code cache could be made: the daemon starts some 10 ms later');
}

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
