/** Rows of the random generator. Order: src/tlsmgr/tlsmgr.c. */
import { integer, text, time } from '../parameter.ts';

export const randomRows = {
  /** `dev:/path`, `egd:/path`, a path, or empty. */
  source: text({
    name: 'tls_random_source',
    order: 630,
    group: 'prng',
    default: 'dev:/dev/urandom',
    help: 'The external source of entropy: dev:/path, egd:/path, or the path of a file.',
  }),
  /** Bytes read from the source at each reseed. */
  bytes: integer({
    name: 'tls_random_bytes',
    order: 620,
    group: 'prng',
    default: '32',
    min: 1,
    help: 'Bytes read from the source at each reseed.',
  }),
  /** Empty: no exchange file. */
  exchangeName: text({
    name: 'tls_random_exchange_name',
    order: 631,
    group: 'prng',
    default: '${data_directory}/prng_exch',
    help: "The file that carries the pool's state from one process to the next; empty: none.",
  }),
  updatePeriodSeconds: time({
    name: 'tls_random_prng_update_period',
    order: 601,
    group: 'prng',
    default: '3600s',
    min: 1,
    help: 'Longest time between two updates of that file.',
  }),
  reseedPeriodSeconds: time({
    name: 'tls_random_reseed_period',
    order: 600,
    group: 'prng',
    default: '3600s',
    min: 1,
    help: 'Longest time between two reads of the source.',
  }),
  /** Path of a socket that serves the EGD protocol to others; empty: none. */
  egdListen: text({
    name: 'tlsmgr_egd_listen',
    group: 'prng',
    default: '',
    ours: true,
    help: 'Path of a socket that serves the EGD protocol from the pool; empty: none.',
  }),
};
