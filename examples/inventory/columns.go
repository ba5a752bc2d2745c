package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

// column is a property of an instance that the program can print and sort by.
type column struct {
	name, help string
	text       func(ecs.Instance) string
	// compare compares two instances by the property. If compare is nil, instances are sorted by text.
	compare func(a, b ecs.Instance) int
	// narrowest is the minimum width of a shortened column in a table. If narrowest is 0, the column is never
	// shortened.
	narrowest int
	snip      func(text string, width int) string // shortens a text; if snip is nil, the end is cut off
	kind      kind
}

// kind is the type of the values in a column. It determines how the values are displayed and sorted.
type kind string

const (
	number kind = "number"
	moment kind = "time"
	code   kind = "code" // ids and addresses
)

// defaultColumns lists the default columns, beginning with the most important column. A narrow terminal shows only
// the first columns.
const defaultColumns = "id,name,status,private-ip,type,zone,public-ip,charge,expires,created,os,tags"

// defaults returns the default columns of a format. If several accounts are listed, the columns include the account.
func defaults(format string, accounts bool) string {
	list := defaultColumns
	if format == "record" {
		list = "all"
	} else if accounts {
		list = "account," + list
	}
	return list
}

func columns() []column {
	return []column{
		{name: "id", help: "instance id", text: func(i ecs.Instance) string { return i.InstanceID }, kind: code},
		{name: "name", help: "instance name", text: func(i ecs.Instance) string { return i.InstanceName }, narrowest: 16, snip: terminal.SnipMiddle},
		{name: "status", help: "Running, Stopped …", text: func(i ecs.Instance) string { return string(i.Status) }},
		{name: "private-ip", help: "primary private address, or the first IPv6 address if there is no private address", text: func(i ecs.Instance) string { return addrs(i.PrivateAddr()) }, compare: byAddr(ecs.Instance.PrivateAddr), kind: code},
		{name: "private-ips", help: "all private addresses", text: func(i ecs.Instance) string { return addrs(i.PrivateAddrs()...) }, narrowest: 15, kind: code},
		{name: "public-ip", help: "public addresses, including elastic addresses", text: func(i ecs.Instance) string { return addrs(i.PublicAddrs()...) }, compare: byAddr(firstPublic), kind: code},
		{name: "ipv6", help: "IPv6 addresses", text: func(i ecs.Instance) string { return addrs(i.IPv6Addrs()...) }, compare: byAddr(firstIPv6), narrowest: 15, kind: code},
		{name: "type", help: "instance type", text: func(i ecs.Instance) string { return i.InstanceType }, narrowest: 13, snip: terminal.SnipStart},
		{name: "family", help: "instance type family", text: func(i ecs.Instance) string { return i.InstanceTypeFamily }},
		{name: "cpu", help: "vCPUs", text: func(i ecs.Instance) string { return strconv.Itoa(i.CPU) }, compare: by(func(i ecs.Instance) int { return i.CPU }), kind: number},
		{name: "memory-gib", help: "memory in GiB", text: func(i ecs.Instance) string { return strconv.FormatFloat(float64(i.Memory)/1024, 'f', -1, 64) }, compare: by(func(i ecs.Instance) int { return i.Memory }), kind: number},
		{name: "gpu", help: "number and kind of GPUs", text: gpu, compare: by(func(i ecs.Instance) int { return i.GPUAmount }), narrowest: 12},
		{name: "account", help: "profile with which the instance was listed (see -profile)", text: selection.Account, narrowest: 8},
		{name: "region", help: "region", text: func(i ecs.Instance) string { return i.RegionID }},
		{name: "zone", help: "zone", text: func(i ecs.Instance) string { return i.ZoneID }},
		{name: "vpc", help: "VPC id; empty in the classic network", text: func(i ecs.Instance) string { return i.VPCAttributes.VPCID }, kind: code},
		{name: "vswitch", help: "VSwitch id", text: func(i ecs.Instance) string { return i.VPCAttributes.VSwitchID }, kind: code},
		{name: "interface", help: "id of the primary network interface", text: primaryInterface, kind: code},
		{name: "security-groups", help: "security group ids", text: func(i ecs.Instance) string { return strings.Join(i.SecurityGroupIDs, " ") }, narrowest: 23, kind: code},
		{name: "charge", help: "PrePaid (subscription) or PostPaid (pay as you go)", text: func(i ecs.Instance) string { return string(i.InstanceChargeType) }},
		{name: "spot", help: "spot strategy", text: func(i ecs.Instance) string { return string(i.SpotStrategy) }},
		{name: "expires", help: "end of the subscription, or never", text: expires, compare: byTime(func(i ecs.Instance) time.Time { return i.ExpiredTime }), kind: moment},
		{name: "auto-release", help: "time of the automatic release", text: func(i ecs.Instance) string { return wording.Time(i.AutoReleaseTime) }, compare: byTime(func(i ecs.Instance) time.Time { return i.AutoReleaseTime }), kind: moment},
		{name: "created", help: "creation time", text: func(i ecs.Instance) string { return wording.Time(i.CreationTime) }, compare: byTime(func(i ecs.Instance) time.Time { return i.CreationTime }), kind: moment},
		{name: "started", help: "time of the last start", text: func(i ecs.Instance) string { return wording.Time(i.StartTime) }, compare: byTime(func(i ecs.Instance) time.Time { return i.StartTime }), kind: moment},
		{name: "os", help: "operating system", text: system, narrowest: 14},
		{name: "image", help: "image id", text: func(i ecs.Instance) string { return i.ImageID }, narrowest: 16, kind: code},
		{name: "hostname", help: "host name", text: func(i ecs.Instance) string { return i.HostName }, narrowest: 14, snip: terminal.SnipMiddle, kind: code},
		{name: "description", help: "description", text: func(i ecs.Instance) string { return i.Description }, narrowest: 16},
		{name: "key-pair", help: "SSH key pair", text: func(i ecs.Instance) string { return i.KeyPairName }, narrowest: 12},
		{name: "resource-group", help: "resource group id", text: func(i ecs.Instance) string { return i.ResourceGroupID }},
		{name: "protected", help: "whether deletion protection is enabled", text: func(i ecs.Instance) string { return strconv.FormatBool(i.DeletionProtection) }},
		{name: "locks", help: "reasons why operations are locked", text: locks, narrowest: 12},
		{name: "tags", help: "all tags", text: tags, narrowest: 16},
	}
}

