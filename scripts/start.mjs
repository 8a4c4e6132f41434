// npm start: from a bare clone to a tlsmgr on run/tlsmgr.sock.
import { spawn } from 'node:child_process';
import { build, install, root } from './prepare.mjs';

install();
build();

const daemon = spawn(
  process.execPath,
  ['dist/program/main.js', 'serve', ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
// A terminal's Ctrl-C reaches the daemon by itself; a signal to this process is handed on.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) {
  process.on(signal, () => daemon.kill(signal));
}
daemon.on('exit', (code, signal) => process.exit(signal === null ? code : 1));
