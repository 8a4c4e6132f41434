/**
 * A process for a test to kill: fills a persistent cache, says what is certain
 * to be in its file, and goes on until it is killed.
 *
 * Arguments: the directory. Lines on stdout: `written N`, all ids below N.
 */
import { join } from 'node:path';
import { systemClock } from '../../src/system/clock.ts';
import { span } from '../contracts/session-cache.ts';
import { openLogOnFile } from './log-on-file.ts';

const open = openLogOnFile(join(process.argv[2]!, 'cache'), systemClock, { lifetimeSeconds: 3600 });
let next = 0;

function more(): void {
  for (let count = 0; count < 20; count += 1) {
    open.log.update(span(`id ${next}`), span(`session ${next}`.padEnd(700, '.')));
    if (next % 3 === 0) {
      open.log.delete(span(`id ${next - 3}`));
    }
    next += 1;
  }
}

async function forever(): Promise<never> {
  for (;;) {
    more();
    const certain = next;
    await open.mirror.written();
    process.stdout.write(`written ${certain}\n`);
  }
}

// Timers of the cache keep no process alive.
setInterval(() => undefined, 1000);
await forever();
