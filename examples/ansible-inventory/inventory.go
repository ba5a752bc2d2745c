package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/hostname"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
)

// inventory contains the groups, the hosts and the variables that the script prints for Ansible.
type inventory struct {
	groups map[string][]string
	hosts  map[string]map[string]any
	failed []string // regions that could not be listed
}

// list returns the output for --list. Under the key _meta, the output contains the variables of all hosts, so Ansible
// need not call the script for each host.
func (inv *inventory) list() map[string]any {
	list := map[string]any{"_meta": map[string]any{"hostvars": inv.hosts}}
	for name, hosts := range inv.groups {
		list[name] = map[string]any{"hosts": hosts}
	}
	if len(inv.failed) > 0 {
		list["all"] = map[string]any{"vars": map[string]any{"ecs_failed_regions": safe(inv.failed)}}
	}
	return list
}

// These are the values of -host-name, in addition to "tag:KEY".
const (
	byName = "name"
	byID   = "id"
)

// build returns the inventory of the given instances. The order of the instances does not matter.
func build(fleet []ecs.Instance, s *selection.Selection, nameBy string) *inventory {
	fleet = slices.SortedFunc(slices.Values(fleet), func(a, b ecs.Instance) int {
		return cmp.Or(cmp.Compare(a.RegionID, b.RegionID), cmp.Compare(a.InstanceID, b.InstanceID))
	})
	groups := groupNames(fleet)
	inv := &inventory{groups: map[string][]string{}, hosts: map[string]map[string]any{}}
	for i, name := range hostNames(fleet, groups, nameBy) {
		inv.hosts[name] = variables(fleet[i], s)
		for _, g := range groupsOf(fleet[i]) {
			inv.groups[groups[g]] = append(inv.groups[groups[g]], name)
		}
	}
	return inv
}

// group identifies a group of hosts, such as the hosts in a region or the hosts with a tag.
type group struct{ kind, key, value string } // key is set only if kind is "tag"

// groupsOf returns the groups to which an instance belongs.
func groupsOf(inst ecs.Instance) []group {
	groups := slices.DeleteFunc([]group{
		{"account", "", selection.Account(inst)},
		{"region", "", inst.RegionID},
		{"zone", "", inst.ZoneID},
		{"vpc", "", strings.TrimPrefix(inst.VPCAttributes.VPCID, "vpc-")},
		{"type", "", inst.InstanceType},
		{"family", "", inst.InstanceTypeFamily},
		{"status", "", string(inst.Status)},
		{"charge", "", string(inst.InstanceChargeType)},
		{"os", "", string(inst.OSType)},
	}, func(g group) bool { return g.value == "" })
	for _, tag := range inst.Tags {
		groups = append(groups, group{"tag", tag.Key, tag.Value})
	}
	return groups
}

// name returns a name for the group that Ansible accepts. Two groups can have the same name; groupNames makes the
// names unique.
func (g group) name() string {
	parts := []string{g.kind}
	for _, part := range []string{g.key, g.value} {
		if part != "" {
			parts = append(parts, word(part))
		}
	}
	return strings.Join(parts, "_")
}

// groupNames returns a unique name for each group. If two groups would have the same name, such as the groups for the
// tags a.b=c and a=b_c, groupNames appends a hash to both names.
func groupNames(fleet []ecs.Instance) map[group]string {
	names := map[group]string{}
	for _, inst := range fleet {
		for _, g := range groupsOf(inst) {
			names[g] = g.name()
		}
	}
	for digits := 8; ; digits += 8 {
		same := map[string][]group{}
		for g, name := range names {
			same[name] = append(same[name], g)
		}
		if len(same) == len(names) {
			return names
		}
		for _, groups := range same {
			if len(groups) == 1 {
				continue
			}
			for _, g := range groups {
				sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{g.kind, g.key, g.value}))
				names[g] = g.name() + "_" + hex.EncodeToString(sum[:])[:min(digits, 2*len(sum))]
			}
		}
	}
}

// hostNames returns a unique host name for each instance. If a name is also the name of another instance or of a
// group, hostNames appends the instance id.
func hostNames(fleet []ecs.Instance, groups map[group]string, nameBy string) []string {
	taken := map[string]int{}
	for name := range maps.Values(groups) {
		taken[name]++ // prevents Ansible's warning about a host and a group with the same name
	}
	short, long := make([]string, len(fleet)), make([]string, len(fleet))
	for i, inst := range fleet {
		id := cmp.Or(hostname.Sanitize(inst.InstanceID), fmt.Sprintf("unnamed-%d", i))
		short[i], long[i] = id, id
		if name := hostname.FromInstanceName(nameOf(inst, nameBy)); name != "" && name != id {
			short[i], long[i] = name, name+"."+id
			taken[long[i]]++
		}
		taken[short[i]]++
	}
	for i := range short {
		if taken[short[i]] > 1 {
			short[i] = long[i]
		}
	}
	return short
}

// nameOf returns the name of an instance according to -host-name, or "" if hosts are named by their ids.
func nameOf(inst ecs.Instance, nameBy string) string {
	key, isTag := strings.CutPrefix(nameBy, "tag:")
	switch {
	case nameBy == byID:
		return ""
	case !isTag:
		return inst.InstanceName
	}
	for _, tag := range inst.Tags {
		if tag.Key == key {
			return tag.Value
		}
	}
	return ""
}

// word replaces every character that is neither a letter nor a digit with an underscore.
func word(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '_'
	}, text)
}
