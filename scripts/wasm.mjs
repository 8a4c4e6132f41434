// Makes src/protocol/base64/simd-module.ts from simd.wat beside it:
//
//   node scripts/wasm.mjs           writes it
//   node scripts/wasm.mjs --print   prints it
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import openWabt from 'wabt';

const folder = fileURLToPath(new URL('../src/protocol/base64/', import.meta.url));

const wabt = await openWabt();
const source = wabt.parseWat('simd.wat', readFileSync(`${folder}simd.wat`, 'utf8'), { simd: true });
source.validate();
const module = Buffer.from(source.toBinary({}).buffer).toString('base64');
const lines = module.match(/.{1,90}/gu).map((line) => `  '${line}'`);
const text = `// Made from simd.wat by \`npm run wasm\`.\n\n/** The WebAssembly module, as base64. */\nexport const simdModule =\n${lines.join(' +\n')};\n`;

if (process.argv.includes('--print')) {
  process.stdout.write(text);
} else {
  writeFileSync(`${folder}simd-module.ts`, text);
}
