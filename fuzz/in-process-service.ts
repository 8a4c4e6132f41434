/**
 * Everything between a socket and the answers, with the real pool, caches, key
 * ring, dispatcher and connections: smtpd's cache answers at once, smtp's later,
 * lmtp's is off.
 */
import { Pool } from '../src/prng/pool.ts';
import { Dispatcher } from '../src/requests/dispatcher.ts';
import { RequestCounts } from '../src/requests/request-counts.ts';
import { requestTable } from '../src/requests/table.ts';
import { CircularLog } from '../src/sessions/circular-log.ts';
import { AnnouncementWatch } from '../src/socket/announcement-watch.ts';
import { Service } from '../src/socket/service.ts';
import { systemClock } from '../src/system/clock.ts';
import { KeyRing } from '../src/tickets/key-ring.ts';
import { lateCache } from './late-cache.ts';
import { lifetimeSeconds } from './reference.ts';

export interface InProcessService {
  service: Service;
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
    smtpd: { label: 'smtpd', lifetimeSeconds, cache: smtpd },
    smtp: { label: 'smtp', lifetimeSeconds, cache: lateCache(smtp) },
    lmtp: { label: 'lmtp', lifetimeSeconds, cache: undefined },
  } as const;
  const keys = new KeyRing(lifetimeSeconds, pool, systemClock);
  const types = requestTable({ pool, caches, keys, report: () => ({ of: 'a fuzzer' }), warn });
  const service = new Service({
    dispatcher: new Dispatcher({
      types,
      serviceName: 'tlsmgr',
      warn,
      counts: new RequestCounts(types.map(({ name }) => name)),
      stirTime: () => pool.stirTime(),
    }),
    serviceName: 'tlsmgr',
    announce: false,
    maxRequestBytes,
    requestTimeSeconds: 60,
    connectionLimit: 1000,
    warn,
    announcements: new AnnouncementWatch(systemClock, () => {}),
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
