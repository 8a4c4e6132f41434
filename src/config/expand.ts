/**
 * `$name` in values, recursively.
 *
 *     text       = *( plain / "$$" / reference )
 *     reference  = "$" name / "${" inside "}" / "$(" inside ")"
 *     inside     = name [choice] / condition [choice] / function "{" text "}"
 *     choice     = "?" branch [":" branch] / ":" branch
 *     branch     = "{" text "}" / the rest
 *     condition  = "{" text "}" operator [suffix] "{" text "}"
 *
 * A reference ends where its own kind of parenthesis is closed, whatever stands
 * between. A choice looks at the unexpanded value of the name. Throws ExpansionFault with the text of Postfix's warning. Follows
 * src/util/mac_parse.c and mac_expand.c.
 */
import { domainToASCII, domainToUnicode } from 'node:url';
import { fromByteText, toByteText } from './byte-text.ts';
import { compare, isOperator } from './condition.ts';
import { ExpansionFault } from './expansion-fault.ts';

/** The unexpanded value of a name; undefined for one that isn't known. */
export type Lookup = (name: string) => string | undefined;

const wordCharacters = /[A-Za-z0-9_]*/uy;
const operatorCharacters = /[<>!=?+\-*/~&|%]*/uy;
const suffixCharacters = /[A-Za-z0-9]*/uy;
const blanks = /[ \t\r\n]*/uy;

/** References may be nested so deep. */
const deepest = 100;

/**
 * Each operand of a comparison begins to count at 0 again. This is the limit on
 * all levels together. Postfix has none: its programs crash on a loop through
 * an operand.
 */
const deepestInAll = 1000;

const quotedCharacters = 20;

const operatorNames = '"==" or "!="" or "<"" or "<="" or ">="" or ">"';

/** Postfix 3.11 and later have these two. */
const functions: Readonly<Record<string, (text: string) => string>> = {
  domain_to_ascii: (text) => domainToASCII(fromByteText(text)),
  domain_to_utf8: (text) => toByteText(domainToUnicode(fromByteText(text))),
};

/** Expands a whole value. It and all values looked up have one character for each byte. */
export function expand(value: string, lookup: Lookup): string {
  return new Expansion(lookup).text(value);
}

class Expansion {
  readonly #lookup: Lookup;
  /** The depth at which the operand stands that is expanded here. */
  readonly #outer: number;
  #level = 0;

  constructor(lookup: Lookup, outer = 0) {
    this.#lookup = lookup;
    this.#outer = outer;
  }

  text(value: string): string {
    let result = '';
    let plain = '';
    let at = 0;
    for (;;) {
      const dollar = value.indexOf('$', at);
      plain += value.slice(at, dollar < 0 ? value.length : dollar);
      if (dollar < 0) {
        return result + this.#plain(plain);
      }
      at = dollar;
      if (value[at + 1] === '$') {
        plain += '$';
        at += 2;
        continue;
      }
      result += this.#plain(plain);
      plain = '';
      const { inside, end } = referenceAt(value, at + 1);
      if (inside === '') {
        throw new ExpansionFault(`empty macro name: "${value}"`);
      }
      result += this.#nested(inside, () => this.#reference(inside));
      at = end;
    }
  }

