package main

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

// inventory is what Ansible asks for: groups of host names, and variables for each host.
type inventory struct {
	groups map[string][]string
	hosts  map[string]map[string]any
}

// list is the answer to --list. With _meta Ansible does not ask for each host by --host.
func (inv *inventory) list() map[string]any {
	list := map[string]any{"_meta": map[string]any{"hostvars": inv.hosts}}
	for name, hosts := range inv.groups {
		list[name] = map[string]any{"hosts": hosts}
	}
	return list
}

// build makes the inventory of a fleet. The same fleet makes the same one, in whatever order it comes.
func build(fleet []ecs.Instance, s *selection.Selection, byID bool) *inventory {
	fleet = slices.SortedFunc(slices.Values(fleet), func(a, b ecs.Instance) int {
		return cmp.Or(cmp.Compare(a.RegionID, b.RegionID), cmp.Compare(a.InstanceID, b.InstanceID))
	})
	groups := groupNames(fleet)
	inv := &inventory{groups: map[string][]string{}, hosts: map[string]map[string]any{}}
	for i, name := range hostNames(fleet, groups, byID) {
		inv.hosts[name] = variables(fleet[i], s)
		for _, g := range groupsOf(fleet[i]) {
			inv.groups[groups[g]] = append(inv.groups[groups[g]], name)
		}
	}
	return inv
}

// group is what the instances of a group have in common.
type group struct{ kind, key, value string } // key is a tag's, else ""

// groupsOf are the groups of an instance.
func groupsOf(inst ecs.Instance) []group {
	groups := slices.DeleteFunc([]group{
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

// name is the group's, made of what Ansible takes for a word; Chinese is. Several groups may have the same.
func (g group) name() string {
	parts := []string{g.kind}
	for _, part := range []string{g.key, g.value} {
		if part != "" {
			parts = append(parts, word(part, ""))
		}
	}
	return strings.Join(parts, "_")
}

// groupNames gives each group a name of its own. When several come out the same, as those of the tags a.b=c and a=b_c,
// none of them gets it: a play meant for one should find no host rather than those of the others.
func groupNames(fleet []ecs.Instance) map[group]string {
	same := map[string][]group{}
	names := map[group]string{}
	for _, inst := range fleet {
		for _, g := range groupsOf(inst) {
			if _, ok := names[g]; !ok {
				names[g] = g.name()
				same[g.name()] = append(same[g.name()], g)
			}
		}
	}
	for name, groups := range same {
		if len(groups) == 1 {
			continue
		}
		for _, g := range groups {
			h := fnv.New32a()
			fmt.Fprintf(h, "%q", []string{g.kind, g.key, g.value})
			names[g] = fmt.Sprintf("%s_%08x", name, h.Sum32())
		}
	}
	return names
}

// hostNames gives each instance a name of its own: the instance's if nothing else has it, else with the id behind.
func hostNames(fleet []ecs.Instance, groups map[group]string, byID bool) []string {
	taken := map[string]int{"all": 1, "ungrouped": 1, "localhost": 1} // names with a meaning to Ansible
	for name := range maps.Values(groups) {
		taken[name]++ // Ansible warns of a host and a group of one name, and cannot tell them apart
	}
	plain, long := make([]string, len(fleet)), make([]string, len(fleet))
	for i, inst := range fleet {
		plain[i], long[i] = inst.InstanceID, inst.InstanceID
		if name := word(inst.InstanceName, ".-"); !byID && strings.Trim(name[:min(1, len(name))], "_.-") != "" {
			plain[i], long[i] = name, name+"."+inst.InstanceID
		}
		taken[plain[i]]++
		if long[i] != plain[i] {
			taken[long[i]]++
		}
	}
	for i := range plain {
		if taken[plain[i]] > 1 {
			plain[i] = long[i]
		}
	}
	return plain
}

// word replaces what is neither a letter, in any script, nor a digit nor one of more, by an underscore.
func word(text, more string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(more, r) {
			return r
		}
		return '_'
	}, text)
}

// variables are those of a host. What is empty is left out.
func variables(inst ecs.Instance, s *selection.Selection) map[string]any {
	// Without an address Ansible would try the host's name, which may lead anywhere; .invalid leads nowhere (RFC 2606).
	address := inst.InstanceID + ".has-no-address.invalid"
	if addr := s.Addr(inst); addr.IsValid() {
		address = addr.String()
	}
	vars := map[string]any{"ansible_host": address}
	for name, value := range map[string]string{
		"instance_id":          inst.InstanceID,
		"instance_name":        inst.InstanceName,
		"instance_status":      string(inst.Status),
		"instance_type":        inst.InstanceType,
		"instance_type_family": inst.InstanceTypeFamily,
		"host_name":            inst.HostName,
		"description":          inst.Description,
		"region":               inst.RegionID,
		"zone":                 inst.ZoneID,
		"network_type":         string(inst.InstanceNetworkType),
		"vpc_id":               inst.VPCAttributes.VPCID,
		"vswitch_id":           inst.VPCAttributes.VSwitchID,
		"charge_type":          string(inst.InstanceChargeType),
		"image_id":             inst.ImageID,
		"os_type":              string(inst.OSType),
		"os_name":              strings.Join(strings.Fields(inst.OSNameEn), " "),
		"key_pair":             inst.KeyPairName,
		"resource_group_id":    inst.ResourceGroupID,
		"creation_time":        wording.Time(inst.CreationTime),
	} {
		if value != "" {
			vars["ecs_"+name] = text(value)
		}
	}
	if at, ok := inst.Expires(); ok {
		vars["ecs_expired_time"] = wording.Time(at)
	}
	if inst.CPU > 0 {
		vars["ecs_cpu"] = inst.CPU
	}
	if inst.Memory > 0 {
		vars["ecs_memory_mib"] = inst.Memory
	}
	lists := map[string][]string{"security_groups": inst.SecurityGroupIDs}
	for _, addr := range inst.PrivateAddrs() {
		lists["private_ips"] = append(lists["private_ips"], addr.String())
	}
	for _, addr := range inst.PublicAddrs() {
		lists["public_ips"] = append(lists["public_ips"], addr.String())
	}
	for name, list := range lists {
		if len(list) > 0 {
			vars["ecs_"+name] = list
			if one, ok := strings.CutSuffix(name, "_ips"); ok {
				vars["ecs_"+one+"_ip"] = list[0]
			}
		}
	}
	tags := map[string]any{}
	for _, tag := range inst.Tags {
		key := tag.Key
		if strings.HasPrefix(key, "__ansible") {
			key = "_" + key // else Ansible would read the map as a value in an encoding of its own
		}
		tags[key] = text(tag.Value)
	}
	vars["ecs_tags"] = tags
	return vars
}

// text is a string that Ansible takes as it is. It would evaluate a template in a variable, on the machine that runs the
// play and with its rights; who may tag an instance may not do that.
func text(s string) any {
	if strings.Contains(s, "{{") || strings.Contains(s, "{%") || strings.Contains(s, "{#") {
		return map[string]string{"__ansible_unsafe": s}
	}
	return s
}
