package main

import (
	"bufio"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
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
  inventory -region cn-beijing -o ids | xargs ...
  inventory -region all -o summary -expiring 14   how many of what, and what expires within 14 days
  inventory -region all -o html > fleet.html      a page to look around in, and to pass on
  inventory -region cn-hangzhou -o ssh-config -user ops > ~/.ssh/ecs  then "Include ecs" atop ~/.ssh/config

Where
  -region R[,R...]     regions, or "all"; default $ALIBABA_CLOUD_REGION_ID, with -demo all. With "all", a region that a
                       policy hides looks empty; when another region has instances, nothing notices: name the regions,
                       or see -dry-run
  -demo                a made-up fleet in an in-memory ECS
  -network vpc         use the endpoints that are reachable inside a VPC without public access
  -endpoint HOST       another endpoint, for all regions
  -workers N           list a region of a thousand instances and more by N chains of requests at once (1 to 64);
                       several regions are listed at once anyway, by one chain each
  -timeout D           give up after D (30s, 5m); default never
  -v3                  sign with ACS3-HMAC-SHA256 instead of HMAC-SHA1
  -v                   log every request to stderr

Which: instances must match all filters
  -id ID[,ID...]       instance ids, any number; repeatable; "-" reads them from stdin; without other filters, ids that
                       no listed region knows are named
  -name NAME           instance name, * is a wildcard: -name 'web-*'
  -status S            Pending, Running, Starting, Stopping or Stopped
  -type T  -family F   instance type (ecs.g7.large), instance type family (ecs.g7)
  -zone Z  -vpc ID  -vswitch ID  -security-group ID  -resource-group ID  -image ID  -key-pair NAME
  -tag KEY[=VALUE]     repeatable; KEY alone is any value
  -charge-type C       PrePaid (subscription) or PostPaid (pay as you go)
  -private-ip IP[,IP]  private address in a VPC; also -public-ip (fixed public) and -eip (elastic); repeatable
  -created-after T  -created-before T  -expires-after T  -expires-before T
                       T is a date (2025-01-31, UTC), a time (2025-01-31T08:00Z) or a distance from now (30d, 12h,
                       now): back for created, ahead for expires; without -expires-after 0d, what has ended already
                       comes too
  -limit N             stop after N instances; with -sort, show the first N in order

How
  -o FORMAT            ` + "%s" + `
  -columns C[,C...]    for table, csv and html; "+C" adds to the default ones; "all"; "help" lists them
  -sort C[,C...]       by columns, "-C" descending, and where these are the same by id; keeps everything in memory until
                       the end
  -expiring N          for summary and html: count the subscriptions that end within N days; default 30
  -public              for ssh-config: connect to public addresses instead of private ones
  -user NAME           for ssh-config: log in as NAME
  -dry-run             list nothing, check whether listing would be permitted

A table is fitted to the terminal; piped, it is complete. json, ndjson, csv and ids are written as instances come: in
any order when there are several regions or workers (-sort puts them in order). NO_COLOR=1 leaves out colors.

Credentials are the first there are: environment (ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET,
ALIBABA_CLOUD_SECURITY_TOKEN), OIDC role, CLI profile (~/.aliyun/config.json), profile file, instance RAM role,
credentials URI.

Exit codes: every code but 0 means that the list is not complete
  0    done
  1    failed
  2    usage: a flag is wrong, or the API refuses a value
  3    not permitted
  4    credentials missing or not accepted
  5    throttled or unavailable, even after retries: try later
  6    incomplete: a region failed, an instance was unreadable, or -timeout ran out; the rest was printed
  7    ids not found: -id, without other filters or -limit, names some that no listed region has; the rest was printed
  130  interrupted; what was listed so far was printed
"go run" turns all of these but 0 into 1: go build it first.
`

// config is the command line, understood.
type config struct {
	help    string // to be printed instead of listing
	dryRun  bool
	verbose bool
	regions []string // nil is all
	home    string   // the region to ask for the others
	timeout time.Duration
	options ecs.Options
	request ecs.DescribeInstancesRequest

	format  format
	look    look
	sort    func(a, b ecs.Instance) int
	limit   int
	workers int // 0 is to go page by page

	raw struct { // flags that are understood when all are known
		region, network, output, columns, sort string
		v3                                     bool
	}
}

// onlyFor are the flags that only some formats look at. Elsewhere they are a mistake.
var onlyFor = map[string][]string{
	"columns":  {"table", "html", "csv"},
	"expiring": {"summary", "html"},
	"public":   {"ssh-config"},
	"user":     {"ssh-config"},
}

// define says which flags there are.
func (c *config) define(fs *flag.FlagSet, stdin io.Reader, now time.Time) {
	req := &c.request
	fs.StringVar(&c.raw.region, "region", "", "")
	fs.BoolVar(&c.look.demo, "demo", false, "")
	fs.StringVar(&c.raw.network, "network", "", "")
	fs.StringVar(&c.options.Endpoint, "endpoint", "", "")
	fs.IntVar(&c.workers, "workers", 0, "")
	fs.DurationVar(&c.timeout, "timeout", 0, "")
	fs.BoolVar(&c.raw.v3, "v3", false, "")
	fs.BoolVar(&c.verbose, "v", false, "")

	fs.Func("id", "", func(s string) error {
		err := addIDs(&req.InstanceIDs, s, stdin)
		if err == nil && s == "-" && len(req.InstanceIDs) == 0 {
			err = errors.New("no ids on stdin")
		}
		return err
	})
	fs.StringVar(&req.InstanceName, "name", "", "")
	fs.Func("status", "", wording.OneOf(&req.Status, ecs.InstanceStatusPending, ecs.InstanceStatusRunning, ecs.InstanceStatusStarting, ecs.InstanceStatusStopping, ecs.InstanceStatusStopped))
	fs.StringVar(&req.InstanceType, "type", "", "")
	fs.StringVar(&req.InstanceTypeFamily, "family", "", "")
	fs.StringVar(&req.ZoneID, "zone", "", "")
	fs.StringVar(&req.VPCID, "vpc", "", "")
	fs.StringVar(&req.VSwitchID, "vswitch", "", "")
	fs.StringVar(&req.SecurityGroupID, "security-group", "", "")
	fs.StringVar(&req.ResourceGroupID, "resource-group", "", "")
	fs.StringVar(&req.ImageID, "image", "", "")
	fs.StringVar(&req.KeyPairName, "key-pair", "", "")
	fs.Func("tag", "", func(s string) error {
		key, value, _ := strings.Cut(s, "=")
		if key == "" {
			return errors.New("want KEY or KEY=VALUE")
		}
		req.Tags = append(req.Tags, ecs.Tag{Key: key, Value: value})
		return nil
	})
	fs.Func("charge-type", "", wording.OneOf(&req.InstanceChargeType, ecs.InstanceChargeTypePrePaid, ecs.InstanceChargeTypePostPaid))
	fs.Func("private-ip", "", func(s string) error {
		req.InstanceNetworkType = ecs.InstanceNetworkTypeVPC // the API wants it for these addresses
		return addAddrs(&req.PrivateIPAddresses, s, stdin)
	})
	fs.Func("public-ip", "", func(s string) error { return addAddrs(&req.PublicIPAddresses, s, stdin) })
	fs.Func("eip", "", func(s string) error {
		req.InstanceNetworkType = ecs.InstanceNetworkTypeVPC
		return addAddrs(&req.EIPAddresses, s, stdin)
	})
	fs.Func("created-after", "", timeIn(&req.CreatedAfter, now, -1))
	fs.Func("created-before", "", timeIn(&req.CreatedBefore, now, -1))
	fs.Func("expires-after", "", timeIn(&req.ExpiresAfter, now, +1))
	fs.Func("expires-before", "", timeIn(&req.ExpiresBefore, now, +1))
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
	fs.BoolVar(&c.look.public, "public", false, "")
	fs.Func("user", "", func(s string) error {
		if !loginName.MatchString(s) {
			return errors.New("want a login name")
		}
		c.look.user = s
		return nil
	})
	fs.BoolVar(&c.dryRun, "dry-run", false, "")
}

// parse understands the command line. Its errors say what is wrong with it.
func parse(args []string, stdin io.Reader, getenv func(string) string, now time.Time) (*config, error) {
	if slices.ContainsFunc(args, isDemo) { // what the other flags mean depends on it
		now = demo.Now() // the made-up fleet has a time of its own
	}
	c := &config{look: look{now: now, expiring: 30, command: shellLine("inventory", args)}}
	fs := flag.NewFlagSet("inventory", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c.define(fs, stdin, now)
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			c.help = fmt.Sprintf(help, formatHelp())
			return c, nil
		}
		return nil, flagError(err, fs)
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	switch {
	case fs.NArg() > 0:
		return nil, fmt.Errorf("%q is not understood: everything is said with flags", fs.Arg(0))
	case c.raw.columns == "help":
		c.help = columnHelp()
		return c, nil
	case c.limit < 0:
		return nil, fmt.Errorf("-limit %d is negative", c.limit)
	case given["workers"] && (c.workers < 1 || c.workers > 64):
		return nil, fmt.Errorf("-workers %d: want 1 to 64", c.workers)
	case c.timeout < 0:
		return nil, fmt.Errorf("-timeout %s is negative", c.timeout)
	case c.raw.network != "" && c.raw.network != "public" && c.raw.network != string(ecs.NetworkVPC):
		return nil, fmt.Errorf("-network %q: want public or vpc", c.raw.network)
	case c.look.demo && c.options.Endpoint != "":
		return nil, fmt.Errorf("-demo has an endpoint of its own: leave out -demo or -endpoint")
	}
	for _, err := range []error{
		inOrder("created", c.request.CreatedAfter, c.request.CreatedBefore), inOrder("expires", c.request.ExpiresAfter, c.request.ExpiresBefore),
	} {
		if err != nil {
			return nil, err
		}
	}
	if c.raw.network == string(ecs.NetworkVPC) {
		c.options.Network = ecs.NetworkVPC
	}
	if c.raw.v3 {
		c.options.Signer = signer.V3{}
	}

	var err error
	if c.format, err = findFormat(c.raw.output); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		formats, some := onlyFor[name]
		switch {
		case c.dryRun && (some || name == "o" || name == "sort" || name == "limit"):
			return nil, fmt.Errorf("-%s does nothing for -dry-run, which lists nothing", name)
		case some && !slices.Contains(formats, c.format.name):
			list := strings.Join(formats[:len(formats)-1], ", -o ")
			if list != "" {
				list += " and -o "
			}
			return nil, fmt.Errorf("-%s does nothing for -o %s: it is for -o %s", name, c.format.name, list+formats[len(formats)-1])
		}
	}
	if c.look.columns, err = parseColumns(cmp.Or(c.raw.columns, defaultColumns)); err != nil {
		return nil, fmt.Errorf("-columns: %w", err)
	}
	c.look.fit = c.raw.columns == ""
	if c.raw.sort != "" {
		if c.sort, err = parseSort(c.raw.sort + ",id"); err != nil { // regions come in any order: a tie would be decided by chance
			return nil, fmt.Errorf("-sort: %w", err)
		}
	}

	region := c.raw.region
	if c.look.demo {
		region = cmp.Or(region, "all")
	}
	if c.home, c.regions, err = selection.Regions(region, getenv); err != nil {
		return nil, err
	}
	// Regions are listed at once and come in any order, like what several workers list. A format that waits for all anyway
	// and the demo put them in order.
	if c.sort == nil && (len(c.regions) != 1 || c.workers > 0) && (c.look.demo || c.format.whole && c.limit == 0) {
		order := "region"
		if c.workers > 0 {
			order = "region,-created,id"
		}
		c.sort, err = parseSort(order)
	}
	if c.sort == nil && c.limit > 0 {
		c.request.MaxResults = min(c.limit, 100) // no need for full pages
	}
	return c, err
}

// isDemo recognizes -demo in all the ways that package flag does.
func isDemo(arg string) bool {
	name, value, given := strings.Cut(arg, "=")
	on, err := strconv.ParseBool(value)
	return (name == "-demo" || name == "--demo") && (!given || on && err == nil)
}

// addIDs appends a comma-separated list, or for "-" what stdin holds. The list is never nil afterwards: an empty one
// matches nothing, where nil would be no filter, so that -id "$UNSET" does not list everything.
func addIDs(list *ecs.JSONList, text string, stdin io.Reader) error {
	if text == "-" {
		words := bufio.NewScanner(stdin)
		words.Split(bufio.ScanWords)
		for words.Scan() {
			*list = append(*list, selection.Split(words.Text())...)
		}
		if err := words.Err(); err != nil {
			return fmt.Errorf("reading stdin: %w", err)
		}
	} else {
		*list = append(*list, selection.Split(text)...)
	}
	if *list == nil {
		*list = ecs.JSONList{}
	}
	return nil
}

// addAddrs is addIDs for addresses.
func addAddrs(list *ecs.JSONList, text string, stdin io.Reader) error {
	before := len(*list)
	if err := addIDs(list, text, stdin); err != nil {
		return err
	}
	for _, word := range (*list)[before:] {
		if a, err := netip.ParseAddr(word); err != nil || a.Zone() != "" {
			return fmt.Errorf("%q is no IP address", word)
		}
	}
	return nil
}

// inOrder refuses a window that nothing can be in.
func inOrder(of string, after, before time.Time) error {
	if after.IsZero() || before.IsZero() || !after.After(before) {
		return nil
	}
	const layout = "2006-01-02T15:04Z07:00"
	return fmt.Errorf("-%s-after (%s) is later than -%[1]s-before (%[3]s): nothing can match", of, after.UTC().Format(layout), before.UTC().Format(layout))
}

// idsAlone reports whether the whole answer is known to be the instances of these ids: then it shows which do not exist.
func (c *config) idsAlone() bool {
	alone := ecs.DescribeInstancesRequest{InstanceIDs: c.request.InstanceIDs}
	return c.limit == 0 && len(alone.InstanceIDs) > 0 && reflect.DeepEqual(c.request, alone)
}

// shellLine writes a command line that can be pasted into a shell.
func shellLine(name string, args []string) string {
	words := []string{name}
	for _, arg := range args {
		words = append(words, shellWord(arg))
	}
	return strings.Join(words, " ")
}

// shellWord quotes what a shell would not take as it stands.
func shellWord(arg string) string {
	if arg == "" || strings.ContainsFunc(arg, special) {
		return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	return arg
}

// special reports what may mean something to a shell: all but letters, of any script, digits and a few signs.
func special(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune("-_.,:/=+@%", r)
}

// timeIn accepts a moment, or its distance from now in the direction.
func timeIn(to *time.Time, now time.Time, direction time.Duration) func(string) error {
	return func(s string) error {
		if s == "now" {
			s = "0d"
		}
		for _, layout := range []string{time.DateOnly, "2006-01-02T15:04Z07:00", time.RFC3339} {
			if t, err := time.Parse(layout, s); err == nil {
				*to = t
				return nil
			}
		}
		distance, err := time.ParseDuration(s)
		if days, ok := strings.CutSuffix(s, "d"); ok {
			var n int
			n, err = strconv.Atoi(days)
			*to = now.AddDate(0, 0, n*int(direction))
		} else {
			*to = now.Add(distance * direction)
		}
		if err != nil || strings.HasPrefix(s, "-") {
			return errors.New("want a date such as 2025-01-31, a time such as 2025-01-31T08:00Z, now, or a distance such as 30d or 12h")
		}
		return nil
	}
}

// flagError says what package flag complains about, with a suggestion where there is one.
func flagError(err error, fs *flag.FlagSet) error {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if _, no := findFormat(name); unknown && no == nil {
		return fmt.Errorf("there is no flag -%s: say -o %s", name, name)
	}
	return wording.Usage(err, fs)
}

func columnHelp() string {
	var b strings.Builder
	b.WriteString("The columns; * are the default ones.\n\n")
	defaults := strings.Split(defaultColumns, ",")
	for _, c := range columns() {
		mark := " "
		if slices.Contains(defaults, c.name) {
			mark = "*"
		}
		fmt.Fprintf(&b, "%s %-16s %s\n", mark, c.name, c.help)
	}
	fmt.Fprintf(&b, "  %-16s %s\n", "tag:KEY", "the value of one tag")
	return b.String()
}
