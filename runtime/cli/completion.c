/* tend completion SHELL: the few lines by which a shell asks `tend complete`. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

static const char bash[] =
    "# bash completion of tend: source <(tend completion bash)\n"
    "_tend() {\n"
    "    local line word=${COMP_WORDS[COMP_CWORD]}\n"
    "    [[ $word == = ]] && word=\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "        :files) compopt -o filenames; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f "
    "-- \"$word\") ;;\n"
    "        :folders) compopt -o filenames; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen "
    "-d -- \"$word\") ;;\n"
    "        *) line=${line%%$'\\t'*}; COMPREPLY+=(\"$line\"); [[ $line == *= ]] && compopt -o "
    "nospace ;;\n"
    "        esac\n"
    "    done < <(\"${COMP_WORDS[0]}\" complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _tend tend\n";

static const char zsh[] =
    "#compdef tend\n"
    "# zsh completion of tend: source <(tend completion zsh), or this file as _tend in $fpath\n"
    "_tend() {\n"
    "    local line word\n"
    "    local -a values\n"
    "    for line in ${(f)\"$(${(Q)words[1]} complete -- \"${(@Q)words[2,CURRENT]}\" "
    "2>/dev/null)\"}; do\n"
    "        case $line in\n"
    "        :files) _files ;;\n"
    "        :folders) _files -/ ;;\n"
    "        *) word=${line%%$'\\t'*}; values+=(\"${word//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
    "        esac\n"
    "    done\n"
    "    (( $#values )) && _describe tend values\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _tend ]; then _tend \"$@\"; else compdef _tend tend; fi\n";

static const char fish[] = "# fish completion of tend: tend completion fish | source\n"
                           "function __tend_complete\n"
                           "    set -l words (commandline -opc) (commandline -ct)\n"
                           "    for line in ($words[1] complete -- $words[2..-1] 2>/dev/null)\n"
                           "        switch $line\n"
                           "            case ':files'\n"
                           "                __fish_complete_path (commandline -ct)\n"
                           "            case ':folders'\n"
                           "                __fish_complete_directories (commandline -ct)\n"
                           "            case '*'\n"
                           "                echo $line\n"
                           "        end\n"
                           "    end\n"
                           "end\n"
                           "complete -c tend -f -a '(__tend_complete)'\n";

static int run(int argc, char **argv) {
    struct place place;
    int code = place_options(&place, &command_completion, argc, argv);
    if (code) return code < 0 ? 0 : code;
    const char *shell = optind + 1 == argc ? argv[optind] : "";
    if (strcmp(shell, "bash") == 0) return fputs(bash, stdout) < 0;
    if (strcmp(shell, "zsh") == 0) return fputs(zsh, stdout) < 0;
    if (strcmp(shell, "fish") == 0) return fputs(fish, stdout) < 0;
    return misuse(&command_completion, "give a shell: bash, zsh or fish");
}

static const struct command_option options[] = {{0}};

const struct command command_completion = {
    "completion",
    "print a shell's completion",
    run,
    "Prints what a shell needs to complete commands, options, workflows and run ids. `make "
    "install` "
    "puts it where the shells look. By hand: source <(tend completion bash).",
    options,
    "bash|zsh|fish",
    "0 printed, 2 no such shell"};
