/**
 * Run as root with a directory as argument: logs before and after chroot(2) and
 * prints what the two readers got, `DIR/log` outside and `DIR/root/DIR/log` for
 * who looks for `DIR/log` inside.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MailLogger } from '../../src/log/mail-logger.ts';
import { shortTime } from '../../src/log/line.ts';
import { chroot } from '../../src/system/calls.ts';
import { DatagramCollector } from './collector.ts';
import { TestClock } from './scratch.ts';

const [directory] = process.argv.slice(2) as [string];
const root = join(directory, 'root');
const outside = join(directory, 'log');
mkdirSync(join(root, directory), { recursive: true });
const outer = new DatagramCollector(outside);
const inner = new DatagramCollector(join(root, outside));
const clock = new TestClock();
const log = new MailLogger({
  program: 'tlsmgr',
  environment: {},
  syslogPath: outside,
  clock,
});
log.info('before');
chroot(root);
process.chdir('/');
log.info('after');
const fromOuter = outer.all();
outer.close();
clock.ms += 1000;
log.info('restarted');
log.close();
const times = [0, Date.UTC(2026, 6, 1), Date.UTC(2026, 11, 24, 20)].map((ms) => {
  return shortTime(new Date(ms), ' ');
});
process.stdout.write(JSON.stringify({ outer: fromOuter, inner: inner.all(), times }));
