// Command ansible-inventory is an inventory script for Ansible. It lists the ECS instances of an Alibaba Cloud
// account as hosts in groups. The README explains how to use the script. To run the script without an account:
//
//	go run ./examples/ansible-inventory -demo --list
//	go run ./examples/ansible-inventory -h
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/process"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

// name is the name under which users install this program. Ansible has its own command called ansible-inventory.
const name = "ecs-inventory"

// prefix is the prefix of the environment variables that set flags. Ansible calls a script only with --list or
// --host, so users set the other flags in the environment.
const prefix = "ECS_INVENTORY_"

const help = `ecs-inventory is an inventory script for Ansible. It lists the ECS instances of an Alibaba Cloud account in groups.

  ECS_INVENTORY_REGION=cn-hangzhou ansible-inventory -i ./ecs-inventory --graph
  ECS_INVENTORY_DEMO=true ansible -i ./ecs-inventory 'tag_env_prod:&status_Running' --list-hosts

  --list               print all hosts, groups and variables
  --host NAME          print the variables of one host

Where
` + selection.WhereHelp + `
` + selection.WhichHelp + `
How
  -host-name W         the source of host names: "name" (the default) for the instance name, "id" for the instance id,
                       or "tag:KEY" for the value of a tag. If a name is not unique or is also the name of a group, the
                       id is appended. Letters of any script, digits, "_" and "-" are kept; "-" replaces each run of
                       other characters. If a name is empty, an address or "localhost", the host is named by its id
  -prefer-public       connect to the public address of a host if there is one, and otherwise to its private address
  -strict              fail if a region cannot be listed. Without -strict, the script prints the hosts of the regions that
                       could be listed, and the variable ecs_failed_regions lists the failed regions

Ansible calls a script only with --list or --host. Set the other flags in the environment, for example
ECS_INVENTORY_PREFER_PUBLIC=true for -prefer-public, or ECS_INVENTORY_TAG='env=prod app=web' for several tags. A flag on
the command line overrides its variable, or adds to it if the flag is repeatable.

Each group is called region_, zone_, vpc_, type_, family_, status_, charge_, os_ or account_ followed by the value, or
tag_KEY_VALUE. An underscore replaces every character that is not a letter or digit: region_cn_hangzhou, tag_环境_生产.

` + selection.CredentialsHelp + `
Exit codes
` + failure.ExitCodes + `  6    the inventory is incomplete: part of an instance could not be read, or a region failed and -strict is set
  130  the script was interrupted
`

func main() {
	p := program{stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), connect: demo.Client}
	process.Main(p.run)
}

// program contains the inputs and outputs of the program, which tests replace.
type program struct {
	stdout, stderr io.Writer
	environ        []string // environment variables in the form "name=value"
	connect        selection.Connect
}

// lookup returns the value of an environment variable and reports whether the variable is set.
func (p *program) lookup(name string) (value string, ok bool) {
	for _, variable := range p.environ {
		if v, found := strings.CutPrefix(variable, name+"="); found {
			value, ok = v, true // the last definition of a variable takes effect
		}
	}
	return value, ok
}

func (p *program) getenv(name string) string {
	value, _ := p.lookup(name)
	return value
}

// config contains the values of the flags, which are set on the command line or in the environment.
type config struct {
	selection.Selection

	list, strict, help bool
	host               string
	nameBy             string // the value of -host-name
}

// define defines the flags that can also be set with environment variables.
func (c *config) define(fs *flag.FlagSet) {
	c.Define(fs, nil, time.Now())
	fs.BoolVar(&c.PreferPublic, "prefer-public", false, "")
	fs.BoolVar(&c.strict, "strict", false, "")
	c.nameBy = byName
	fs.Func("host-name", "", func(text string) error {
		if key, ok := strings.CutPrefix(text, "tag:"); text != byName && text != byID && (!ok || key == "") {
			return errors.New("must be name, id or tag:KEY")
		}
		c.nameBy = text
		return nil
	})
}

func (p *program) parse(args []string) (*config, error) {
	c := &config{}
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c.define(fs)
	wrong := p.setFromEnvironment(c, fs)
	fs.BoolVar(&c.list, "list", false, "")
	fs.StringVar(&c.host, "host", "", "")
	if err := wording.CheckValues(args, fs); err != nil {
		return nil, err
	}
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		c.help = true
		return c, nil
	case err != nil:
		return nil, wording.Usage(err, fs)
	case wrong != nil:
		return nil, wrong
	case fs.NArg() > 0:
		return nil, wording.Stray(fs.Arg(0))
	case c.list == (c.host != ""):
		return nil, errors.New("use either --list or --host NAME; to see the groups, run ansible-inventory -i THIS-PROGRAM --graph")
	}
	return c, c.Finish(p.getenv)
}

