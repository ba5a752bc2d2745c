// Command ansible-inventory is an inventory script for Ansible: the ECS instances of an Alibaba Cloud account, in groups.
// Its README shows the use. Try it without an account:
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

// name is what users call the program: ansible-inventory is a command of Ansible itself.
const name = "ecs-inventory"

// Ansible calls a script with --list only, so every flag is also an environment variable.
const prefix = "ECS_INVENTORY_"

const help = `ecs-inventory is an inventory script for Ansible: the ECS instances of an Alibaba Cloud account, in groups.

  ECS_INVENTORY_REGION=cn-hangzhou ansible-inventory -i ./ecs-inventory --graph
  ECS_INVENTORY_DEMO=true ansible -i ./ecs-inventory 'tag_env_prod:&status_Running' --list-hosts

  --list               all hosts, groups and variables
  --host NAME          the variables of one host

Where
` + selection.WhereHelp + `
` + selection.WhichHelp + `
How
  -host-name W         name hosts by their instance's "name" (the default), by its "id", or by the value of a tag,
                       "tag:KEY"; where several have the same name, or it is a group's, the id is appended. Letters of
                       any script, digits, "_" and "-" stay, runs of other characters become "-"; what is an address,
                       "localhost" or empty goes by the id
  -prefer-public       reach a host at its public address where it has one, else at its private one
  -strict              fail when a region cannot be listed; else the others are printed, and the variable
                       ecs_failed_regions of all hosts names it

Ansible calls a script with no flags but --list: set them in the environment, ECS_INVENTORY_PREFER_PUBLIC=true for
-prefer-public, ECS_INVENTORY_TAG='env=prod app=web' for several tags. Flags add to these or override them.

Groups are region_, zone_, vpc_, type_, family_, status_, charge_, os_ and account_ followed by the value, and
tag_KEY_VALUE. What is no letter, digit or underscore becomes one: region_cn_hangzhou, tag_环境_生产.

` + selection.CredentialsHelp + `
Exit codes
` + failure.ExitCodes + `  6    incomplete: part of an instance could not be read, or with -strict a region
  130  interrupted
`

func main() {
	p := program{stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), connect: demo.Client}
	process.Main(p.run)
}

// program is the program with its inputs and outputs.
type program struct {
	stdout, stderr io.Writer
	environ        []string // "name=value"
	connect        selection.Connect
}

// lookup returns a variable of the environment.
func (p *program) lookup(name string) (value string, ok bool) {
	for _, variable := range p.environ {
		if v, found := strings.CutPrefix(variable, name+"="); found {
			value, ok = v, true // the last one counts
		}
	}
	return value, ok
}

func (p *program) getenv(name string) string {
	value, _ := p.lookup(name)
	return value
}

// config is the parsed command line and environment.
type config struct {
	selection.Selection

	list, strict, help bool
	host               string
	nameBy             string // the source of host names, as in -host-name
}

// define defines the flags that are also environment variables.
func (c *config) define(fs *flag.FlagSet) {
	c.Define(fs, nil, time.Now())
	fs.BoolVar(&c.PreferPublic, "prefer-public", false, "")
	fs.BoolVar(&c.strict, "strict", false, "")
	c.nameBy = byName
	fs.Func("host-name", "", func(text string) error {
		if key, ok := strings.CutPrefix(text, "tag:"); text != byName && text != byID && (!ok || key == "") {
			return errors.New("want name, id or tag:KEY")
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
		return nil, errors.New("use either --list or --host NAME; to look at the groups, ask Ansible: ansible-inventory -i THIS-PROGRAM --graph")
	}
	return c, c.Finish(p.getenv)
}

// setFromEnvironment sets the flags whose variables are set. An empty filter is an error: otherwise a play would
// reach hosts that it should not.
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

// unknown finds a variable with this program's prefix that is not one of its flags. One that is empty may be a filter, misspelt
// and not set.
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
		return fmt.Errorf("no setting is called %s%s", name, wording.DidYouMean(prefix, own, names))
	}
	return nil
}

// run executes one command line and returns its exit code.
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
		p.say("the hosts of the other regions are in the inventory; -strict would fail instead")
	}

	inv := build(fleet, &c.Selection, c.nameBy)
	inv.failed = failed
	if c.host == "" {
		return p.print(inv.list())
	}
	vars, ok := inv.hosts[c.host]
	if !ok {
		p.say(fmt.Sprintf("there is no host %q among %d%s", c.host, len(inv.hosts), namesakes(inv, c.host)))
		return failure.ExitFailed
	}
	return p.print(vars)
}

// failedRegions returns the regions that failed, with their accounts if there are several. whole is true if a
// failure concerns more than a single region, or if instances could not be read: then there is no inventory.
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

// namesakes lists the hosts that would have the same name.
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
	return ", but " + strings.Join(names, ", ")
}

// print writes indented JSON.
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

// say writes a line to stderr. Ansible prints stderr in red even if the inventory is complete, so say writes
// nothing in that case.
func (p *program) say(line string) { process.Say(p.stderr, name)(line) }