  #plain(text: string): string {
    return text === '' ? '' : this.#nested(text, () => text);
  }

  #nested(text: string, expandIt: () => string): string {
    this.#level += 1;
    if (this.#level > deepest + 1 || this.#outer + this.#level > deepestInAll) {
      throw new ExpansionFault(`unreasonable macro call nesting: "${text}"`);
    }
    const result = expandIt();
    this.#level -= 1;
    return result;
  }

  #reference(inside: string): string {
    const start = spanEnd(blanks, inside, 0);
    return inside[start] === '{' ? this.#condition(inside, start) : this.#named(inside, start);
  }

  #named(inside: string, start: number): string {
    const nameEnd = spanEnd(wordCharacters, inside, start);
    const next = spanEnd(blanks, inside, nameEnd);
    const name = inside.slice(start, nameEnd);
    switch (inside[next]) {
      case undefined:
        return this.text(this.#lookup(name) ?? '');
      case '?':
      case ':': {
        const value = this.#lookup(name);
        return this.#choice(inside, next, value !== undefined && value !== '');
      }
      case '{':
        return this.#function(name, inside, next);
      default: {
        const rest = inside.slice(nameEnd, nameEnd + quotedCharacters);
        throw new ExpansionFault(
          `attribute name syntax error at: "...${inside.slice(0, nameEnd)}>>>${rest}"`,
        );
      }
    }
  }

  #function(name: string, inside: string, at: number): string {
    const { payload, end } = bracedAt(inside, at);
    const argument = payload.replace(/^[ \t\r\n]+|[ \t\r\n]+$/gu, '');
    if (end < inside.length) {
      throw new ExpansionFault(unexpected(argument, inside, end));
    }
    const call = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (call === undefined) {
      throw new ExpansionFault(`unknown function "${name}" at"...>>>${name}{${argument}}"`);
    }
    return call(this.#operand(argument));
  }

  #operand(text: string): string {
    return new Expansion(this.#lookup, this.#outer + this.#level).text(text);
  }

  #condition(inside: string, start: number): string {
    const left = bracedAt(inside, start);
    const operatorEnd = spanEnd(operatorCharacters, inside, left.end);
    const operator = inside.slice(left.end, operatorEnd);
    if (!isOperator(operator)) {
      const rest = inside.slice(left.end, left.end + quotedCharacters);
      throw new ExpansionFault(`${operatorNames} expected at: "...${left.payload}}>>>${rest}"`);
    }
    const suffixEnd = spanEnd(suffixCharacters, inside, operatorEnd);
    const suffix = inside.slice(operatorEnd, suffixEnd);
    if (suffix !== '' && suffix !== 'level') {
      throw new ExpansionFault(`bad operator suffix at: "...${operator}>>>${suffix}"`);
    }
    const rightStart = spanEnd(blanks, inside, suffixEnd);
    if (inside[rightStart] !== '{') {
      const rest = inside.slice(suffixEnd, suffixEnd + quotedCharacters);
      throw new ExpansionFault(
        `"{expression}" expected at: "...{${left.payload}} ${operator}>>>${rest}"`,
      );
    }
    const right = bracedAt(inside, rightStart);
    const holds = compare(
      this.#operand(left.payload),
      operator,
      this.#operand(right.payload),
      suffix === 'level',
    );
    const next = inside[right.end];
    if (next === undefined) {
      return holds ? 'true' : '';
    }
    if (next !== '?' && next !== ':') {
      const rest = inside.slice(right.end, right.end + quotedCharacters);
      throw new ExpansionFault(`"?" or ":" expected at: "...}>>>${rest}"`);
    }
    return this.#choice(inside, right.end, holds);
  }

  /** A choice, whose `?` or `:` is inside[at]. */
  #choice(inside: string, at: number, holds: boolean): string {
    let result = '';
    let next = at;
    if (inside[at] === '?') {
      const branch = branchAt(inside, at + 1);
      if (holds) {
        result += this.text(branch.text);
      }
      if (branch.end === inside.length) {
        return result;
      }
      if (inside[branch.end] !== ':') {
        const rest = inside.slice(branch.end, branch.end + quotedCharacters);
        throw new ExpansionFault(`":" expected at: "...${branch.text}}>>>${rest}"`);
      }
      next = branch.end;
    }
    const branch = branchAt(inside, next + 1);
    if (!holds) {
      result += this.text(branch.text);
    }
    if (branch.end < inside.length) {
      throw new ExpansionFault(unexpected(branch.text, inside, branch.end));
    }
    return result;
  }
}

function unexpected(before: string, inside: string, at: number): string {
  return `unexpected input at: "...${before}}>>>${inside.slice(at, at + quotedCharacters)}"`;
}

/** The reference whose `$` stands before value[at]. */
function referenceAt(value: string, at: number): { inside: string; end: number } {
  const open = value[at];
  if (open !== '{' && open !== '(') {
    const end = spanEnd(wordCharacters, value, at);
    return { inside: value.slice(at, end), end };
  }
  const end = closingIndex(value, at, open, open === '{' ? '}' : ')');
  if (end < 0) {
    throw new ExpansionFault(`truncated macro reference: "${value}"`);
  }
  return { inside: value.slice(at + 1, end), end: end + 1 };
}

/** `{payload}` at text[at]. `end` is the index of the first character after it that isn't blank. */
function bracedAt(text: string, at: number): { payload: string; end: number } {
  const close = closingIndex(text, at, '{', '}');
  if (close < 0) {
    throw new ExpansionFault(`unbalanced {} in attribute expression: "${text.slice(at)}"`);
  }
  return { payload: text.slice(at + 1, close), end: spanEnd(blanks, text, close + 1) };
}

/** A branch of a choice: a text in braces, after blanks, or else all the rest. */
function branchAt(inside: string, at: number): { text: string; end: number } {
  const start = spanEnd(blanks, inside, at);
  if (inside[start] !== '{') {
    return { text: inside.slice(at), end: inside.length };
  }
  const { payload, end } = bracedAt(inside, start);
  return { text: payload, end };
}

/** The index of the parenthesis that closes the one at text[at]; -1 for none. */
function closingIndex(text: string, at: number, open: string, close: string): number {
  let level = 0;
  for (let index = at; index < text.length; index += 1) {
    if (text[index] === open) {
      level += 1;
    } else if (text[index] === close) {
      level -= 1;
      if (level === 0) {
        return index;
      }
    }
  }
  return -1;
}

/** The end of the characters that a sticky expression matches. */
function spanEnd(run: RegExp, text: string, at: number): number {
  run.lastIndex = at;
  return run.test(text) ? run.lastIndex : at;
}
