/**
 * Everything between a socket and the answers, with the real pool, caches, key
 * ring, dispatcher and connections: smtpd's cache answers at once, smtp's later,
 * lmtp's is off.
 */
import { Pool } from '../src/prng/pool.ts';
import { CircularLog } from '../src/sessions/memory/circular-log.ts';
import type { SocketServer } from '../src/socket/socket-server.ts';
import { systemClock } from '../src/system/clock.ts';
import { serviceOf } from '../test/socket/service-parts.ts';
import { lateCache } from '../test/contracts/late-cache.ts';
import { lifetimeSeconds } from './reference.ts';

export interface InProcessService {
  service: SocketServer;
  /** What it said of faults of its own. */
  faults: string[];
  /** Begins again with empty caches. */
  empty: () => void;
}

function smallCache(): CircularLog {
  return new CircularLog(
    { lifetimeSeconds, sizeLimitBytes: 8192, entryLimit: 50, slotBytes: 4096, segmentBytes: 3072 },
    { clock: systemClock },
  );
}

export function inProcessService(maxRequestBytes: number): InProcessService {
  const faults: string[] = [];
  const warn = (kind: string, text: () => string): void => {
    // What a message says is made here as well as in the daemon.
    const said = text();
    if (kind === 'connection fault' || kind.startsWith('failed ')) {
      faults.push(said);
    }
  };
  const pool = new Pool({ clock: systemClock });
  const [smtpd, smtp] = [smallCache(), smallCache()];
  const caches = {
    all: [
      { label: 'smtpd', lifetimeSeconds, cache: smtpd },
      { label: 'smtp', lifetimeSeconds, cache: lateCache(smtp) },
      { label: 'lmtp', lifetimeSeconds, cache: undefined },
    ],
  };
  const { service } = serviceOf({
    pool,
    caches,
    lifetimeSeconds,
    clock: systemClock,
    report: { of: 'a fuzzer' },
    warn,
    announce: false,
    maxRequestBytes,
  });
  return {
    service,
    faults,
    empty: () => {
      smtpd.flush();
      smtp.flush();
      faults.length = 0;
    },
  };
}
