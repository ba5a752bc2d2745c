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

// variables returns the Ansible variables of a host. It omits variables with empty values.
func variables(inst ecs.Instance, s *selection.Selection) map[string]any {
	// If ansible_host were not set, Ansible would connect to whichever host has the instance's name. Names that end
	// in .invalid never resolve (RFC 2606).
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

// texts returns the variables that are strings.
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

// lists returns the variables that are lists. For a list such as private_ips, the function variables also defines
// private_ip, which contains the first element.
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

// safe returns a copy of a value in which Ansible does not evaluate templates. Every variable must be passed through
// safe. Otherwise, anyone who may tag an instance could run code on the machine that runs Ansible.
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
		// safeKey may return the same name for two keys. In sorted order, a key that safeKey does not change comes
		// first and keeps its name.
		for _, key := range slices.Sorted(maps.Keys(v)) {
			name := safeKey(key)
			for _, taken := m[name]; taken; _, taken = m[name] {
				name += "_"
			}
			m[name] = safe(v[key])
		}
		return m
	default: // a number cannot contain a template
		return v
	}
}

var braces = strings.NewReplacer("{", "(", "}", ")")

// safeKey returns a map key that Ansible does not evaluate as a template. It replaces braces, because Ansible cannot
// mark keys as unsafe.
func safeKey(key string) string {
	if strings.HasPrefix(key, "__ansible") {
		key = "_" + key
	}
	return braces.Replace(key)
}
