/**
 * The instructions of a Containerfile, as far as the example uses them. A line
 * that ends with a backslash goes on in the next one; comments are lines of
 * their own.
 */
const known = [
  'FROM',
  'COPY',
  'RUN',
  'VOLUME',
  'EXPOSE',
  'HEALTHCHECK',
  'STOPSIGNAL',
  'CMD',
] as const;

export interface Instruction {
  readonly name: (typeof known)[number];
  readonly text: string;
}

/** One image: what follows a FROM. */
export interface Stage {
  readonly from: string;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** @throws Error for an instruction that nothing here can carry out. */
export function readStages(text: string): Stage[] {
  const stages: { from: string; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const { name, text: rest } of readInstructions(text)) {
    if (name === 'FROM') {
      const [, from, stage] = /^(\S+)(?: AS (\S+))?$/u.exec(rest)!;
      stages.push({ from: from!, name: stage, instructions: [] });
    } else {
      stages.at(-1)!.instructions.push({ name, text: rest });
    }
  }
  return stages;
}

function readInstructions(text: string): Instruction[] {
  const lines = text.split('\n').filter((line) => !/^\s*#/u.test(line));
  const logical = lines.join('\n').replaceAll(/\\\n\s*/gu, ' ');
  return logical
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, word, rest] = /^([A-Z]+) (.+)$/u.exec(line) ?? [];
      const name = known.find((one) => one === word);
      if (name === undefined) {
        throw new Error(`cannot carry out: ${line}`);
      }
      return { name, text: rest!.trim() };
    });
}

/** The words of a list in JSON, or of a command for a shell. */
export function commandOf(text: string): string[] {
  return text.startsWith('[') ? (JSON.parse(text) as string[]) : ['/bin/sh', '-c', text];
}
