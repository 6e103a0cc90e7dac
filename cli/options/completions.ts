/** `curlws completions`: scripts that let shells complete the command line, generated from the table of options. */
import type { Command } from "./command.ts";
import { UsageError } from "../errors.ts";
import type { Option } from "./option.ts";
import { OPTIONS } from "./options.ts";
import { printLine } from "../terminal/output.ts";

type CommandTable = Readonly<Record<string, Command>>;

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = typeof SHELLS[number];

const MAKERS: Readonly<Record<Shell, (commands: CommandTable) => string>> = { bash, zsh, fish };

/** The subcommand. It calls `commands` when it runs, as the table of commands includes this one. */
export function completions(commands: () => CommandTable): Command {
  return {
    summary: "print the completions of bash, zsh or fish",
    about: `Prints a script for a shell. For this session:

  source <(curlws completions bash)
  source <(curlws completions zsh)
  curlws completions fish | source

For all of them, put it where the shell looks: ~/.local/share/bash-completion/completions/curlws, a file _curlws in a
folder of zsh's $fpath, or ~/.config/fish/completions/curlws.fish.`,
    options: [],
    operand: { name: "SHELL", words: SHELLS },
    run(_values, shell): Promise<void> {
      const maker = SHELLS.find((name) => name === shell);
      if (maker === undefined) {
        throw new UsageError(
          `completions takes ${SHELLS.join(", ")}${shell === undefined ? "" : `, not ${JSON.stringify(shell)}`}`,
        );
      }
      printLine(MAKERS[maker](commands()));
      return Promise.resolve();
    },
  };
}

const flags = ({ name, short }: Option) => short === undefined ? [`--${name}`] : [`-${short}`, `--${name}`];
const takesValue = ({ value }: Option) => value !== undefined && !value.startsWith("[");
const names = (options: readonly Option[]) => options.flatMap(flags).join(" ");

/** The branches of a `case` in bash: options whose values are completed in the same way share one. */
function valueCases(options: readonly Option[], reply: (complete: NonNullable<Option["complete"]> | null) => string) {
  const groups = new Map<string, string[]>();
  for (const option of options.filter(takesValue)) {
    const key = reply(option.complete ?? null);
    groups.set(key, [...groups.get(key) ?? [], ...flags(option)]);
  }
  return [...groups].map(([action, patterns]) => `    ${patterns.join("|")}) ${action} ;;`).join("\n");
}

function bash(commands: CommandTable): string {
  const reply = (complete: NonNullable<Option["complete"]> | null): string => {
    if (complete === "file") return `COMPREPLY=($(compgen -f -- "$cur")); return`;
    if (complete === "folder") return `COMPREPLY=($(compgen -d -- "$cur")); return`;
    if (complete === "host") return `COMPREPLY=($(compgen -A hostname -- "$cur")); return`;
    return complete === null ? "return" : `COMPREPLY=($(compgen -W "${complete.join(" ")}" -- "$cur")); return`;
  };
  const all = [...OPTIONS, ...Object.values(commands).flatMap(({ options }) => options)];
  const subcommands = Object.entries(commands).map(([name, { options, operand }]) =>
    `    ${name}) words="${[names(options), "--help", ...operand?.words ?? []].join(" ").trim()}" ;;`
  );
  return `# bash completion of curlws
_curlws() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" words
  COMPREPLY=()
  case "$prev" in
${valueCases(all, reply)}
  esac
  case "\${COMP_WORDS[1]}" in
${subcommands.join("\n")}
    *) words="${names(OPTIONS)}" ;;
  esac
  if [[ $COMP_CWORD -eq 1 && $cur != -* ]]; then words="${Object.keys(commands).join(" ")}"; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _curlws curlws`;
}

/** Escapes a text for the brackets of an option of zsh's `_arguments`, inside single quotes. */
const described = (text: string) => text.replace(/[[\]:\\]/g, "\\$&").replace(/'/g, "'\\''");

function zsh(commands: CommandTable): string {
  const action = ({ complete }: Option): string => {
    if (complete === "file") return "_files";
    if (complete === "folder") return "_files -/";
    if (complete === "host") return "_hosts";
    return complete === undefined ? " " : `(${complete.join(" ")})`;
  };
  const specs = (options: readonly Option[]) =>
    options.map((option) => {
      const forms = flags(option), help = `[${described(option.help)}]`;
      const value = takesValue(option) ? `:${described(option.value!.toLowerCase())}:${action(option)}` : "";
      const each = forms.length === 1 ? `'*${forms[0]}` : `'*'{${forms.join(",")}}'`;
      return `      ${each}${help}${value}'`;
    }).join(" \\\n");
  const subcommands = Object.entries(commands).map(([name, { options, operand }]) => {
    const more = operand === undefined
      ? ""
      : ` \\\n      '1:${operand.name.toLowerCase()}:${
        operand.complete === "file" ? "_files" : `(${operand.words.join(" ")})`
      }'`;
    const help: Option = { name: "help", short: "h", help: "its options" };
    return `    ${name}) shift words; (( CURRENT-- )); _arguments -s \\\n${
      specs([...options, help])
    }${more}; return ;;`;
  });
  const list = Object.entries(commands).map(([name, { summary }]) => `'${name}:${described(summary)}'`).join(" ");
  return `#compdef curlws
_curlws() {
  local -a commands=(${list})
  case "\${words[2]}" in
${subcommands.join("\n")}
  esac
  _curlws_operand() {
    (( CURRENT == 2 )) && _describe command commands
    _urls
  }
  _arguments -s \\
${specs(OPTIONS)} \\
      '1:URL or command:_curlws_operand'
}
if [[ "\${funcstack[1]}" == _curlws ]]; then _curlws "$@"; else compdef _curlws curlws; fi`;
}

function fish(commands: CommandTable): string {
  const quoted = (text: string) => `'${text.replace(/[\\']/g, "\\$&")}'`;
  const line = (condition: string, option: Option): string => {
    const { name, short, help, complete } = option;
    const parts = [`complete -c curlws -n ${quoted(condition)}`];
    if (short !== undefined) parts.push(`-s ${short}`);
    parts.push(`-l ${name} -d ${quoted(help)}`);
    if (takesValue(option)) {
      if (complete === "file") parts.push("-r -F");
      else if (complete === "folder") parts.push("-x -a '(__fish_complete_directories)'");
      else if (complete === "host") parts.push("-x -a '(__fish_print_hostnames)'");
      else parts.push(complete === undefined ? "-x" : `-x -a ${quoted(complete.join(" "))}`);
    }
    return parts.join(" ");
  };
  const among = Object.keys(commands).join(" ");
  const connecting = `not __fish_seen_subcommand_from ${among}`;
  const lines = ["# fish completion of curlws", "complete -c curlws -f"];
  for (const [name, { summary, options, operand }] of Object.entries(commands)) {
    lines.push(`complete -c curlws -n __fish_is_first_arg -a ${name} -d ${quoted(summary)}`);
    const condition = `__fish_seen_subcommand_from ${name}`;
    lines.push(...options.map((option) => line(condition, option)));
    if (operand !== undefined) {
      const words = operand.complete === "file" ? "-F" : `-a ${quoted(operand.words.join(" "))}`;
      lines.push(`complete -c curlws -n ${quoted(condition)} ${words}`);
    }
  }
  lines.push(...OPTIONS.map((option) => line(connecting, option)));
  return lines.join("\n");
}