// tagColumn returns a column that contains the value of a tag.
func tagColumn(key string) column {
	return column{name: "tag:" + key, narrowest: 12, text: func(i ecs.Instance) string {
		n := slices.IndexFunc(i.Tags, func(t ecs.Tag) bool { return t.Key == key })
		if n < 0 {
			return ""
		}
		return i.Tags[n].Value
	}}
}

// findColumn returns the column with the given name. The name of a tag's column is "tag:KEY".
func findColumn(name string) (column, error) {
	if key, ok := strings.CutPrefix(name, "tag:"); ok && key != "" {
		return tagColumn(key), nil
	}
	all := columns()
	if i := slices.IndexFunc(all, func(c column) bool { return strings.EqualFold(c.name, name) }); i >= 0 {
		return all[i], nil
	}
	names := append([]string{"tag:KEY"}, columnNames()...)
	return column{}, columnError(fmt.Sprintf("there is no column %q%s", name, wording.DidYouMean("", name, names)))
}

// columnError is the error for an unknown column name.
type columnError string

func (e columnError) Error() string { return string(e) }

// parseColumns parses the value of -columns. A leading "+" adds columns to the default columns, and "all" selects all
// columns.
func parseColumns(list, defaults string) ([]column, error) {
	more, adds := strings.CutPrefix(list, "+")
	switch {
	case list == "":
		list = defaults
	case adds && defaults == "all":
		list = strings.Join(columnNames(), ",") + "," + more
	case adds:
		list = defaults + "," + more
	}
	if list == "all" {
		return columns(), nil
	}
	var chosen []column
	for name := range strings.SplitSeq(list, ",") {
		c, err := findColumn(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		if adds && slices.ContainsFunc(chosen, func(other column) bool { return other.name == c.name }) {
			continue // the column is already in the list
		}
		chosen = append(chosen, c)
	}
	return chosen, nil
}

// parseSort parses the value of -sort. A "-" before a column name selects descending order.
func parseSort(list string) (func(a, b ecs.Instance) int, error) {
	var orders []func(a, b ecs.Instance) int
	for part := range strings.SplitSeq(list, ",") {
		name, descending := strings.CutPrefix(strings.TrimSpace(part), "-")
		c, err := findColumn(name)
		if err != nil {
			return nil, err
		}
		order := c.compare
		if order == nil {
			order = by(c.text)
		}
		if descending {
			ascending := order
			order = func(a, b ecs.Instance) int { return ascending(b, a) }
		}
		orders = append(orders, order)
	}
	return func(a, b ecs.Instance) int {
		for _, order := range orders {
			if c := order(a, b); c != 0 {
				return c
			}
		}
		return 0
	}, nil
}

func columnNames() (names []string) {
	for _, c := range columns() {
		names = append(names, c.name)
	}
	return names
}

func by[T cmp.Ordered](key func(ecs.Instance) T) func(a, b ecs.Instance) int {
	return func(a, b ecs.Instance) int { return cmp.Compare(key(a), key(b)) }
}

func byTime(key func(ecs.Instance) time.Time) func(a, b ecs.Instance) int {
	return func(a, b ecs.Instance) int { return key(a).Compare(key(b)) }
}

func byAddr(key func(ecs.Instance) netip.Addr) func(a, b ecs.Instance) int {
	return func(a, b ecs.Instance) int { return key(a).Compare(key(b)) }
}

func firstPublic(i ecs.Instance) netip.Addr {
	if a := i.PublicAddrs(); len(a) > 0 {
		return a[0]
	}
	return netip.Addr{}
}

func firstIPv6(i ecs.Instance) netip.Addr {
	if a := i.IPv6Addrs(); len(a) > 0 {
		return a[0]
	}
	return netip.Addr{}
}

func primaryInterface(i ecs.Instance) string {
	for _, n := range i.NetworkInterfaces {
		if n.Type == ecs.NetworkInterfaceTypePrimary {
			return n.NetworkInterfaceID
		}
	}
	return ""
}

func addrs(list ...netip.Addr) string {
	var texts []string
	for _, a := range list {
		if a.IsValid() {
			texts = append(texts, a.String())
		}
	}
	return strings.Join(texts, " ")
}

func gpu(i ecs.Instance) string {
	if i.GPUAmount == 0 {
		return ""
	}
	return fmt.Sprintf("%d x %s", i.GPUAmount, i.GPUSpec)
}

func system(i ecs.Instance) string {
	return strings.Join(strings.Fields(cmp.Or(i.OSName, i.OSNameEn, string(i.OSType))), " ") // many OS names contain double spaces
}

func expires(i ecs.Instance) string {
	if at, ok := i.Expires(); ok {
		return wording.Time(at)
	}
	if i.ExpiredTime.Year() >= 2099 {
		return "never"
	}
	return ""
}

func locks(i ecs.Instance) string {
	var reasons []string
	for _, l := range i.OperationLocks {
		reasons = append(reasons, string(l.LockReason))
	}
	return strings.Join(reasons, " ")
}

func tags(i ecs.Instance) string {
	var pairs []string
	for _, t := range i.Tags {
		pairs = append(pairs, t.Key+"="+t.Value)
	}
	return strings.Join(pairs, " ")
}
