/** A mail server of somebody else, to which the hosts of a fleet deliver. */
import { PostfixInstance } from '../../postfix/instance.ts';
import { tlsmgrUnderTest } from '../../postfix/under-test.ts';
import { elsewhereAddress } from './own-network.ts';

const port = 2525;

/** Parameters of main.cf with which a host delivers to it. */
export const toElsewhere = {
  default_transport: 'smtp',
  relayhost: `[${elsewhereAddress}]:${port}`,
  smtp_tls_security_level: 'encrypt',
};

/** Of the log, once a mail is delivered. */
export const sent = /smtp\[\d+\]: \w+: to=.*status=sent/u;

export async function startElsewhere(): Promise<PostfixInstance> {
  const server = await PostfixInstance.create({
    tlsmgr: tlsmgrUnderTest,
    name: 'elsewhere',
    listen: { address: elsewhereAddress, port },
    // Clients here have the server's address.
    mainCf: { mynetworks: '127.0.0.0/8, 192.0.2.0/24' },
  });
  await server.start();
  return server;
}
