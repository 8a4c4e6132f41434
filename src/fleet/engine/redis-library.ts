/**
 * Connections to Redis or Valkey by @redis/client. A client never connects again by
 * itself: each attempt has a client of its own (connection.ts).
 *
 * - A server: the client signs in, and the server has to be a master.
 * - A Sentinel: it is asked for the address of the master. Then that is the server.
 *   A failover ends the connections to the old master, and Sentinels are asked
 *   again.
 * - A node of a Cluster: the library finds the others, and sends each command to
 *   the node that has the key, also while slots move. When the connection to one of
 *   the masters is lost, all are opened anew. Before the library asks the node for
 *   its list of slots, we do, as the library believes any list.
 */
import { Attempt } from './attempt.ts';
import type { EngineClient, EngineCommands, EngineLibrary } from './engine-commands.ts';
import { faultOf } from './engine-fault.ts';
import { type ServerAddress, serverText } from './engine-values.ts';
import { RedisCommands, type RedisConnection, type Word } from './redis-commands.ts';
import { addressIn, checkSlots } from './redis-address.ts';
import { commonOptions, credentials, socketTo, socketToAny, type Ways } from './redis-options.ts';

/** What we use of the library; scripts/build.mjs names it as well. */
export type RedisModule = Pick<
  typeof import('@redis/client'),
  'RedisClient' | 'RedisCluster' | 'RESP_TYPES'
>;

/** What is used of a client. */
interface Client {
  connect(): Promise<unknown>;
  sendCommand(words: readonly Word[], options?: object): Promise<unknown>;
  destroy(): void;
}

/** Redirections of one command in a Cluster. */
const mostRedirections = 3;
/** The library's own time limit ends once a command is written. The guard's doesn't. */
const noTimeout = { timeout: 0 };

export class RedisLibrary implements EngineLibrary {
  readonly #redis: RedisModule;
  readonly #ways: Ways;
  readonly #places: readonly ServerAddress[];
  readonly #begin: (attempt: Attempt, place: ServerAddress) => Promise<EngineCommands>;

  constructor(redis: RedisModule, ways: Ways) {
    const { sentinels, servers, cluster } = ways.settings;
    this.#redis = redis;
    this.#ways = ways;
    if (sentinels.length > 0) {
      this.#places = sentinels;
      this.#begin = (attempt, place) => this.#throughSentinel(attempt, place);
    } else {
      this.#places = servers;
      this.#begin = cluster
        ? (attempt, place) => this.#toCluster(attempt, place)
        : (attempt, place) => this.#toServer(attempt, place);
    }
  }

  get targets(): number {
    return this.#places.length;
  }

  connect(target: number, lost: (reason: unknown) => void): EngineClient {
    const place = this.#places[target]!;
    return new Attempt(serverText(place), lost, (attempt) => this.#begin(attempt, place));
  }

  async #toServer(attempt: Attempt, place: ServerAddress): Promise<EngineCommands> {
    const { settings } = this.#ways;
    const signedIn = { ...credentials(settings), database: settings.database };
    const client = await this.#open(attempt, place, signedIn);
    const options = this.#commandOptions();
    return this.#checked({
      send: (_key, words) => client.sendCommand(words, options),
      sendToAll: async (words) => [await client.sendCommand(words, options)],
    });
  }

  async #throughSentinel(attempt: Attempt, place: ServerAddress): Promise<EngineCommands> {
    const { settings } = this.#ways;
    let sentinel: Client;
    try {
      sentinel = await this.#open(attempt, place, {});
    } catch (thrown) {
      // Most Sentinels have no password. This one has.
      if (faultOf(thrown) !== 'not signed in' || settings.password === undefined) {
        throw thrown;
      }
      sentinel = await this.#open(attempt, place, credentials(settings));
    }
    const name = settings.sentinelMaster;
    const reply = await sentinel.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name]);
    attempt.drop(sentinel);
    if (!Array.isArray(reply)) {
      throw new Error(`the Sentinel knows no master ${name}`);
    }
    const master = addressIn(reply[0], reply[1]);
    attempt.server = serverText(master);
    return this.#toServer(attempt, master);
  }

  async #toCluster(attempt: Attempt, place: ServerAddress): Promise<EngineCommands> {
    const node = await this.#open(attempt, place, credentials(this.#ways.settings));
    checkSlots(await node.sendCommand(['CLUSTER', 'SLOTS']));
    attempt.drop(node);
    const cluster = new this.#redis.RedisCluster({
      RESP: 3,
      rootNodes: [{ socket: place }],
      defaults: {
        ...commonOptions,
        ...credentials(this.#ways.settings),
        socket: socketToAny(this.#ways),
      },
      maxCommandRedirections: mostRedirections,
      commandOptions: noTimeout,
    });
    // What connect() rejects with tells nothing.
    let reason: unknown;
    let isUp = false;
    const failed = (thrown: unknown): void => {
      reason = thrown;
      if (isUp) {
        attempt.failed(cluster, thrown);
      }
    };
    cluster.on('error', failed).on('node-error', failed);
    attempt.hold(cluster);
    try {
      await cluster.connect();
    } catch (thrown) {
      throw reason ?? thrown;
    }
    isUp = true;
    const options = this.#commandOptions();
    return this.#checked({
      send: (key, words) => cluster.sendCommand(key, false, [...words], options),
      sendToAll: async (words) => {
        if (cluster.masters.length === 0) {
          throw new Error('the Cluster has no master with slots');
        }
        return Promise.all(
          cluster.masters.map(async (master): Promise<unknown> => {
            const client = await cluster.nodeClient(master);
            return client.sendCommand(words, options);
          }),
        );
      },
    });
  }

  async #checked(connection: RedisConnection): Promise<EngineCommands> {
    const commands = new RedisCommands(connection, this.#ways.settings.keyPrefix);
    await commands.requireMasters();
    // It fails while the server is loading.
    await commands.ping();
    return commands;
  }

  async #open(
    attempt: Attempt,
    place: ServerAddress,
    who: { username?: string; password?: string; database?: number },
  ): Promise<Client> {
    // createClient() would add a method for each of 400 commands, which takes 20 MB.
    const client = new this.#redis.RedisClient({
      RESP: 3,
      ...commonOptions,
      ...who,
      socket: socketTo(place, this.#ways),
      commandOptions: noTimeout,
    });
    let isUp = false;
    // connect() goes on to wait when what comes is no RESP.
    const failed = new Promise<never>((_, reject) => {
      client.on('error', (thrown: unknown) => {
        if (isUp) {
          attempt.failed(client, thrown);
        } else {
          reject(thrown);
        }
      });
    });
    client.on('connect', () => {
      // destroy() doesn't reach a socket that is still connecting. Now it does.
      if (!attempt.holds(client)) {
        client.destroy();
      }
    });
    attempt.hold(client);
    await Promise.race([client.connect(), failed]);
    isUp = true;
    return client;
  }

  #commandOptions() {
    const { RESP_TYPES } = this.#redis;
    const typeMapping = { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.MAP]: Array };
    return { ...noTimeout, typeMapping };
  }
}