// setFromEnvironment sets flags from environment variables. An empty filter is an error, because an Ansible play
// would otherwise run on hosts that the filter was meant to exclude.
func (p *program) setFromEnvironment(c *config, fs *flag.FlagSet) (wrong error) {
	var known []string
	fs.VisitAll(func(f *flag.Flag) {
		variable := prefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		known = append(known, variable)
		value, ok := p.lookup(variable)
		if !ok || value == "" && !c.IsFilter(f.Name) {
			return
		}
		values := []string{value}
		if strings.HasPrefix(f.Name, "tag") && strings.TrimSpace(value) != "" {
			values = strings.Fields(value)
		}
		for _, value := range values {
			if err := fs.Set(f.Name, value); err != nil && wrong == nil {
				wrong = fmt.Errorf("%s=%q: %w", variable, value, wording.Value(f, err))
			}
		}
	})
	return cmp.Or(p.unknown(known), wrong)
}

// unknown returns an error if an environment variable has this program's prefix but does not correspond to a flag.
func (p *program) unknown(known []string) error {
	for _, variable := range slices.Sorted(slices.Values(p.environ)) {
		name, _, _ := strings.Cut(variable, "=")
		own, ok := strings.CutPrefix(name, prefix)
		if !ok || slices.Contains(known, name) {
			continue
		}
		var names []string
		for _, k := range known {
			names = append(names, strings.TrimPrefix(k, prefix))
		}
		return fmt.Errorf("there is no setting %s%s", name, wording.DidYouMean(prefix, own, names))
	}
	return nil
}

// run executes one command line and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	c, err := p.parse(args)
	if err != nil {
		p.say(err.Error() + " (-h for help)")
		return failure.ExitUsage
	}
	if c.help {
		fmt.Fprint(p.stdout, help)
		return failure.ExitOK
	}
	sources, done, err := c.Open(p.connect, nil)
	if err != nil {
		return c.Setup().Report(p.say, err)
	}
	defer done()
	if c.Demo {
		p.say(demo.Notice())
	}
	var fleet []ecs.Instance
	var failures []error
	for inst, err := range selection.Instances(ctx, sources) {
		switch {
		case ctx.Err() != nil:
			p.say("interrupted")
			return failure.ExitInterrupted
		case err != nil:
			failures = append(failures, err)
		default:
			fleet = append(fleet, inst)
		}
	}
	for _, warning := range c.UselessExclusions(ctx, sources) {
		p.say(warning)
	}
	failed, whole := failedRegions(failures)
	if len(failures) > 0 {
		code := c.Setup().Report(p.say, failures...)
		switch {
		case len(fleet) == 0 || whole:
			return code
		case c.strict:
			return failure.ExitIncomplete
		}
		p.say("the inventory contains the hosts of the regions that could be listed; with -strict, the script fails instead")
	}

	inv := build(fleet, &c.Selection, c.nameBy)
	inv.failed = failed
	if c.host == "" {
		return p.print(inv.list())
	}
	vars, ok := inv.hosts[c.host]
	if !ok {
		p.say(fmt.Sprintf("there is no host %q in the inventory of %d hosts%s", c.host, len(inv.hosts), namesakes(inv, c.host)))
		return failure.ExitFailed
	}
	return p.print(vars)
}

// failedRegions returns the sorted names of the regions that failed, such as "cn-beijing" or "account/cn-beijing". If a
// failure is not limited to one region, or if instances could not be read, no inventory can be printed. In this case,
// the result whole is true and there are no names.
func failedRegions(failures []error) (names []string, whole bool) {
	for _, err := range failures {
		var regional *ecs.RegionError
		var account *failure.AccountError
		if !errors.As(err, &regional) || failure.KindOf(err) == failure.Incomplete {
			return nil, true
		}
		name := regional.Region
		if errors.As(err, &account) {
			name = account.Account + "/" + name
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, false
}

// namesakes returns a suggestion for the message about an unknown host. Hosts that share an instance name have names
// such as "web.i-1" and "web.i-2". If the user asks for "web", the suggestion lists these hosts.
func namesakes(inv *inventory, name string) string {
	var names []string
	for host := range inv.hosts {
		if strings.HasPrefix(host, name+".") {
			names = append(names, host)
		}
	}
	const most = 10
	slices.Sort(names)
	switch n := len(names); {
	case n == 0:
		return ""
	case n > most:
		names = append(names[:most], fmt.Sprintf("and %d more", n-most))
	}
	return "; similar hosts: " + strings.Join(names, ", ")
}

// print writes v as indented JSON to stdout and returns the exit code.
func (p *program) print(v any) int {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		p.say(err.Error())
		return failure.ExitFailed
	}
	if _, err := p.stdout.Write(terminal.EscapeJSON(out.Bytes())); err != nil {
		p.say("cannot write the inventory: " + err.Error())
		return failure.ExitFailed
	}
	return failure.ExitOK
}

// say writes a line to stderr. Ansible displays each line on stderr as an error, so the program writes only problems
// and the demo notice to stderr.
func (p *program) say(line string) { process.Say(p.stderr, name)(line) }
