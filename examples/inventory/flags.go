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

  inventory -demo                                 a made-up fleet, no account needed
  inventory -region cn-hangzhou                   a region, with the default credentials
  inventory -region all -status Running           all regions, running instances only
  inventory -region cn-hangzhou -tag env=prod -tag team -columns id,name,private-ip,tag:team
  inventory -region all -expires-after 0d -expires-before 30d -charge-type PrePaid -sort expires
  inventory -region cn-hangzhou -name web-1 -o record
  inventory -region cn-beijing -o ids | xargs ...
  inventory -region all -o summary -expiring 14   counts and sizes, and what expires within 14 days
  inventory -region cn-hangzhou -watch 30s        report instances added, changed and removed, until Ctrl-C
  inventory -region all -o html > fleet.html      a single page for the browser, to search or share
  inventory doctor -region cn-hangzhou            find out why a listing fails, and what to do about it
  inventory -region cn-hangzhou -o ssh-config -user ops > ~/.ssh/ecs   see README.md for how to include it

Where
` + selection.WhereHelp + `  -workers N           list each region of a few hundred instances and more by N requests at a time (1 to 64); several
                       regions are listed at once anyway
  -timeout D           stop after D (30s, 5m) and print what was listed; default never
  -v3                  sign with ACS3-HMAC-SHA256 instead of HMAC-SHA1
  -v                   log every request to stderr

` + selection.WhichHelp + `  -id -                reads the ids from stdin, and -private-ip - and so on the addresses
  -limit N             stop after N instances; with -sort, show the first N in order

How
  -o FORMAT            %s
  -columns C[,C...]    for table, record, html and csv; "+C" adds to the default ones; "all"; "help" lists them
  -sort C[,C...]       by columns, "-C" descending, and where these are the same by id; keeps everything in memory until
                       the end
  -expiring N          for summary and html: count the subscriptions that end within N days; default 30
  -spreadsheet         for csv: values that a spreadsheet would calculate get an apostrophe before them
  -public              for ssh-config: connect to public addresses instead of private ones
  -user NAME  -proxy-jump HOST  -identity-file FILE
                       for ssh-config: User, ProxyJump and IdentityFile of every host
  -host-name TEMPLATE  for ssh-config: names made of {name}, {id}, {region}, {account} and {tag:KEY}; default "{name}"
  -watch D             list every D (30s; at least 5s), and print instances added (+), changed (~) and removed (-):
                       lines with -o table, events with -o ndjson. A region that fails removes nothing: "-" means that
                       a complete listing did not have the instance, so it was released or no longer matches a filter
  -doctor              the same as doctor: list nothing, check step by step whether a listing would work (credentials,
                       network, clock, key, permissions); exits with 0 if so, else with the code that the listing
                       would have; of the formats, it accepts only -o json
  -dry-run             the short form of it: print for each region whether listing would be permitted
  -completion SHELL    print the completion script for bash, zsh or fish

A table is fitted to the terminal; piped, it is complete. json, ndjson, csv and ids are written as instances come: in
any order when there are several regions or workers (-sort puts them in order). NO_COLOR=1 leaves out colors.

` + selection.CredentialsHelp + `
Exit codes: every code but 0 means that the list is not complete
` + failure.ExitCodes + `  6    incomplete: a region failed or could not be checked for permission, part of an instance was unreadable, or
       -timeout has passed; the rest was printed
  7    ids not found: -id, without other filters or -limit, names some that no listed region has; the rest was printed
  130  interrupted; what was listed so far was printed
