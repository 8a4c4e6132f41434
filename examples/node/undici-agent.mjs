// Asks for pages over TLS sessions that other processes have left in tlsmgr:
// node undici-agent.mjs URL...
import { subscribe } from 'node:diagnostics_channel';
import { Agent, buildConnector, request } from 'undici';
import { TlsmgrClient } from 'tlsmgr/client';
import { ClientSessions } from 'tlsmgr/tls';

const socketPath = process.env.TLSMGR_SOCKET ?? '/run/tlsmgr/tlsmgr.sock';

subscribe('tlsmgr.client.session', ({ destination, event, why }) => {
  console.log(destination, event, why ?? '');
});

const client = new TlsmgrClient({ socketPath });
const sessions = new ClientSessions(client, { scope: 'pages' });
const dispatcher = new Agent({ connect: sessions.undici(buildConnector) });
for (const url of process.argv.slice(2)) {
  const { statusCode, body } = await request(url, { dispatcher });
  await body.dump();
  console.log(url, statusCode);
}
await dispatcher.close();
await client.close();
