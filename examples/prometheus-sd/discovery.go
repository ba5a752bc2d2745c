package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
)

// discovery keeps the list of targets fresh.
type discovery struct {
	client     *ecs.Client
	selection  *selection.Selection
	ports      []string
	interval   time.Duration
	staleAfter time.Duration
	log        *slog.Logger
	metrics    *metrics

	started time.Time
	regions map[string]region // what is known by region; of the goroutine that refreshes
	state   atomic.Pointer[state]
}

// region is what was last read of a region.
type region struct {
	instances []ecs.Instance
	read      time.Time
}

// state is what a refresh leaves to those who ask.
type state struct {
	list     []byte // the JSON of all targets; nil when there is none to serve yet
	regions  map[string]summary
	read     time.Time        // when something was last read
	complete time.Time        // when every region was last read; zero is never
	failed   map[string]error // by region, in the last refresh; "" is for what failed before any region was asked
}

// summary is a region's part of the list.
type summary struct {
	targets     int
	unreachable int // instances without an address
	read        time.Time
}

// run refreshes the list until ctx ends.
func (d *discovery) run(ctx context.Context) {
	for ctx.Err() == nil {
		d.refresh(ctx)
		// Jitter, so that several servers that started together do not ask together for ever.
		wait := time.NewTimer(time.Duration(float64(d.interval) * (0.9 + 0.2*rand.Float64())))
		select {
		case <-ctx.Done():
			wait.Stop()
		case <-wait.C:
		}
	}
}

// refresh reads all regions and makes a new list. What cannot be read stays in the list as it was last known.
func (d *discovery) refresh(ctx context.Context) {
	started := time.Now()
	limited, cancel := context.WithTimeout(ctx, d.staleAfter)
	defer cancel()
	fresh, failed := d.read(limited)
	if ctx.Err() != nil {
		return // an interrupted refresh has not failed
	}
	d.metrics.duration.Observe(time.Since(started).Seconds())

	next := &state{regions: map[string]summary{}, failed: failed}
	if last := d.state.Load(); last != nil {
		next.list, next.regions, next.read, next.complete = last.list, last.regions, last.read, last.complete
	}
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		err, kind := failed[name], selection.Kind(failed[name])
		d.metrics.failures.WithLabelValues(name, kind).Inc()
		d.log.Warn("cannot read all instances, those known from before stay in the list", "region", name, "known", len(d.regions[name].instances), "kind", kind, "error", selection.Text(err))
	}
	if failed[""] == nil {
		var behind int
		d.regions, behind = d.merge(fresh, failed, started)
		if behind == 0 {
			next.complete, next.read = started, started
		}
		for _, r := range d.regions {
			if r.read.Equal(started) {
				next.read = started
			}
		}
		// Prometheus keeps the targets it knows while there is no list. A first list without a region would take that
		// region's targets away, so it waits for the region; but not for ever.
		if next.list != nil || behind == 0 || time.Since(d.started) >= d.staleAfter {
			next.list, next.regions = d.render()
		}
	}
	d.state.Store(next)
	d.log.Debug("refreshed", "targets", next.targets(), "regions", len(next.regions), "failed", len(failed), "took", time.Since(started))
}

// read asks for all instances. The failures are by region; "" is for what failed before any region was asked.
func (d *discovery) read(ctx context.Context) (fresh map[string][]ecs.Instance, failed map[string]error) {
	fresh, failed = map[string][]ecs.Instance{}, map[string]error{}
	for inst, err := range d.client.InstancesInRegions(ctx, d.selection.Regions, d.selection.Request, nil) {
		var regional *ecs.RegionError
		ok := errors.As(err, &regional)
		switch {
		case err == nil:
			fresh[inst.RegionID] = append(fresh[inst.RegionID], inst)
		case ok:
			failed[regional.Region] = regional.Err
		default:
			failed[""] = err
		}
	}
	// The API shows an empty region to those who may not look. One that had instances is believed to be empty only when
	// listing it is permitted.
	for name, known := range d.regions {
		if len(known.instances) == 0 || len(fresh[name]) > 0 || failed[name] != nil || failed[""] != nil {
			continue
		}
		c, err := d.client.InRegion(name)
		if err == nil {
			err = c.DryRun(ctx, d.selection.Request)
		}
		if err != nil {
			failed[name] = err
		}
	}
	maps.Copy(failed, selection.Denied(ctx, d.client, d.unproven(fresh, failed), d.selection.Request))
	return fresh, failed
}

