/**
 * What `tlsmgr check` and `tlsmgr install` find: a severity, a name that stays
 * the same for scripts, what is so and what follows from it, and what mends it.
 */

import { printable } from '../../log/printable.ts';
import { plural } from '../output.ts';
import { shellWord } from './shell-word.ts';

export const severities = ['error', 'warning', 'note'] as const;

/** Where Postfix's commands look without being told. */
const usualDirectory = '/etc/postfix';

export type Severity = (typeof severities)[number];

export interface Finding {
  severity: Severity;
  /** In kebab-case; never changes its meaning. */
  name: string;
  /** What is so, and what follows from it. */
  text: string;
  /** A command, or what to change. */
  remedy: string;
}

/** Exit status by the worst finding: as with `status`, what monitoring expects. */
const statuses: Readonly<Record<Severity, number>> = { error: 2, warning: 1, note: 0 };

export function statusOfWorst(findings: readonly Finding[]): number {
  const worst = severities.find((severity) => findings.some((one) => one.severity === severity));
  return worst === undefined ? 0 : statuses[worst];
}

/** The worst first; equals stay in their order. */
export function sorted(findings: readonly Finding[]): Finding[] {
  return findings.toSorted(
    (one, other) => severities.indexOf(one.severity) - severities.indexOf(other.severity),
  );
}

/** `error: TEXT`, and the remedy below it. */
export function findingText({ severity, text, remedy }: Finding): string {
  return `${severity}: ${printable(text)}\n    ${printable(remedy)}\n`;
}

/** With remedies for the Postfix of that directory, where it isn't the usual one. */
export function forInstance(findings: readonly Finding[], configDirectory: string): Finding[] {
  if (configDirectory === usualDirectory) {
    return [...findings];
  }
  const option = ` -c ${shellWord(configDirectory)}`;
  return findings.map((finding) => ({
    ...finding,
    remedy: finding.remedy.replaceAll(
      /(?<![\w/.'-])(?:postconf|postfix(?= (?:reload|check|stop|start)\b)|tlsmgr (?:un)?install)\b(?! again)/gu,
      (command) => command + option,
    ),
  }));
}

/** `1 error, 2 notes`; empty for none. */
export function summary(findings: readonly Finding[]): string {
  return severities
    .map((severity) => ({
      severity,
      count: findings.filter((one) => one.severity === severity).length,
    }))
    .filter(({ count }) => count !== 0)
    .map(({ severity, count }) => plural(count, severity))
    .join(', ');
}
