/** Commands for the engine of a fleet, to be pasted. */
import { shellWord } from './shell-word.ts';

/** @param server `host:port`, with brackets around an address of IPv6. */
export function redisCli(server: string): string {
  const at = server.lastIndexOf(':');
  const [host, port] = at < 0 ? [server, ''] : [server.slice(0, at), server.slice(at + 1)];
  const bare = host.replace(/^\[(.*)\]$/u, '$1');
  return `redis-cli -h ${shellWord(bare)}${port === '' ? '' : ` -p ${shellWord(port)}`}`;
}
