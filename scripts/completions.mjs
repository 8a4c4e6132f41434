// Makes completions/ for bash, zsh and fish from the table of verbs and the
// table of parameters:
//
//   node --import tsx scripts/completions.mjs           writes the files
//   node --import tsx scripts/completions.mjs --print   prints them as JSON: name to text
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { verbs } from '../src/cli/verbs.ts';
import { postfixCacheNames } from '../src/config/cache-names.ts';
import { parameters } from '../src/config/parameters.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const origin = '# Made by "npm run completions" from the table of verbs: do not edit.';

const parameterNames = parameters
  .filter(({ readOnly }) => readOnly !== true)
  .map(({ name }) => name);
const allVerbs = [
  ...verbs,
  {
    name: 'help',
    summary: 'show the verbs, or the options of one',
    options: {},
    words: [{ name: 'VERB' }],
  },
  { name: 'version', summary: 'show the version', options: {}, words: [] },
];
const help = { type: 'boolean', short: 'h', help: 'show how it is used' };

/** Of a verb, `help` among them. */
function optionsOf({ options }) {
  return Object.entries({ ...options, help });
}

function flagsOf([name, { short }]) {
  return short === undefined ? [`--${name}`] : [`-${short}`, `--${name}`];
}

/** What a word of a verb can be; undefined when nobody knows. */
function choicesOf(word) {
  switch (word?.name) {
    case 'VERB':
      return verbs.map(({ name }) => name);
    case 'NAME':
      return parameterNames;
    default:
      return word?.choices;
  }
}

// ---- bash

function bash() {
  return `# bash completion for tlsmgr
${origin}

_tlsmgr_words() {
  local IFS=$'\\n'
  COMPREPLY+=($(IFS=' '; compgen -W "$1" -- "$cur"))
}

# The caches of Postfix, and those that main.cf adds.
_tlsmgr_caches() {
  _tlsmgr_words "${postfixCacheNames.join(' ')} $("\${COMP_WORDS[0]}" config tlsmgr_session_caches 2> /dev/null |
    sed -e 's/^[^=]*=//' -e 's/  # .*//' | tr -s ', ' '\\n' | grep -vx ${postfixCacheNames.map((name) => `-e ${name}`).join(' ')} | tr '\\n' ' ')"
}

# What stands behind an option.
_tlsmgr_value() {
  local IFS=$'\\n'
  done=yes
  case $1 in
    DIR) COMPREPLY=($(compgen -d -- "$cur")) ;;
    FILE | PATH | SOCKET) COMPREPLY=($(compgen -f -- "$cur")) ;;
    NAME=VALUE)
      COMPREPLY=($(IFS=' '; compgen -S = -W "$parameters" -- "$cur"))
      compopt -o nospace 2> /dev/null
      ;;
  esac
  [ "$1" = NAME=VALUE ] || compopt -o filenames 2> /dev/null
}

# How many words that are no options stand between the verb and the cursor.
_tlsmgr_place() {
  local index count=0 skip=
  for ((index = 2; index < COMP_CWORD; index++)); do
    if [ -n "$skip" ]; then
      skip=
    elif [[ " $takers " == *" \${COMP_WORDS[index]} "* ]]; then
      skip=yes
    elif [[ \${COMP_WORDS[index]} != -* ]]; then
      count=$((count + 1))
    fi
  done
  echo "$count"
}

_tlsmgr() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]}
  local options= takers= done=
  local parameters='${parameterNames.join(' ')}'
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    _tlsmgr_words '${[...allVerbs.map(({ name }) => name), '--help', '--version'].join(' ')}'
    return
  fi
  case \${COMP_WORDS[1]} in
${allVerbs.map((verb) => bashCase(verb)).join('\n')}
  esac
  [ -n "$done" ] || case $cur in
    -*) _tlsmgr_words "$options" ;;
  esac
}

complete -F _tlsmgr tlsmgr
`;
}

function bashCase(verb) {
  const options = optionsOf(verb);
  const valued = options.filter(([, { type }]) => type === 'string');
  const words = verb.words
    .map((word, index) => ({ word, place: word.repeated === true ? '*' : String(index) }))
    .filter(({ word }) => word.name === 'FILE' || choicesOf(word) !== undefined)
    .map(({ word, place }) => {
      if (word.name === 'FILE') {
        return `        ${place}) _tlsmgr_value FILE ;;`;
      }
      if (word.name === 'CACHE') {
        return `        ${place}) _tlsmgr_caches ;;`;
      }
      const choices = word.name === 'NAME' ? '"$parameters"' : `'${choicesOf(word).join(' ')}'`;
      return `        ${place}) _tlsmgr_words ${choices} ;;`;
    });
  const lines = [
    `    ${verb.name})`,
    `      options='${options.flatMap((option) => flagsOf(option)).join(' ')}'`,
  ];
  if (valued.length > 0) {
    lines.push(
      `      takers='${valued.flatMap((option) => flagsOf(option)).join(' ')}'`,
      '      case $prev in',
      ...valued.map(
        (option) => `        ${flagsOf(option).join(' | ')}) _tlsmgr_value '${option[1].value}' ;;`,
      ),
      '      esac',
    );
  }
  if (words.length > 0) {
    lines.push(
      '      [ -n "$done" ] || [[ $cur == -* ]] || case $(_tlsmgr_place) in',
      ...words,
      '      esac',
    );
  }
  return [...lines, '      ;;'].join('\n');
}

