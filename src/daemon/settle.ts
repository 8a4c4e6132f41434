/**
 * What a process does once it serves, and nobody waits for: it limits V8's heap, gives
 * back memory that only the start needed, and loads what makes its clock fast.
 *
 * V8's options are set here and not on node's command line. Node's own modules are
 * compiled in advance, and V8 takes that code only with the options that it was
 * compiled with. With any others it compiles each module anew, for 13 to 16 ms. So
 * there are only options here that V8 looks at whenever it needs them.
 */
import { expectManyReads } from '../system/clock.ts';
import { codeCacheVariable } from '../system/code-cache.ts';
import { ProgramPages } from '../system/program-pages.ts';

/**
 * A young generation stays as large as it is after a start, 1 or 2 MB: a larger one would only take
 * memory. One thread collects it: helpers for a heap as small as this cost more than they do.
 */
const usualOptions = ['--semi-space-growth-factor=1', '--no-parallel-scavenge'];

/** V8's middle compiler takes memory, and nothing gets faster by it. */
const withMaglev = ['--no-maglev'];

/** Versions of Node that are known to have it. */
const firstWithMaglev = 24;
const lastWithMaglev = 26;

/** By then the start's own work is done: sources are read, timers run. */
const releaseAfterMs = 2000;

/** Call it before chroot(2), and what it returns when the process serves. */
export function openSettling(): () => void {
  const pages = new ProgramPages();
  return () => {
    setImmediate(expectManyReads);
    if (process.env[codeCacheVariable] === undefined) {
      setImmediate(limitHeap);
    }
    setTimeout(() => pages.release(), releaseAfterMs).unref();
  };
}

function limitHeap(): void {
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  const [major] = process.versions.node.split('.').map(Number);
  const hasMaglev = major! >= firstWithMaglev && major! <= lastWithMaglev;
  for (const option of [...usualOptions, ...(hasMaglev ? withMaglev : [])]) {
    setFlagsFromString(option);
  }
}
