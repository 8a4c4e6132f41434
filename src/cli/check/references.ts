/**
 * Whether the tlsmgr line refers to our parameters that are set, so that
 * postconf(1) doesn't warn of them (withReferences() says how).
 */
import type { Finding } from '../findings/finding.ts';
import type { References } from '../postfix/master-line.ts';

export function referenceFindings({ missing, stale, isOwn }: References): Finding[] {
  const findings: Finding[] = [];
  if (missing.length > 0) {
    const names = missing.join(', ');
    const text = `the tlsmgr line of master.cf has no reference to ${names}: postconf and postfix check warn of what Postfix doesn't know`;
    const references = missing.map((name) => `\${${name}?}`).join('');
    findings.push({
      severity: 'note',
      name: 'reference-missing',
      text: isOwn
        ? `${text}; the debug_peer_list there is your own, and tlsmgr install leaves it as it is`
        : text,
      remedy: isOwn
        ? `# append ${references} to the value of debug_peer_list in that line`
        : 'tlsmgr install  # adds it',
    });
  }
  if (stale.length > 0) {
    findings.push({
      severity: 'note',
      name: 'reference-stale',
      text: `the tlsmgr line of master.cf refers to ${stale.join(', ')}, which nothing sets any more`,
      remedy: 'tlsmgr install  # takes the reference away',
    });
  }
  return findings;
}
