/** Where a ticket key comes from, where hosts share keys. */
import type { Report } from '../../report/report.ts';

type Key = Report['tickets']['keys'][number];

/** `made by mx2.example.net at random`; empty for a key of this process alone. */
export function originText({ origin, madeBy = '' }: Pick<Key, 'origin' | 'madeBy'>): string {
  const maker = madeBy === '' ? '' : ` by ${madeBy}`;
  switch (origin) {
    case 'random':
      return `made${maker} at random`;
    case 'continued':
      return `made of an older key${maker}`;
    case 'derived':
      return 'derived from the secret of the fleet';
    default:
      return maker === '' ? '' : `made${maker}`;
  }
}
