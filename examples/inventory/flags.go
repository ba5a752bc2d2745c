package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
	"github.com/aliyun-ecs/sdk-go/signer"
)

const help = `inventory lists the ECS instances of an Alibaba Cloud account.

  inventory -demo                                 list generated instances, without an account
  inventory -region cn-hangzhou                   list a region, with the default credentials
  inventory -region all -status Running           list the running instances of all regions
  inventory -region cn-hangzhou -tag env=prod -tag team -columns id,name,private-ip,tag:team
  inventory -region all -expires-after 0d -expires-before 30d -charge-type PrePaid -sort expires
  inventory -region cn-hangzhou -name web-1 -o record
  inventory -region cn-beijing -o ids | xargs ...
  inventory -region all -o summary -expiring 14   counts and sizes, and subscriptions that end within 14 days
  inventory -region cn-hangzhou -watch 30s        report added, changed and removed instances, until Ctrl-C
  inventory -region all -o html > fleet.html      one HTML file, to search in a browser or to share
  inventory doctor -region cn-hangzhou            find out why a listing fails, and what to do about it
  inventory -region cn-hangzhou -o ssh-config -user ops > ~/.ssh/ecs   README.md explains how to include the file

Where
` + selection.WhereHelp + `  -workers N           list each region with up to N concurrent requests (1 to 64). This makes the listing of a region
                       with a few hundred instances or more faster. Regions are always listed concurrently
  -timeout D           stop after D (30s, 5m) and print the instances listed so far (default: no timeout)
  -v3                  sign with ACS3-HMAC-SHA256 instead of HMAC-SHA1
  -v                   log every request to stderr

` + selection.WhichHelp + `  -id -                read the ids from stdin; -private-ip, -public-ip, -eip and -ipv6 also accept -
  -limit N             stop after N instances; with -sort, print the first N instances in the sorted list

How
  -o FORMAT            %s
  -columns C[,C...]    for table, record, html and csv: the columns to show; "+C" adds C to the default columns, "all"
                       shows all columns, "help" lists the names
  -sort C[,C...]       sort by these columns ("-C" for descending order), and then by id. All instances are kept in
                       memory until the listing ends
  -expiring N          for summary and html: count the subscriptions that end within N days (default 30)
  -spreadsheet         for csv: put an apostrophe before values that a spreadsheet would evaluate as formulas
  -public              for ssh-config: connect to public addresses instead of private ones
  -user NAME  -proxy-jump HOST  -identity-file FILE
                       for ssh-config: the User, ProxyJump and IdentityFile settings of every host
  -host-name TEMPLATE  for ssh-config: a host name with {name}, {id}, {region}, {account} or {tag:KEY} (default {name})
  -watch D             list every D (30s; at least 5s), and print added (+), changed (~) and removed (-) instances, as
                       lines with -o table or as events with -o ndjson. An instance is removed if a complete listing of
                       the region no longer contains the instance, because the instance was released or no longer
                       matches the filters. If a region fails, none of its instances is reported as removed
  -doctor              same as the command doctor: check the credentials, network, clock, key and permissions, step by
                       step, to find out whether a listing would succeed. No instances are listed. The exit code is the
                       exit code that a listing would have. The only other output format is -o json
  -dry-run             print whether a listing of each region would be permitted, without listing instances
  -completion SHELL    print the completion script for bash, zsh or fish

A table is shortened to the width of the terminal, but it is complete in a pipe or a file. The formats json, ndjson, csv
and ids print each instance as soon as it is listed. With several regions or workers, the order is therefore random
unless -sort is set. NO_COLOR=1 switches colors off.

` + selection.CredentialsHelp + `
Exit codes: every code except 0 means that the list is incomplete
` + failure.ExitCodes + `  6    the list is incomplete: a region failed, the permission for a region could not be verified, part of an instance
       could not be read, or -timeout has passed; all instances that could be listed were printed
  7    some ids of -id do not exist in the listed regions (checked only without other filters and -limit); the instances
       that were found were printed
  130  the command was interrupted; the instances listed before the interruption were printed
"go run" replaces every exit code except 0 with 1. To see the exit code, build the program with "go build".
`

// config contains the values of the flags.
type config struct {
	selection.Selection

	help    string // the help text to print; if help is empty, the program lists instances
	doctor  bool   // check whether a listing would succeed
	dryRun  bool   // print only whether the caller is permitted to list each region
	verbose bool
	timeout time.Duration
	watch   time.Duration // the interval of -watch; 0 means that instances are listed once

	format format
	look   look
	sort   func(a, b ecs.Instance) int
	limit  int

	raw struct { // unparsed values of flags that depend on other flags
		output, columns, sort, completion string
		v3                                bool
	}
}

