/**
 * Run as root with a .cf file, a hosts file and an empty folder: opens the engine,
 * goes into a chroot there as a daemon does, starts the engine, and prints `up`,
 * `away` and `up again`. Ends when standard input does.
 */
import { readEngineFile } from '../../src/fleet/engine/engine-file.ts';
import { openEngine } from '../../src/fleet/engine/open-engine.ts';
import { loadTimeZone } from '../../src/log/line.ts';
import { chroot } from '../../src/system/calls.ts';
import { systemClock } from '../../src/system/clock.ts';
import { LogLines } from '../log-lines.ts';

const [file, hostsPath, jail] = process.argv.slice(2) as [string, string, string];
const engine = await openEngine(readEngineFile(file), {
  log: new LogLines(),
  clock: systemClock,
  names: { hostsPath },
});
let ups = 0;
engine.onChange(() => {
  if (engine.connection === 'up') {
    ups += 1;
    void use(ups === 1 ? 'up\n' : 'up again\n');
  } else {
    process.stdout.write(`${engine.connection}\n`);
  }
});
process.stdin.on('end', () => process.exit(0)).resume();
// As the daemon's log does: the check of a certificate needs it.
loadTimeZone();
process.stdout.write('ready\n');
chroot(jail);
process.chdir('/');
engine.start();

async function use(word: string): Promise<void> {
  await engine.set('a', Buffer.from('sealed'), Date.now() + 60_000);
  await engine.get(['a']);
  process.stdout.write(word);
}
