/**
 * Finds the log texts in source code: the string and template literals that are
 * arguments of a call that logs, or of an error that ends up in the log.
 *
 *   log.warning(`text`)  warn('kind', () => `text`)  new FatalError('text')
 *
 * A small scanner, not a parser: it knows literals, comments and brackets,
 * which is all it takes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SourceText {
  /** The file, and the line in it. */
  place: string;
  /** As it stands between the quotes, `${...}` included. */
  literal: string;
  /** Undefined when the call alone doesn't tell. */
  severity: string | undefined;
}

interface Literal {
  at: number;
  end: number;
  text: string;
}

/** A call that logs; the literals that are its first argument are no text when told so. */
const sinks: { pattern: RegExp; severity: string | undefined; skipFirst: boolean }[] = [
  ...['info', 'warning', 'error', 'fatal', 'panic'].map((severity) => ({
    pattern: new RegExp(`\\blog\\)?\\??\\.${severity}\\(`, 'gu'),
    severity,
    skipFirst: false,
  })),
  { pattern: /\b#?warn\??\.?\(/gu, severity: 'warning', skipFirst: true },
  { pattern: /\btrace\?\.\(/gu, severity: 'info', skipFirst: false },
  { pattern: /\bnew FatalError\(/gu, severity: 'fatal', skipFirst: false },
  { pattern: /\bnew ExpansionFault\(/gu, severity: 'fatal', skipFirst: false },
  { pattern: /\bnew TlsmgrError\(/gu, severity: undefined, skipFirst: true },
];

/** Every `.ts` file below a folder but those in `except`. */
export function sourceFiles(folder: string, except: readonly string[]): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (except.includes(path)) {
      return [];
    }
    if (entry.isDirectory()) {
      return sourceFiles(path, except);
    }
    return path.endsWith('.ts') ? [path] : [];
  });
}

/** The texts that a file's calls log. */
export function loggedTexts(file: string): SourceText[] {
  const source = readFileSync(file, 'utf8');
  const literals = literalsOf(source);
  const code = blank(source, literals);
  const found: SourceText[] = [];
  for (const { pattern, severity, skipFirst } of sinks) {
    for (const match of code.matchAll(pattern)) {
      const start = match.index + match[0].length;
      const end = closingBracket(code, start);
      const within = literals.filter(({ at }) => at >= start && at < end);
      const first = within[0];
      const isFirstOfMore =
        first !== undefined &&
        code.slice(start, first.at).trim() === '' &&
        code.slice(first.end).trimStart().startsWith(',');
      for (const { at, text } of skipFirst && isFirstOfMore ? within.slice(1) : within) {
        found.push({
          place: `${file}:${source.slice(0, at).split('\n').length}`,
          literal: text,
          severity,
        });
      }
    }
  }
  return found;
}

/** Every string and template literal of a file. */
export function allLiterals(file: string): string[] {
  return literalsOf(readFileSync(file, 'utf8')).map(({ text }) => text);
}

/** A pattern that the literal's text matches whatever is put in for `${...}`. */
export function patternOf(literal: string): string {
  let pattern = '';
  for (let at = 0; at < literal.length;) {
    if (literal.startsWith('${', at)) {
      at = endOfExpression(literal, at + 2);
      pattern += '.+?';
    } else {
      const character = literal[at] === '\\' ? literal[at + 1]! : literal[at]!;
      at += literal[at] === '\\' ? 2 : 1;
      pattern += character.replace(/[.*+?^${}()|[\]\\]/u, String.raw`\$&`);
    }
  }
  return pattern;
}

/** How many letters of a literal are fixed. */
export function fixedLetters(literal: string): number {
  return patternOf(literal).replaceAll(/[^A-Za-z]/gu, '').length;
}

/** Literals at the top level: what stands in `${...}` belongs to its template, sums are one. */
function literalsOf(source: string): Literal[] {
  const literals: Literal[] = [];
  for (let at = 0; at < source.length;) {
    const end = endOfComment(source, at) ?? endOfRegularExpression(source, at);
    if (end !== undefined) {
      at = end;
      continue;
    }
    const character = source[at]!;
    if (character === "'" || character === '"' || character === '`') {
      const literalEnd = endOfLiteral(source, at);
      const text = source.slice(at + 1, literalEnd - 1);
      const before = literals.at(-1);
      if (before !== undefined && /^\s*\+\s*$/u.test(source.slice(before.end, at))) {
        before.text += text;
        before.end = literalEnd;
      } else {
        literals.push({ at, end: literalEnd, text });
      }
      at = literalEnd;
    } else {
      at += 1;
    }
  }
  return literals;
}

function endOfComment(source: string, at: number): number | undefined {
  if (source.startsWith('//', at)) {
    const end = source.indexOf('\n', at);
    return end < 0 ? source.length : end;
  }
  if (source.startsWith('/*', at)) {
    return source.indexOf('*/', at) + 2;
  }
  return undefined;
}

/** A slash where a value may start begins a regular expression. */
function endOfRegularExpression(source: string, at: number): number | undefined {
  if (source[at] !== '/' || !/[(,=:[!&|?{};\n]\s*$/u.test(source.slice(Math.max(0, at - 20), at))) {
    return undefined;
  }
  let inClass = false;
  for (let index = at + 1; index < source.length && source[index] !== '\n'; index += 1) {
    const character = source[index]!;
    if (character === '\\') {
      index += 1;
    } else if (character === '[') {
      inClass = true;
    } else if (character === ']') {
      inClass = false;
    } else if (character === '/' && !inClass) {
      return index + 1;
    }
  }
  return undefined;
}

function endOfLiteral(source: string, start: number): number {
  const quote = source[start]!;
  for (let at = start + 1; at < source.length;) {
    if (source[at] === '\\') {
      at += 2;
    } else if (source[at] === quote) {
      return at + 1;
    } else if (quote === '`' && source.startsWith('${', at)) {
      at = endOfExpression(source, at + 2);
    } else {
      at += 1;
    }
  }
  return source.length;
}

/** @returns where the `}` of a `${` has ended. */
function endOfExpression(source: string, start: number): number {
  let depth = 1;
  for (let at = start; at < source.length;) {
    const character = source[at]!;
    if (character === "'" || character === '"' || character === '`') {
      at = endOfLiteral(source, at);
      continue;
    }
    at += 1;
    if (character === '{') {
      depth += 1;
    } else if (character === '}') {
      depth -= 1;
      if (depth === 0) {
        return at;
      }
    }
  }
  return source.length;
}

/** The source with blanks for its literals and comments, so that brackets can be counted. */
function blank(source: string, literals: readonly Literal[]): string {
  let code = '';
  let done = 0;
  for (const { at, end } of literals) {
    code += withoutComments(source.slice(done, at)) + "'".repeat(end - at);
    done = end;
  }
  return code + withoutComments(source.slice(done));
}

function withoutComments(code: string): string {
  return code.replaceAll(/\/\/[^\n]*|\/\*[^]*?\*\//gu, (comment) => ' '.repeat(comment.length));
}

function closingBracket(code: string, start: number): number {
  let depth = 1;
  for (let at = start; at < code.length; at += 1) {
    if (code[at] === '(') {
      depth += 1;
    } else if (code[at] === ')') {
      depth -= 1;
      if (depth === 0) {
        return at;
      }
    }
  }
  return code.length;
}
