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
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

// Ansible calls a script with --list and nothing else; so every flag is also a variable of the environment.
const prefix = "ECS_INVENTORY_"

const help = `ansible-inventory is an inventory script for Ansible: the ECS instances of an Alibaba Cloud account, in groups.

  go build -o ecs-inventory ./examples/ansible-inventory
  ECS_INVENTORY_REGION=cn-hangzhou ansible-inventory -i ./ecs-inventory --graph
  ECS_INVENTORY_DEMO=true ansible -i ./ecs-inventory 'tag_env_prod:&status_Running' --list-hosts

  --list               all hosts, groups and variables
  --host NAME          the variables of one host

` + selection.Help + `  -host-name W         name hosts by their instance's "name" (the default; where several have the same one, or it is
                       a group's, the id is appended) or by its "id"

Ansible gives a script no flags but --list: set them in the environment, ECS_INVENTORY_PREFER_PUBLIC=true for
-prefer-public, ECS_INVENTORY_TAG='env=prod app=web' for several tags. Flags add to these or override them.

Groups are region_, zone_, vpc_, type_, family_, status_, charge_ and os_ with the value behind, and tag_KEY_VALUE. What is
no letter, digit or underscore becomes an underscore: region_cn_hangzhou, type_ecs_g7_large, tag_环境_生产.

Credentials are the first there are: environment (ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET,
ALIBABA_CLOUD_SECURITY_TOKEN), OIDC role, CLI profile (~/.aliyun/config.json), profile file, instance RAM role,
credentials URI.

` + selection.ExitCodes + `
A list that lacks a region or an instance is not printed: a play would leave hosts out without a word.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	p := program{stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, environ: os.Environ(), connect: demo.Client}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// program is run with what it uses of the world.
type program struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	environ        []string // all of it, "name=value"
	connect        func(demo bool, region string, opts *ecs.Options) (client *ecs.Client, done func(), err error)
}

// config is the command line and the environment, understood.
type config struct {
	selection.Selection
	list, byID, help bool
	host             string
}

func parse(args []string, getenv func(string) string, environ []string) (*config, error) {
	c := &config{}
	fs := flag.NewFlagSet("ansible-inventory", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c.Define(fs)
	fs.Func("host-name", "", func(text string) error {
		if text != "name" && text != "id" {
			return errors.New("want name or id")
		}
		c.byID = text == "id"
		return nil
	})
	var wrong error
	var known []string
	fs.VisitAll(func(f *flag.Flag) {
		variable := prefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		known = append(known, variable)
		values := []string{getenv(variable)}
		if f.Name == "tag" {
			values = strings.Fields(values[0])
		}
		for _, value := range values {
			if value == "" {
				continue
			}
			if err := fs.Set(f.Name, value); err != nil && wrong == nil {
				wrong = fmt.Errorf("%s=%q: %w", variable, value, wording.Value(f, err))
			}
		}
	})
	wrong = cmp.Or(unknown(environ, known), wrong)
	fs.BoolVar(&c.list, "list", false, "")
	fs.StringVar(&c.host, "host", "", "")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		c.help = true
		return c, nil
	case err != nil:
		return nil, wording.Usage(err, fs)
	case wrong != nil:
		return nil, wrong
	case fs.NArg() > 0:
		return nil, fmt.Errorf("%q is not understood: everything is said with flags", fs.Arg(0))
	case c.list == (c.host != ""):
		return nil, errors.New("say either --list or --host NAME; for a look at the groups, ask Ansible: ansible-inventory -i THIS-PROGRAM --graph")
	}
	return c, c.Finish(getenv)
}

// unknown finds a variable that is meant for this program and that it does not know. Without its filter a play would
// reach hosts that it should not.
func unknown(environ, known []string) error {
	for _, variable := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(variable, "=")
		own, ok := strings.CutPrefix(name, prefix)
		if !ok || value == "" || slices.Contains(known, name) {
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

// run carries out one command line and gives its exit code.
func (p *program) run(ctx context.Context, args []string) int {
	c, err := parse(args, p.getenv, p.environ)
	if err != nil {
		p.say(err.Error() + " (-h for help)")
		return selection.ExitUsage
	}
	if c.help {
		fmt.Fprint(p.stdout, help)
		return selection.ExitOK
	}
	client, done, err := p.connect(c.Demo, c.Home, &c.Options)
	if err != nil {
		return selection.Report(p.say, err)
	}
	defer done()
	var fleet []ecs.Instance
	var failures []error
	for inst, err := range selection.Instances(ctx, client, c.Regions, c.Request) {
		switch {
		case ctx.Err() != nil:
			p.say("interrupted")
			return selection.ExitInterrupted
		case err != nil:
			failures = append(failures, err) // and go on: other regions may fail for other reasons
		default:
			fleet = append(fleet, inst)
		}
	}
	if len(failures) > 0 {
		return selection.Report(p.say, failures...)
	}

	inv := build(fleet, &c.Selection, c.byID)
	var answer any = inv.list()
	if c.host != "" {
		vars, ok := inv.hosts[c.host]
		if !ok {
			p.say(fmt.Sprintf("there is no host %q among %d%s", c.host, len(inv.hosts), namesakes(inv, c.host)))
			return selection.ExitFailed
		}
		answer = vars
	}
	return p.print(answer)
}

// namesakes names the hosts that would have the name, if it were unique.
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

// print writes JSON that can be read.
func (p *program) print(v any) int {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return selection.Report(p.say, err)
	}
	if _, err := out.WriteTo(p.stdout); err != nil {
		return selection.Report(p.say, fmt.Errorf("cannot write: %w", err))
	}
	return selection.ExitOK
}

// say writes a line for the person at the terminal. Ansible shows it in red even when all went well, so then there is
// none.
func (p *program) say(line string) { fmt.Fprintln(p.stderr, "ecs-inventory: "+line) }