// oneRegion reports whether a single region of a single account is selected.
func (c *config) oneRegion() bool {
	return len(c.Sources) == 1 && len(c.Sources[0].Regions) == 1
}

// onlyFor maps each flag that requires certain output formats to those formats.
var onlyFor = map[string][]string{
	"columns":       {"table", "record", "html", "csv"},
	"expiring":      {"summary", "html"},
	"spreadsheet":   {"csv"},
	"public":        {"ssh-config"},
	"user":          {"ssh-config"},
	"proxy-jump":    {"ssh-config"},
	"identity-file": {"ssh-config"},
	"host-name":     {"ssh-config"},
}

// define defines the flags.
func (c *config) define(fs *flag.FlagSet, stdin io.Reader, now time.Time) {
	c.Define(fs, stdin, now)
	fs.IntVar(&c.Workers, "workers", 0, "")
	fs.DurationVar(&c.timeout, "timeout", 0, "")
	fs.DurationVar(&c.watch, "watch", 0, "")
	fs.BoolVar(&c.raw.v3, "v3", false, "")
	fs.BoolVar(&c.verbose, "v", false, "")
	fs.IntVar(&c.limit, "limit", 0, "")

	fs.StringVar(&c.raw.output, "o", "table", "")
	fs.StringVar(&c.raw.columns, "columns", "", "")
	fs.StringVar(&c.raw.sort, "sort", "", "")
	fs.Func("expiring", "", func(s string) error {
		days, err := strconv.ParseUint(strings.TrimSuffix(s, "d"), 10, 16)
		if err != nil {
			return errors.New("must be a number of days")
		}
		c.look.expiring = int(days)
		return nil
	})
	fs.BoolVar(&c.look.spreadsheet, "spreadsheet", false, "")
	ssh := &c.look.ssh
	fs.BoolVar(&ssh.public, "public", false, "")
	fs.Func("user", "", matching(&ssh.user, loginName, "a login name"))
	fs.Func("proxy-jump", "", matching(&ssh.proxyJump, jumpHosts, "[USER@]HOST[:PORT]; separate several hosts with commas"))
	fs.Func("identity-file", "", matching(&ssh.identityFile, identityFile, "a file path without quotes and backslashes"))
	fs.Func("host-name", "", ssh.setTemplate)
	fs.BoolVar(&c.doctor, "doctor", false, "")
	fs.BoolVar(&c.dryRun, "dry-run", false, "")
	fs.StringVar(&c.raw.completion, "completion", "", "")
}

