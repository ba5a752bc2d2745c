package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// group is the JSON format of a Prometheus target group.
type group struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// summary contains the number of targets in a region.
type summary struct {
	targets     int
	unreachable int // number of instances without an address
}

// rendered is a cached list of targets.
type rendered struct {
	at        time.Time
	ready     bool // whether the list could be served when it was rendered
	json      []byte
	summaries map[place]summary
}

// targets returns the list of targets as JSON and the summary of each region. It renders the list at most once per
// second after isReady has returned true.
func (d *discovery) targets() (list []byte, summaries map[place]summary) {
	d.rendering.Lock()
	defer d.rendering.Unlock()
	if r := &d.list; !r.ready || time.Since(r.at) >= time.Second {
		r.at, r.ready = time.Now(), d.isReady()
		r.json, r.summaries = d.render(d.fleet())
	}
	return d.list.json, d.list.summaries
}

// render returns the list of targets as JSON and the summary of each region. The list is sorted.
func (d *discovery) render(all fleet) (list []byte, summaries map[place]summary) {
	var out bytes.Buffer
	summaries = map[place]summary{}
	out.WriteByte('[')
	for _, where := range slices.SortedFunc(maps.Keys(all), place.compare) {
		var sum summary
		slices.SortFunc(all[where], func(a, b ecs.Instance) int { return cmp.Compare(a.InstanceID, b.InstanceID) })
		for _, inst := range all[where] {
			addr := d.selection.Addr(inst)
			if !addr.IsValid() {
				sum.unreachable++
				continue
			}
			g := group{Labels: labels(inst)}
			for _, port := range d.ports {
				g.Targets = append(g.Targets, net.JoinHostPort(addr.String(), port))
			}
			line, err := json.Marshal(g)
			if err != nil {
				panic(err) // cannot happen, because a group contains only strings
			}
			if out.Len() > 1 {
				out.WriteByte(',')
			}
			out.WriteByte('\n')
			out.Write(terminal.EscapeJSON(line))
			sum.targets += len(g.Targets)
		}
		summaries[where] = sum
	}
	out.WriteString("\n]\n")
	return out.Bytes(), summaries
}

// labels returns the Prometheus labels of an instance. The label names follow Prometheus's service discoveries for
// other clouds.
func labels(inst ecs.Instance) map[string]string {
	all := map[string]string{
		"account":           selection.Account(inst),
		"instance_id":       inst.InstanceID,
		"instance_name":     inst.InstanceName,
		"instance_status":   string(inst.Status),
		"instance_type":     inst.InstanceType,
		"host_name":         inst.HostName,
		"region":            inst.RegionID,
		"zone":              inst.ZoneID,
		"network_type":      string(inst.InstanceNetworkType),
		"vpc_id":            inst.VPCAttributes.VPCID,
		"vswitch_id":        inst.VPCAttributes.VSwitchID,
		"charge_type":       string(inst.InstanceChargeType),
		"spot_strategy":     string(inst.SpotStrategy),
		"image_id":          inst.ImageID,
		"os_type":           string(inst.OSType),
		"resource_group_id": inst.ResourceGroupID,
		"security_groups":   joined(inst.SecurityGroupIDs),
	}
	if inst.SpotStrategy == ecs.SpotStrategyNoSpot {
		all["spot_strategy"] = ""
	}
	if addr := inst.PrivateAddr(); addr.IsValid() {
		all["private_ip"] = addr.String()
	}
	if addrs := inst.PublicAddrs(); len(addrs) > 0 {
		all["public_ip"] = addrs[0].String()
	}
	var ipv6, interfaces []string
	for _, addr := range inst.IPv6Addrs() {
		ipv6 = append(ipv6, addr.String())
	}
	for _, n := range inst.NetworkInterfaces {
		interfaces = append(interfaces, n.NetworkInterfaceID)
	}
	all["ipv6_addresses"], all["interfaces"] = joined(ipv6), joined(interfaces)
	named := make(map[string]string, len(all)+len(inst.Tags))
	for name, value := range all {
		if value != "" {
			named["__meta_ecs_"+name] = value
		}
	}
	for name, value := range tagLabels(inst.Tags) {
		named["__meta_ecs_tag_"+name] = value
	}
	return named
}

// joined joins the elements of a list with commas. The result begins and ends with a comma, so a regular expression
// can match the element sg-1 as ",sg-1,".
func joined(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return "," + strings.Join(list, ",") + ","
}

// tagLabels returns a label for each tag. If two tag keys would produce the same label name, such as "a.b" and "a-b",
// tagLabels appends a number to one of the names.
func tagLabels(tags []ecs.Tag) map[string]string {
	named := make(map[string]string, len(tags))
	inOrder := slices.SortedFunc(slices.Values(tags), func(a, b ecs.Tag) int {
		exactA, exactB := labelName(a.Key) == a.Key, labelName(b.Key) == b.Key
		if exactA != exactB {
			return map[bool]int{true: -1, false: 1}[exactA]
		}
		return cmp.Compare(a.Key, b.Key)
	})
	next := map[string]int{} // the last number that was appended to each label name
	for _, tag := range inOrder {
		plain := labelName(tag.Key)
		name := plain
		for _, taken := named[name]; taken; _, taken = named[name] {
			next[plain] = max(next[plain], 1) + 1
			name = fmt.Sprintf("%s_%d", plain, next[plain])
		}
		named[name] = tag.Value
	}
	return named
}

// labelName converts a tag key to a label name. It replaces ASCII characters that are not allowed with underscores.
// It replaces other characters with their code points, such as _u73af for 环, because all Chinese keys of the same
// length would otherwise be equal.
func labelName(key string) string {
	var name strings.Builder
	for _, r := range key {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			name.WriteRune(r)
		case r < 0x80:
			name.WriteByte('_')
		case r <= 0xffff:
			fmt.Fprintf(&name, "_u%04x", r)
		default:
			fmt.Fprintf(&name, "_U%08x", r)
		}
	}
	return name.String()
}
