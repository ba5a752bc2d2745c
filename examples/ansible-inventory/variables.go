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

// variables returns the variables of a host. Variables with empty values are left out.
func variables(inst ecs.Instance, s *selection.Selection) map[string]any {
	// Without an address, Ansible would connect to a host with the instance's name, and such a host may belong to
	// anybody. Names that end in .invalid never resolve (RFC 2606).
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
	return safe(vars).(map[string]any) //nolint:forcetypeassert // safe returns a map for a map
}

// texts returns the variables whose value is a single string.
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

// lists returns the variables whose value is a list of strings. For each variable whose name ends in _ips, there is
// also a variable whose name ends in _ip, which contains the first element.
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

// plain matches strings that cannot contain a template.
var plain = regexp.MustCompile(`^[\pL\pM\pN .,:;_@/+=()<>-]*$`)

// safe converts a value to a value in which Ansible does not evaluate templates. Ansible evaluates templates in every
// string variable, on the machine that runs the play and with the permissions of the play. People who may name or tag
// an instance must not be able to run code in this way, so every variable must be passed through safe.
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
		// Iterate over the keys in sorted order, so that a key that is not changed comes before keys that become
		// equal to it.
		for _, key := range slices.Sorted(maps.Keys(v)) {
			name := safeKey(key)
			for _, taken := m[name]; taken; _, taken = m[name] {
				name += "_"
			}
			m[name] = safe(v[key])
		}
		return m
	default: // a number
		return v
	}
}

var braces = strings.NewReplacer("{", "(", "}", ")")

// safeKey converts a map key to a key that Ansible does not evaluate. Unlike values, keys cannot be marked as unsafe.
// safeKey therefore replaces braces with parentheses, and puts an underscore before a key that Ansible would
// interpret as an encoding.
func safeKey(key string) string {
	if strings.HasPrefix(key, "__ansible") {
		key = "_" + key
	}
	return braces.Replace(key)
}
