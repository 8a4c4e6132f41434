/**
 * stats: what `tlsmgr status` shows. Not a request of Postfix's clients.
 *
 *     request=stats
 *     status report=STRING               ; one JSON object, docs/protocol.md
 */
import { encodedName } from '../protocol/encoder.ts';
import { status } from '../protocol/names.ts';
import type { RequestType } from './request-type.ts';

const reportName = encodedName('report');

export function statsRequest(report: () => object): RequestType {
  return {
    name: 'stats',
    costly: true,
    attributes: [],
    reply: [{ name: 'report', kind: 'string' }],
    handle(_args, reply) {
      reply.status(status.ok);
      reply.string(reportName, JSON.stringify(report()));
      reply.end();
      return status.ok;
    },
  };
}
