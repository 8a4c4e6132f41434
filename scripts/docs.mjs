// npm run docs: the reference of the library, made of its docstrings, in docs/api.
// Words behind -- are options of typedoc. It has a folder of its own with the
// TypeScript that it knows, scripts/api.
import { join } from 'node:path';
import { install, root, run } from './prepare.mjs';

const api = join(root, 'scripts/api');
install(api);
const typedoc = join(api, 'node_modules/typedoc/bin/typedoc');
run(process.execPath, [typedoc, '--options', api, ...process.argv.slice(2)]);
