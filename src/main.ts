/**
 * The entry: a first argument that is no option names a verb for people,
 * everything else is the daemon with master(8)'s generic options. Only what is
 * needed of the two is loaded.
 */
// Without a handler Node opens its debugger on a port, and for root as root.
process.on('SIGUSR1', () => process.kill(process.pid, 'SIGTERM'));

const args = process.argv.slice(2);
const [first] = args;

if (first !== undefined && !first.startsWith('-')) {
  const { runVerb } = await import('./cli/verbs.ts');
  process.exitCode = await runVerb(first, args.slice(1));
} else {
  const { runDaemon } = await import('./daemon/run.ts');
  await runDaemon(args);
}
