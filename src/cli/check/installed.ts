/** What master.cf starts: this program through its launcher, or Postfix's own. */
import { statSync } from 'node:fs';
import { handsOver, Launcher, launcherText, originalsOf, pathsIn } from '../postfix/launcher.ts';
import { isOurs, type MasterLine } from '../postfix/master-line.ts';
import type { Postfix } from '../postfix/postfix.ts';
import { replaceableBy } from '../findings/access.ts';
import { confinementFindings } from '../findings/confinement.ts';
import type { Finding } from '../findings/finding.ts';
import { programFindings } from '../findings/program.ts';
import { shellWord } from '../findings/shell-word.ts';

export function installedFindings(postfix: Postfix, line: MasterLine): Finding[] {
  if (!isOurs(line)) {
    return [
      {
        severity: 'note',
        name: 'not-installed',
        text: `master.cf starts ${line.command}, Postfix's own`,
        remedy: 'tlsmgr install --dry-run  # shows what would change',
      },
    ];
  }
  const launcher = new Launcher(postfix.parameter('daemon_directory'));
  const { text, path } = launcher;
  if (text === undefined) {
    return [
      {
        severity: 'error',
        name: 'launcher-missing',
        text: `there is no ${path}, which master.cf starts`,
        remedy: 'tlsmgr install  # puts it there; tlsmgr uninstall goes back to the original',
      },
    ];
  }
  const unsafe = replaceableBy(path);
  if (unsafe !== undefined) {
    return [
      {
        severity: 'error',
        name: 'launcher-unsafe',
        text: `${unsafe.part} ${unsafe.reason}, and master(8) starts ${path} as root`,
        remedy: `chown root ${shellWord(unsafe.part)}; chmod o-w ${shellWord(unsafe.part)}`,
      },
    ];
  }
  if ((statSync(path).mode & 0o111) === 0) {
    const broken = `${path} can't be executed: the daemon can't start`;
    return [
      {
        severity: 'error',
        name: 'launcher-broken',
        text: broken,
        remedy: `chmod 755 ${shellWord(path)}`,
      },
    ];
  }
  const paths = pathsIn(text);
  return paths === undefined
    ? [changedFinding(path, "what it starts isn't examined")]
    : [
        ...contentFindings(path, text, launcherText({ ...paths, ...originalsOf(postfix) })),
        ...programFindings(paths),
        ...confinementFindings(postfix.parameter('queue_directory')),
      ];
}

/** @param wanted what install would write, for the same node and program. */
function contentFindings(path: string, text: string, wanted: string): Finding[] {
  if (!handsOver(text)) {
    return [oldFinding(path)];
  }
  return text === wanted
    ? []
    : [changedFinding(path, 'it is of another version, or somebody has changed it')];
}

function changedFinding(path: string, reason: string): Finding {
  return {
    severity: 'warning',
    name: 'launcher-changed',
    text: `${path} is not as tlsmgr install writes it: ${reason}`,
    remedy: 'tlsmgr install',
  };
}

function oldFinding(path: string): Finding {
  return {
    severity: 'warning',
    name: 'launcher-old',
    text: `${path} is of an earlier version: when this tlsmgr can't start it doesn't start Postfix's own`,
    remedy: 'tlsmgr install',
  };
}
