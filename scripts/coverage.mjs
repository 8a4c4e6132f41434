// npm run coverage: which lines of src/ the tests reach, of what runs in the tests' own
// processes. Daemons that tests start run from dist/ and don't count.
//
//   npm run coverage                  all tests
//   npm run coverage -- protocol      those of test/protocol
import { run } from './prepare.mjs';
import { testFiles } from './test-files.mjs';

const tests = ['--import', 'tsx', '--test', '--test-concurrency=2'];
const files = testFiles(process.argv.slice(2));
run(process.execPath, [...tests, ...files]);