// unproven are the regions that look empty and may be hidden by a policy, as far as they are named. Once one could be read,
// it is not asked about again at every refresh.
func (d *discovery) unproven(fresh map[string][]ecs.Instance, failed map[string]error) (names []string) {
	last := d.state.Load()
	for _, name := range d.selection.Regions {
		if len(fresh[name]) > 0 || failed[name] != nil || failed[""] != nil {
			continue
		}
		if last == nil || last.failed[name] != nil || last.failed[""] != nil {
			names = append(names, name)
		}
	}
	return names
}

// merge puts together what was read and, of what failed, what is known from before; behind is how many regions were not
// read.
func (d *discovery) merge(fresh map[string][]ecs.Instance, failed map[string]error, now time.Time) (merged map[string]region, behind int) {
	merged = map[string]region{}
	for name, instances := range fresh {
		merged[name] = region{instances, now}
	}
	for name, err := range failed {
		known, ok := d.regions[name]
		var incomplete *ecs.IncompleteError
		most := errors.As(err, &incomplete)
		switch {
		case most: // all was read but the instances it names: these alone are as before
			read := region{fresh[name], now}
			for _, u := range incomplete.Undecoded {
				if i := slices.IndexFunc(known.instances, func(inst ecs.Instance) bool { return inst.InstanceID == u.InstanceID }); i >= 0 {
					read.instances = append(read.instances, known.instances[i])
				}
			}
			merged[name] = read
		case ok:
			merged[name] = known
			behind++
		default:
			delete(merged, name) // the listing broke off: a part of a region is no list of it
			behind++
		}
	}
	return merged, behind
}

// group is a target group of Prometheus.
type group struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// render writes the list, a line for each instance and always in the same order, and sums it up.
func (d *discovery) render() (list []byte, summaries map[string]summary) {
	var out bytes.Buffer
	summaries = map[string]summary{}
	out.WriteByte('[')
	for _, name := range slices.Sorted(maps.Keys(d.regions)) {
		r := d.regions[name]
		sum := summary{read: r.read}
		slices.SortFunc(r.instances, func(a, b ecs.Instance) int { return cmp.Compare(a.InstanceID, b.InstanceID) })
		for _, inst := range r.instances {
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
				panic(err) // strings can always be written
			}
			if out.Len() > 1 {
				out.WriteByte(',')
			}
			out.WriteByte('\n')
			out.Write(line)
			sum.targets += len(g.Targets)
		}
		summaries[name] = sum
	}
	out.WriteString("\n]\n")
	return out.Bytes(), summaries
}

// targets is how many there are in the list.
func (s *state) targets() int {
	n := 0
	for _, sum := range s.regions {
		n += sum.targets
	}
	return n
}

// labels describes an instance in the manner of Prometheus' discoveries of other clouds: what is empty is left out, lists
// are joined with a comma before, between and after, so that a regular expression may ask for ",sg-1,".
func labels(inst ecs.Instance) map[string]string {
	all := map[string]string{
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
		"image_id":          inst.ImageID,
		"os_type":           string(inst.OSType),
		"resource_group_id": inst.ResourceGroupID,
	}
	if addr := inst.PrivateAddr(); addr.IsValid() {
		all["private_ip"] = addr.String()
	}
	if addrs := inst.PublicAddrs(); len(addrs) > 0 {
		all["public_ip"] = addrs[0].String()
	}
	if len(inst.SecurityGroupIDs) > 0 {
		all["security_groups"] = "," + strings.Join(inst.SecurityGroupIDs, ",") + ","
	}
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

// tagLabels gives every tag a label of its own. Two keys whose names come out the same, such as "a.b" and "a-b", are
// told apart by a number; a key that is a name as it is comes first.
func tagLabels(tags []ecs.Tag) map[string]string {
	named := make(map[string]string, len(tags))
	inOrder := slices.SortedFunc(slices.Values(tags), func(a, b ecs.Tag) int {
		exactA, exactB := labelName(a.Key) == a.Key, labelName(b.Key) == b.Key
		if exactA != exactB {
			return map[bool]int{true: -1, false: 1}[exactA]
		}
		return cmp.Compare(a.Key, b.Key)
	})
	for _, tag := range inOrder {
		name := labelName(tag.Key)
		for n := 2; ; n++ {
			if _, taken := named[name]; !taken {
				break
			}
			name = fmt.Sprintf("%s_%d", labelName(tag.Key), n)
		}
		named[name] = tag.Value
	}
	return named
}

// labelName makes the end of a label name from a tag's key: as in Prometheus' other discoveries, what a label name cannot
// have becomes an underscore. But a character beyond ASCII becomes its code point, 环 is _u73af: by underscores alone all
// Chinese keys of two characters would be the same.
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
