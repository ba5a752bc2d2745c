package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

// variables returns the variables of a host. Empty ones are left out.
func variables(inst ecs.Instance, s *selection.Selection) map[string]any {
	// Without an address Ansible would try the host's name, which may lead anywhere; .invalid leads nowhere (RFC 2606).
	address := inst.InstanceID + ".has-no-address.invalid"
	if addr := s.Addr(inst); addr.IsValid() {
		address = addr.String()
	}
	vars := map[string]any{"ansible_host": address}
	for name, value := range texts(inst) {
		if value != "" {
			vars["ecs_"+name] = value
		}
	}
	for name, list := range lists(inst) {
		if len(list) > 0 {
			vars["ecs_"+name] = list
			if one, ok := strings.CutSuffix(name, "_ips"); ok {
				vars["ecs_"+one+"_ip"] = list[0]
			}
		}
	}
	if inst.CPU > 0 {
		vars["ecs_cpu"] = inst.CPU
	}
	if inst.Memory > 0 {
		vars["ecs_memory_mib"] = inst.Memory
	}
	tags := map[string]any{}
	for _, tag := range inst.Tags {
		tags[tag.Key] = tag.Value
	}
	vars["ecs_tags"] = tags
	return safe(vars).(map[string]any) //nolint:forcetypeassert // safe keeps the type of a map
}

// texts are the variables of a single text.
func texts(inst ecs.Instance) map[string]string {
	all := map[string]string{
		"account":              selection.Account(inst),
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
	}
	if inst.SpotStrategy != ecs.SpotStrategyNoSpot {
		all["spot_strategy"] = string(inst.SpotStrategy)
	}
	if at, ok := inst.Expires(); ok {
		all["expired_time"] = wording.Time(at)
	}
	return all
}

// lists are the variables of several texts. Those that end in _ips have a variable ending in _ip for their first.
func lists(inst ecs.Instance) map[string][]string {
	all := map[string][]string{"security_groups": inst.SecurityGroupIDs}
	for _, n := range inst.NetworkInterfaces {
		all["interfaces"] = append(all["interfaces"], n.NetworkInterfaceID)
	}
	for _, addr := range inst.PrivateAddrs() {
		name := "private_ips"
		if addr.Is6() {
			name = "ipv6_ips"
		}
		all[name] = append(all[name], addr.String())
	}
	for _, addr := range inst.PublicAddrs() {
		all["public_ips"] = append(all["public_ips"], addr.String())
	}
	return all
}

// plain matches texts in which nothing can be a template.
var plain = regexp.MustCompile(`^[\pL\pM\pN .,:;_@/+=()<>-]*$`)

// safe returns a value that Ansible takes as it is. Ansible would evaluate a template in any text of a variable, on the
// machine that runs the play and with its rights; who may name or tag an instance may not do that. Every variable goes through
// this function.
func safe(value any) any {
	switch v := value.(type) {
	case string:
		if plain.MatchString(v) {
			return v
		}
		return map[string]string{"__ansible_unsafe": v}
	case []string:
		list := make([]any, len(v))
		for i, text := range v {
			list[i] = safe(text)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) { // so those that stay as they are come before those that become the same
			name := safeKey(key)
			for _, taken := m[name]; taken; _, taken = m[name] {
				name += "_"
			}
			m[name] = safe(v[key])
		}
		return m
	default: // numbers
		return v
	}
}

var braces = strings.NewReplacer("{", "(", "}", ")")

// safeKey returns the key of a map, which cannot be marked as unsafe: braces become parentheses, and a key that Ansible would
// read as the mark of an encoding gets an underscore.
func safeKey(key string) string {
	if strings.HasPrefix(key, "__ansible") {
		key = "_" + key
	}
	return braces.Replace(key)
}
