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

// inventory is the result of a query by Ansible: groups of host names, and variables for each host.
type inventory struct {
	groups map[string][]string
	hosts  map[string]map[string]any
	failed []string // regions that could not be listed
}

// list returns the response to --list. If it contains _meta, Ansible does not call the script for each host.
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

// The sources of host names; any other is a tag, "tag:KEY".
const (
	byName = "name"
	byID   = "id"
)

// build creates the inventory of a fleet. The result does not depend on the order of the instances.
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

// group is the property that the instances of a group have in common.
type group struct{ kind, key, value string } // key is a tag's, else ""

// groupsOf returns the groups of an instance.
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

// name returns the name of the group, with characters that Ansible accepts, including Chinese ones. Several groups
// may have the same name.
func (g group) name() string {
	parts := []string{g.kind}
	for _, part := range []string{g.key, g.value} {
		if part != "" {
			parts = append(parts, word(part))
		}
	}
	return strings.Join(parts, "_")
}

// groupNames returns a unique name for each group. If several names are equal, as those of the tags a.b=c and
// a=b_c, none of the groups gets that name: a play for one of them should match no host rather than those of the
// others. Nor does a group whose tag was chosen to look like such a name with its end.
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

// hostNames returns a unique name for each instance: the one that nameBy returns if it is unique, otherwise that
// name with the id appended.
func hostNames(fleet []ecs.Instance, groups map[group]string, nameBy string) []string {
	taken := map[string]int{}
	for name := range maps.Values(groups) {
		taken[name]++ // Ansible warns if a host and a group have the same name, and cannot distinguish them
	}
	short, long := make([]string, len(fleet)), make([]string, len(fleet))
	for i, inst := range fleet {
		id := cmp.Or(hostname.Clean(inst.InstanceID), fmt.Sprintf("unnamed-%d", i))
		short[i], long[i] = id, id
		if name := hostname.OfName(nameOf(inst, nameBy)); name != "" && name != id {
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

// nameOf returns the name of an instance according to nameBy.
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

// word replaces every character that is neither a letter, in any script, nor a digit by an underscore.
func word(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '_'
	}, text)
}
