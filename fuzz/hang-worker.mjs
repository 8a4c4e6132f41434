// Watches, from a thread of its own, whether inputs go on being tried. When one
// takes too long it is printed in hexadecimal, and the process ends by SIGKILL:
// nothing else gets a thread out of a loop. Plain JavaScript, as a worker thread
// has no loader for anything else. Memory: a count of inputs, the length of the
// one at hand (32 bits each), its bytes.
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const { shared, hangSeconds } = workerData;
const [counter, length] = [new Int32Array(shared, 0, 1), new Int32Array(shared, 4, 1)];
const bytes = Buffer.from(shared, 8);
let last = -1;

setInterval(() => {
  const count = Atomics.load(counter, 0);
  if (count === last) {
    const input = bytes.subarray(0, Atomics.load(length, 0)).toString('hex');
    writeSync(1, `an input has taken more than ${hangSeconds} s:\n    ${input}\n`);
    process.kill(process.pid, 'SIGKILL');
  }
  last = count;
}, hangSeconds * 1000);
