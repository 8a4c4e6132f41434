/**
 * Servers whose tlsmgr is hostile, one for each of its answers: the scope is the
 * answer's number. Says how visits go once the answer has come.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { TlsmgrClient } from '../../src/client/index.ts';
import { shareSessions } from '../../src/tls/index.ts';
import { portOf, startServer, versions, visit } from './handshakes.ts';

const [socketPath = '', answers = ''] = process.argv.slice(2);

async function outcomeOf(scope: string): Promise<string> {
  const server = await startServer();
  const client = new TlsmgrClient({ socketPath, deadlineMs: 10_000 });
  const sharing = shareSessions(server, client, { scope, sessionIds: { deadlineMs: 20 } });
  while (sharing.stats().fetched + sharing.stats().failed === 0) {
    await pause(10);
  }
  for (const version of versions) {
    const { session } = await visit(portOf(server), version);
    await visit(portOf(server), version, session);
  }
  const { state, keys } = sharing.stats();
  await sharing[Symbol.asyncDispose]();
  return `${state} with ${keys} keys`;
}

const scopes = Array.from({ length: Number(answers) }, (_, index) => String(index));
const outcomes = await Promise.all(scopes.map(outcomeOf));
console.log([...new Set(outcomes)].join(', '));
process.exit(0);
