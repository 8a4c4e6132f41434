/** What a screen tells of ticket keys. Rows of a label and a text. */
import type { Report } from '../../report/report.ts';
import { duration, plural } from '../output.ts';
import { originText } from './key-origin.ts';

export function ticketRows({
  tickets,
  fleet,
}: Pick<Report, 'tickets' | 'fleet'>): (readonly [label: string, text: string])[] {
  return [
    ['ticket key', currentText(tickets)],
    ...otherTexts(tickets, fleet).map((text) => ['', text] as const),
  ];
}

function currentText({ enabled, keys }: Report['tickets']): string {
  const [current] = keys;
  if (!enabled) {
    return 'off (smtpd lifetime 0)';
  }
  if (current === undefined) {
    return 'no key asked for yet';
  }
  const next =
    current.sealsForSeconds > 0
      ? `next in ${duration(current.sealsForSeconds)}`
      : 'retired, next when asked for';
  return [current.fingerprint, `age ${duration(current.ageSeconds)}`, next, originText(current)]
    .filter((part) => part !== '')
    .join(', ');
}

/** Hosts that share keys have many: they are counted. */
function otherTexts({ keys }: Report['tickets'], fleet: Report['fleet'] | undefined): string[] {
  const others = keys.slice(1);
  if (fleet?.keys) {
    return others.length === 0 ? [] : [`${plural(others.length, 'other key')} of the fleet held`];
  }
  return others.map(
    ({ fingerprint, opensForSeconds }) =>
      `${fingerprint} opens tickets for ${duration(opensForSeconds)} more`,
  );
}