// parse parses the command line.
func parse(args []string, stdin io.Reader, getenv func(string) string, now time.Time) (*config, error) {
	if slices.ContainsFunc(args, isDemo) { // the value of now must be known before relative times are parsed
		now = demo.Now() // the demo fleet has a fixed time
	}
	c := &config{look: look{now: now, expiring: 30, command: shellLine("inventory", args)}}
	fs := flag.NewFlagSet("inventory", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c.define(fs, stdin, now)
	switch {
	case len(args) > 0 && args[0] == "doctor":
		c.doctor, args = true, args[1:]
	case len(args) > 0 && args[0] == "help":
		args = []string{"-h"}
	}
	if err := wording.CheckValues(args, fs, "sort"); err != nil {
		return nil, err
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			c.help = fmt.Sprintf(help, formatHelp())
			return c, nil
		}
		return nil, flagError(err, fs)
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var err error
	switch {
	case fs.Arg(0) == "doctor":
		return nil, errors.New("doctor must come before all flags")
	case fs.NArg() > 0:
		if suggestion := wording.DidYouMean("", fs.Arg(0), []string{"doctor"}); suggestion != "" {
			return nil, fmt.Errorf("there is no command %q%s", fs.Arg(0), suggestion)
		}
		return nil, wording.Stray(fs.Arg(0))
	case c.raw.columns == "help":
		c.help = columnHelp()
		return c, nil
	case given["completion"]:
		c.help, err = completion(c.raw.completion, fs)
		return c, err
	case c.limit < 0, given["limit"] && c.limit == 0:
		return nil, fmt.Errorf("-limit %d: must be 1 or more", c.limit)
	case given["workers"] && (c.Workers < 1 || c.Workers > 64):
		return nil, fmt.Errorf("-workers %d: must be 1 to 64", c.Workers)
	case c.timeout < 0:
		return nil, fmt.Errorf("-timeout %s: must not be negative", c.timeout)
	}
	if c.raw.v3 {
		c.Options.Signer = signer.V3{}
	}
	if err = c.Finish(getenv); err != nil {
		return nil, err
	}
	if c.format, err = findFormat(c.raw.output); err != nil {
		return nil, err
	}
	if err = cmp.Or(c.checkUse(given), c.checkWatch(given)); err != nil {
		return nil, err
	}
	c.look.demo = c.Demo
	return c, c.arrange()
}

// checkUse returns an error if a flag has no effect in combination with the other flags.
func (c *config) checkUse(given map[string]bool) error {
	if c.doctor && given["o"] && c.format.name != "json" {
		return fmt.Errorf("-o %s has no effect with doctor: leave out -o, or use -o json", c.format.name)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		formats, some := onlyFor[name]
		switch {
		case c.doctor && (some || name == "sort" || name == "limit" || name == "workers" || name == "dry-run"):
			return fmt.Errorf("-%s has no effect with doctor, which lists no instances", name)
		case c.dryRun && (some || name == "o" || name == "sort" || name == "limit"):
			return fmt.Errorf("-%s has no effect with -dry-run, which lists no instances", name)
		case some && !slices.Contains(formats, c.format.name):
			list := strings.Join(formats[:len(formats)-1], ", -o ")
			if list != "" {
				list += " and -o "
			}
			return fmt.Errorf("-%s has no effect with -o %s: use it with -o %s", name, c.format.name, list+formats[len(formats)-1])
		}
	}
	return nil
}

// arrange determines the columns and the sort order.
func (c *config) arrange() (err error) {
	accounts := c.Sources[0].Account != ""
	if c.look.columns, err = parseColumns(c.raw.columns, defaults(c.format.name, accounts)); err != nil {
		return fmt.Errorf("-columns: %w", err)
	}
	c.look.fit = c.raw.columns == ""
	if c.raw.sort != "" {
		// Sort instances with equal values by id. Otherwise, their order would be random.
		if c.sort, err = parseSort(c.raw.sort + ",id"); err != nil {
			return fmt.Errorf("-sort: %w", err)
		}
	}
	// Concurrent requests return instances in random order. If the order is not specified, sort the instances in demo
	// mode and before a complete list is printed.
	if c.sort == nil && (!c.oneRegion() || c.Workers > 0) && (c.Demo || c.format.whole && c.limit == 0) {
		order := "region"
		if c.Workers > 0 {
			order = "region,-created,id"
		}
		if len(c.Sources) > 1 {
			order = "account," + order
		}
		if c.sort, err = parseSort(order); err != nil {
			return err
		}
	}
	if c.sort == nil && c.limit > 0 && !c.IsFiltered() {
		c.Request.MaxResults = min(c.limit, 100) // do not request more instances than will be printed
	}
	return nil
}

// isDemo reports whether an argument sets the flag -demo, in any form that the flag package accepts.
func isDemo(arg string) bool {
	name, value, given := strings.Cut(arg, "=")
	on, err := strconv.ParseBool(value)
	return (name == "-demo" || name == "--demo") && (!given || on && err == nil)
}

// shellLine returns a command line that the user can paste into a shell.
func shellLine(name string, args []string) string {
	words := []string{name}
	for _, arg := range args {
		words = append(words, shellWord(arg))
	}
	return strings.Join(words, " ")
}

// shellWord quotes an argument if a shell would otherwise change it.
func shellWord(arg string) string {
	if arg == "" || strings.ContainsFunc(arg, isSpecial) {
		return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	return arg
}

// isSpecial reports whether r must be quoted in a shell. Letters, digits and some punctuation marks need no quotes.
func isSpecial(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune("-_.,:/=+@%", r)
}

// flagError converts an error from the flag package to a message for users. The message suggests a similar flag, if
// there is one.
func flagError(err error, fs *flag.FlagSet) error {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	_, noFormat := findFormat(name)
	switch {
	case unknown && noFormat == nil:
		return fmt.Errorf("there is no flag -%s: use -o %s", name, name)
	case unknown && (name == "format" || name == "output"):
		return fmt.Errorf("there is no flag -%s: use -o", name)
	}
	return wording.Usage(err, fs)
}

func columnHelp() string {
	var b strings.Builder
	b.WriteString("The columns; * marks the default columns.\n\n")
	marked := strings.Split(defaultColumns, ",")
	for _, c := range columns() {
		mark := " "
		if slices.Contains(marked, c.name) {
			mark = "*"
		}
		fmt.Fprintf(&b, "%s %-16s %s\n", mark, c.name, c.help)
	}
	fmt.Fprintf(&b, "  %-16s %s\n", "tag:KEY", "the value of one tag")
	return b.String()
}
