/** A program that waits for keys at its top level, or doesn't, where no tlsmgr is. */
import { createServer } from 'node:https';
import { TlsmgrClient } from '../../src/client/index.ts';
import { shareSessions } from '../../src/tls/index.ts';

const client = new TlsmgrClient({ socketPath: '/nonexistent/tlsmgr' });
const sharing = shareSessions(createServer({}), client, { scope: 'web' });
if (process.argv[2] === 'awaits') {
  // Ends the wait sooner than its limit; keeps no process alive itself.
  setTimeout(() => void sharing[Symbol.asyncDispose](), 300).unref();
  await sharing.ready;
  console.log(`ready: ${sharing.state}`);
} else {
  console.log('not ready');
}
