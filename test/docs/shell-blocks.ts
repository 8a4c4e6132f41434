/** The commands of the documents: each line of a fenced block for a shell. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

export interface DocumentedCommand {
  /** `docs/install.md`. */
  file: string;
  line: number;
  /** Without its comment. */
  text: string;
}

export function documents(): string[] {
  return [
    'README.md',
    'SECURITY.md',
    'CONTRIBUTING.md',
    ...readdirSync(join(root, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
}

export function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

export function commandsOf(file: string): DocumentedCommand[] {
  const found: DocumentedCommand[] = [];
  let kind: string | undefined;
  for (const [index, line] of textOf(file).split('\n').entries()) {
    const fence = /^\s*```(\w*)\s*$/u.exec(line);
    if (fence !== null) {
      kind = kind === undefined ? fence[1]! : undefined;
      continue;
    }
    const text = commandIn(line, kind);
    if (text !== undefined && text !== '') {
      found.push({ file, line: index + 1, text });
    }
  }
  return found;
}

function commandIn(line: string, kind: string | undefined): string | undefined {
  const text = line.trim().replace(/(?:^|\s+)# .*$/u, '');
  if (kind === 'sh') {
    return text;
  }
  // A transcript: what follows the prompt.
  return kind === 'console' || kind === '' ? /^\$ (.+)$/u.exec(text)?.[1] : undefined;
}
