/** How a daemon is, by the worst of what it says is wrong. */
import type { Report } from '../../report/report.ts';

export type Health = 'fine' | 'warning' | 'error';

/** The exit status of `status` and `check`: what monitoring expects. 3 is for nobody who answers. */
export const healthStatuses: Readonly<Record<Health, number>> = { fine: 0, warning: 1, error: 2 };

/** An earlier version tells of no problems. */
export function healthOf({ problems = [] }: Partial<Report>): Health {
  return problems.some(({ severity }) => severity === 'error')
    ? 'error'
    : problems.length > 0
      ? 'warning'
      : 'fine';
}
