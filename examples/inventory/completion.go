package main

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

// words returns the values that the shell can complete for each flag.
func words() map[string][]string {
	names := []string{"all", "help"}
	var order []string
	for _, c := range columns() {
		names = append(names, c.name)
		order = append(order, c.name, "-"+c.name)
	}
	return map[string][]string{
		"o": formatNames(), "columns": names, "sort": order, "network": {"public", "vpc"}, "completion": {"bash", "fish"},
		"status": {
			string(ecs.InstanceStatusPending), string(ecs.InstanceStatusRunning), string(ecs.InstanceStatusStarting),
			string(ecs.InstanceStatusStopping), string(ecs.InstanceStatusStopped),
		},
		"charge-type": {string(ecs.InstanceChargeTypePrePaid), string(ecs.InstanceChargeTypePostPaid)},
	}
}

// isList reports whether the value of a flag is a comma-separated list.
func isList(flag string) bool {
	return slices.Contains([]string{"columns", "sort", "status", "charge-type"}, flag)
}

const bashCompletion = `# Completion for inventory. bash: eval "$(inventory -completion bash)"
# zsh: run "autoload -U +X bashcompinit && bashcompinit" first, and then the same command.
_inventory() {
  local cur=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD-1]} words= first=
  [[ $COMP_CWORD == 1 ]] && first=doctor
  case ${flag/#--/-} in
%s    -identity-file) local IFS=$'\n'; COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  if [[ -n $words ]]; then
    local before=
    [[ $cur == *,* ]] && before=${cur%%,*},
    COMPREPLY=($(compgen -P "$before" -W "$words" -- "${cur##*,}"))
  else
    COMPREPLY=($(compgen -W "$first %s" -- "$cur"))
  fi
}
complete -F _inventory inventory
`

// completion returns a script that completes command lines in the given shell.
func completion(shell string, fs *flag.FlagSet) (string, error) {
	var names []string
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	known := words()
	var b strings.Builder
	switch shell {
	case "bash", "zsh":
		for _, name := range slices.Sorted(maps.Keys(known)) {
			fmt.Fprintf(&b, "    -%s) words=%q ;;\n", name, strings.Join(known[name], " "))
		}
		return fmt.Sprintf(bashCompletion, b.String(), "-"+strings.Join(names, " -")), nil
	case "fish":
		b.WriteString("# Completion for inventory. fish: inventory -completion fish | source\ncomplete -c inventory -f\n")
		b.WriteString("complete -c inventory -n __fish_is_first_arg -a doctor -d \"find out why a listing fails\"\n")
		for _, name := range names {
			fmt.Fprintf(&b, "complete -c inventory -o %s", name)
			if values := strings.Join(known[name], " "); isList(name) {
				fmt.Fprintf(&b, " -x -a \"(__fish_complete_list , 'printf %%s\\n %s')\"", values)
			} else if values != "" {
				fmt.Fprintf(&b, " -x -a %q", values)
			}
			b.WriteByte('\n')
		}
		return b.String(), nil
	default:
		return "", fmt.Errorf("-completion %q: must be bash, zsh or fish%s", shell, wording.DidYouMean("", shell, []string{"bash", "zsh", "fish"}))
	}
}
