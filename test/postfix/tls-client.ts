/** openssl s_client as a mail client that says EHLO, STARTTLS and QUIT. */
import { runCommand } from './run-command.ts';

export interface Handshakes {
  /** One word for each connection, in order. */
  kinds: ('New' | 'Reused')[];
  /** All that s_client printed. */
  output: string;
}

/** @param args after `-starttls smtp`, such as `-tls1_2 -reconnect`. */
export async function startTls(port: number, args: readonly string[]): Promise<Handshakes> {
  const { output } = await runCommand(
    '/usr/bin/openssl',
    ['s_client', '-connect', `127.0.0.1:${port}`, '-starttls', 'smtp', '-ign_eof', ...args],
    // Session tickets of TLS 1.3 come before the reply to this.
    'QUIT\r\n',
  );
  const kinds = [...output.matchAll(/^(New|Reused), TLSv/gmu)].map(
    ([, kind]) => kind as 'New' | 'Reused',
  );
  return { kinds, output };
}
