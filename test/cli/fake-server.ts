/** A server on a UNIX-domain socket that says what a test wants, and verbs run in this process against it. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { runVerb } from '../../src/cli/run.ts';

export type Attributes = readonly (readonly [name: string, value: string])[];

export const announcement: Attributes = [['protocol', 'tlsmgr_protocol']];

export function listText(attributes: Attributes): string {
  return `${attributes.map(([name, value]) => `${name}\0${value}\0`).join('')}\0`;
}

/** What tells a verb that it is this tlsmgr. */
export const asOurs: Readonly<Record<string, Attributes>> = {
  policy: [
    ['status', '0'],
    ['cachable', '1'],
    ['timeout', '3600'],
  ],
  stats: [
    ['status', '0'],
    ['report', '{}'],
  ],
  seed: [
    ['status', '0'],
    ['seed', 'AAAA'],
  ],
};

export interface FakeOptions {
  /** Sent at once; nothing when undefined. */
  greeting?: string | undefined;
  /** What a request gets, by its name; nothing when undefined. */
  reply: (request: string) => Attributes | undefined;
  /** Of several requests that come at once the first is answered, as by Postfix's own. */
  firstOnly?: boolean;
}

export class FakeServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    // Never ends a connection by itself.
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
    });
  }

  static async start(path: string, options: FakeOptions): Promise<FakeServer> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      if (options.greeting !== undefined) {
        socket.write(options.greeting);
      }
      let text = '';
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk;
        const lists = text.split('\0\0');
        text = lists.pop()!;
        const heard = options.firstOnly === true ? lists.slice(0, 1) : lists;
        for (const list of heard) {
          const reply = options.reply(list.split('\0')[1] ?? '');
          if (reply !== undefined) {
            socket.write(listText(reply));
          }
        }
      });
    });
    const fake = new FakeServer(server);
    server.listen(path);
    await once(server, 'listening');
    return fake;
  }

  /** Connections so far. */
  get accepted(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export interface Ran {
  status: number;
  out: string;
  err: string;
  /** Of `out`, what was written with colours. */
  screen: string;
}

export function runHere(verb: string, ...args: string[]): Promise<Ran> {
  return runIn({}, verb, ...args);
}

export async function runIn(
  environment: NodeJS.ProcessEnv,
  verb: string,
  ...args: string[]
): Promise<Ran> {
  const ran = { out: '', err: '', screen: '' };
  const status = await runVerb(verb, args, {
    out: (text) => void (ran.out += text),
    err: (text) => void (ran.err += text),
    screen: (text) => {
      ran.out += text;
      ran.screen += text;
    },
    environment,
  });
  return { status, ...ran };
}