// ---- zsh

/** Within single quotes, and without what _arguments takes for its own. */
function zshText(text) {
  return text.replaceAll("'", String.raw`'\''`).replaceAll(/[[\]:]/gu, String.raw`\$&`);
}

const zshActions = {
  DIR: '_files -/',
  FILE: '_files',
  PATH: '_files',
  SOCKET: '_files',
  'NAME=VALUE': '_tlsmgr_settings',
};

function zshOption([name, { short, type, value, multiple, help: text }]) {
  const flags = short === undefined ? [`--${name}`] : [`-${short}`, `--${name}`];
  const behind = type === 'string' ? `:${value}:${zshActions[value] ?? ' '}` : '';
  const apart = multiple === true ? '*' : flags.length > 1 ? `(${flags.join(' ')})` : '';
  return flags.map((flag) => `        '${apart}${flag}[${zshText(text)}]${behind}'`);
}

function zshWord(word, index) {
  const choices = choicesOf(word);
  const action =
    word.name === 'FILE'
      ? zshActions.FILE
      : word.name === 'CACHE'
        ? '_tlsmgr_caches'
        : choices === undefined
          ? ' '
          : `(${choices.join(' ')})`;
  const place = word.repeated === true ? '*' : `${index + 1}`;
  return `        '${place}:${word.name}:${action}'`;
}

function zshCase(verb) {
  const specs = [
    ...optionsOf(verb).flatMap((option) => zshOption(option)),
    ...verb.words.map((word, index) => zshWord(word, index)),
  ];
  return `    ${verb.name})\n      _arguments -s \\\n${specs.join(' \\\n')}\n      ;;`;
}

function zsh() {
  return `#compdef tlsmgr
${origin}

_tlsmgr_settings() {
  local -a names
  names=(${parameterNames.join(' ')})
  compadd -S = -a names
}

_tlsmgr_caches() {
  local -aU names
  names=(${postfixCacheNames.join(' ')} $(_call_program caches tlsmgr config tlsmgr_session_caches 2> /dev/null |
    sed -e 's/^[^=]*=//' -e 's/  # .*//' -e 's/,/ /g'))
  compadd -a names
}

_tlsmgr() {
  local -a verbs
  verbs=(
${allVerbs.map(({ name, summary }) => `    '${name}:${zshText(summary)}'`).join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe verb verbs
    return
  fi
  local verb=$words[2]
  shift words
  ((CURRENT--))
  case $verb in
${allVerbs.map((verb) => zshCase(verb)).join('\n')}
  esac
}

_tlsmgr "$@"
`;
}

// ---- fish

function fishText(text) {
  return `'${text.replaceAll('\\', String.raw`\\`).replaceAll("'", String.raw`\'`)}'`;
}

const fishFiles = new Set(['DIR', 'FILE', 'PATH', 'SOCKET']);

function fishOption(verb, [name, { short, type, value, help: text }]) {
  const flags = `${short === undefined ? '' : `-s ${short} `}-l ${name}`;
  const behind =
    type === 'boolean'
      ? ''
      : value === 'NAME=VALUE'
        ? ` -x -a '${parameterNames.map((one) => `${one}=`).join(' ')}'`
        : value === 'DIR'
          ? " -x -a '(__fish_complete_directories)'"
          : fishFiles.has(value)
            ? ' -r -F'
            : ' -x';
  return `complete -c tlsmgr -n '__fish_seen_subcommand_from ${verb}' ${flags}${behind} -d ${fishText(text)}`;
}

function fishVerb(verb) {
  const choices = verb.words.flatMap((word) =>
    word.name === 'CACHE' ? ['(__tlsmgr_caches)'] : (choicesOf(word) ?? []),
  );
  return [
    `complete -c tlsmgr -n __fish_use_subcommand -a ${verb.name} -d ${fishText(verb.summary)}`,
    ...optionsOf(verb).map((option) => fishOption(verb.name, option)),
    ...(choices.length === 0
      ? []
      : [
          `complete -c tlsmgr -n '__fish_seen_subcommand_from ${verb.name}' -a '${choices.join(' ')}'`,
        ]),
    ...(verb.words.some(({ name }) => name === 'FILE')
      ? [`complete -c tlsmgr -n '__fish_seen_subcommand_from ${verb.name}' -F`]
      : []),
  ].join('\n');
}

function fish() {
  return `# fish completion for tlsmgr
${origin}

function __tlsmgr_caches
    printf '%s\\n' ${postfixCacheNames.join(' ')}
    tlsmgr config tlsmgr_session_caches 2> /dev/null | sed -e 's/^[^=]*=//' -e 's/  # .*//' | string replace -a ',' ' ' | string split -n ' '
end

complete -c tlsmgr -f
complete -c tlsmgr -n __fish_use_subcommand -s h -l help -d 'show the verbs'
complete -c tlsmgr -n __fish_use_subcommand -l version -d 'show the version'
${allVerbs.map((verb) => fishVerb(verb)).join('\n')}
`;
}

const files = { 'tlsmgr.bash': bash(), _tlsmgr: zsh(), 'tlsmgr.fish': fish() };

if (process.argv.includes('--print')) {
  process.stdout.write(JSON.stringify(files));
} else {
  mkdirSync(`${root}completions`, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(`${root}completions/${name}`, text);
  }
}