"go run" turns all of these but 0 into 1: go build it first.
`

// config is the parsed command line.
type config struct {
	selection.Selection

	help    string // to be printed instead of listing
	doctor  bool   // check what stands in the way of a listing, step by step
	dryRun  bool   // the same, and print no more than whether each region may be listed
	verbose bool
	timeout time.Duration
	watch   time.Duration // 0 lists once

	format format
	look   look
	sort   func(a, b ecs.Instance) int
	limit  int

	raw struct { // flags that are processed after all are parsed
		output, columns, sort, completion string
		v3                                bool
	}
}

// oneRegion reports whether a single region of a single account is listed.
func (c *config) oneRegion() bool {
	return len(c.Sources) == 1 && len(c.Sources[0].Regions) == 1
}

// onlyFor lists the flags that apply to some formats only. With other formats they are an error.
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
			return errors.New("want a number of days")
		}
		c.look.expiring = int(days)
		return nil
	})
	fs.BoolVar(&c.look.spreadsheet, "spreadsheet", false, "")
	ssh := &c.look.ssh
	fs.BoolVar(&ssh.public, "public", false, "")
	fs.Func("user", "", matching(&ssh.user, loginName, "a login name"))
	fs.Func("proxy-jump", "", matching(&ssh.proxyJump, jumpHosts, "[USER@]HOST[:PORT], several separated by commas"))
	fs.Func("identity-file", "", matching(&ssh.identityFile, identityFile, "the path of a file, without quotes and backslashes"))
	fs.Func("host-name", "", ssh.setTemplate)
	fs.BoolVar(&c.doctor, "doctor", false, "")
	fs.BoolVar(&c.dryRun, "dry-run", false, "")
	fs.StringVar(&c.raw.completion, "completion", "", "")
}

// parse parses the command line. Its errors say what is wrong with it.
func parse(args []string, stdin io.Reader, getenv func(string) string, now time.Time) (*config, error) {
	if slices.ContainsFunc(args, isDemo) { // the meaning of the other flags depends on it
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
		return nil, fmt.Errorf("-limit %d: want 1 or more", c.limit)
	case given["workers"] && (c.Workers < 1 || c.Workers > 64):
		return nil, fmt.Errorf("-workers %d: want 1 to 64", c.Workers)
	case c.timeout < 0:
		return nil, fmt.Errorf("-timeout %s is negative", c.timeout)
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

// checkUse refuses flags that would have no effect.
func (c *config) checkUse(given map[string]bool) error {
	if c.doctor && given["o"] && c.format.name != "json" {
		return fmt.Errorf("-o %s does nothing for doctor: leave it out, or use -o json", c.format.name)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		formats, some := onlyFor[name]
		switch {
		case c.doctor && (some || name == "sort" || name == "limit" || name == "workers" || name == "dry-run"):
			return fmt.Errorf("-%s does nothing for doctor, which lists nothing", name)
		case c.dryRun && (some || name == "o" || name == "sort" || name == "limit"):
			return fmt.Errorf("-%s does nothing for -dry-run, which lists nothing", name)
		case some && !slices.Contains(formats, c.format.name):
			list := strings.Join(formats[:len(formats)-1], ", -o ")
			if list != "" {
				list += " and -o "
			}
			return fmt.Errorf("-%s does nothing for -o %s: it is for -o %s", name, c.format.name, list+formats[len(formats)-1])
		}
	}
	return nil
}

// arrange chooses the columns and the order.
func (c *config) arrange() (err error) {
	accounts := c.Sources[0].Account != ""
	if c.look.columns, err = parseColumns(c.raw.columns, defaults(c.format.name, accounts)); err != nil {
		return fmt.Errorf("-columns: %w", err)
	}
	c.look.fit = c.raw.columns == ""
	if c.raw.sort != "" {
		// regions arrive in any order, so ties would be broken at random
		if c.sort, err = parseSort(c.raw.sort + ",id"); err != nil {
			return fmt.Errorf("-sort: %w", err)
		}
	}
	// Regions are listed concurrently and arrive in any order, as do the results of several workers. A format that
	// waits for all instances sorts them, and so does the demo.
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
		c.Request.MaxResults = min(c.limit, 100) // full pages are not needed
	}
	return nil
}

// isDemo recognizes -demo in every form that package flag accepts.
func isDemo(arg string) bool {
	name, value, given := strings.Cut(arg, "=")
	on, err := strconv.ParseBool(value)
	return (name == "-demo" || name == "--demo") && (!given || on && err == nil)
}

// shellLine returns a command line that can be pasted into a shell.
func shellLine(name string, args []string) string {
	words := []string{name}
	for _, arg := range args {
		words = append(words, shellWord(arg))
	}
	return strings.Join(words, " ")
}

// shellWord quotes a word unless a shell would leave it unchanged.
func shellWord(arg string) string {
	if arg == "" || strings.ContainsFunc(arg, isSpecial) {
		return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	return arg
}

// isSpecial reports whether r may have a special meaning in a shell. Letters of any script, digits and a few signs
// have none.
func isSpecial(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune("-_.,:/=+@%", r)
}

// flagError describes an error of package flag, with a suggestion if there is one.
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
	b.WriteString("The columns; * are the default ones.\n\n")
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
