package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/realtool"
)

// block returns a code block of the given language from the README. The argument n is the index among the blocks of
// this language.
func block(t *testing.T, language string, n int) string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)\n```"+language+"\n(.*?)\n```\n").FindAllSubmatch(readme, -1)
	if len(blocks) <= n {
		t.Fatalf("the README has only %d code blocks of %s", len(blocks), language)
	}
	return string(blocks[n][1])
}

// startPrometheus starts the real Prometheus and returns its URL.
func startPrometheus(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &prometheusLog{listening: make(chan string, 1)}
	c := exec.CommandContext(t.Context(), realtool.Find(t, "prometheus", "prometheus"),
		"--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0")
	c.Stderr = log
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) } // Prometheus must stop writing before its directory is removed
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		err := <-ended
		t.Log("prometheus ended:", err)
	})
	select {
	case address := <-log.listening:
		return "http://" + address
	case err := <-ended:
		ended <- err
		t.Fatalf("prometheus: %v\n%s", err, &log.text)
		return ""
	}
}

// prometheusLog receives the log of Prometheus and extracts the listen address.
type prometheusLog struct {
	text      bytes.Buffer
	listening chan string
}

var listeningOn = regexp.MustCompile(`msg="Listening on".* address=(127\.0\.0\.1:\d+)`)

func (l *prometheusLog) Write(b []byte) (int, error) {
	before := listeningOn.Match(l.text.Bytes())
	l.text.Write(b)
	if m := listeningOn.FindSubmatch(l.text.Bytes()); m != nil && !before {
		l.listening <- string(m[1])
	}
	return len(b), nil
}

// target is a target in the response of /api/v1/targets.
type target struct {
	DiscoveredLabels map[string]string `json:"discoveredLabels"`
	Labels           map[string]string `json:"labels"`
	ScrapeURL        string            `json:"scrapeUrl"`
}

// targets returns Prometheus's active targets and dropped targets by instance id.
func targets(t *testing.T, prometheus string) (active, dropped map[string]target) {
	t.Helper()
	var response struct {
		Status string
		Data   struct{ ActiveTargets, DroppedTargets []target }
	}
	body := get(t, prometheus+"/api/v1/targets", http.StatusOK)
	if err := json.Unmarshal([]byte(body), &response); err != nil || response.Status != "success" {
		t.Fatalf("%v: %.500s", err, body)
	}
	byID := func(list []target) map[string]target {
		m := map[string]target{}
		for _, target := range list {
			if id := target.DiscoveredLabels["__meta_ecs_instance_id"]; id != "" {
				if _, twice := m[id]; twice {
					t.Errorf("%s appears twice among the targets", id)
				}
				m[id] = target
			}
		}
		return m
	}
	return byID(response.Data.ActiveTargets), byID(response.Data.DroppedTargets)
}

// TestRealPrometheus verifies that the real Prometheus, with the configuration from the README, discovers all
// instances and never loses a target. Every target's address is replaced with the address of a local server.
func TestRealPrometheus(t *testing.T) {
	t.Parallel()
	realtool.Find(t, "prometheus", "prometheus")
	fleet := ecstest.Fleet(100, 1)
	fleet[0].Tags = append(fleet[0].Tags, ecs.Tag{Key: "环境", Value: "生产"}, ecs.Tag{Key: "monitoring", Value: "off"})
	fleet[0].Status, fleet[3].Status = ecs.InstanceStatusRunning, ecs.InstanceStatusRunning
	fleet[3].Tags = append(fleet[3].Tags, ecs.Tag{Key: "job", Value: "x"}, ecs.Tag{Key: "instance", Value: "x"}, ecs.Tag{Key: "region", Value: "x"}) // these tags must not overwrite the labels with the same names
	server := newServer(t, fleet...)
	server.Configure(func(s *ecstest.Settings) { s.EmptyIfDenied = true })
	args := []string{"-region", "all", "-interval", "200ms", "-stale-after", "5m", "-state", filepath.Join(t.TempDir(), "state.json")}
	sd, stop := start(t, server, args...)
	address := strings.TrimPrefix(sd, "http://")
	prometheus := startPrometheus(t, strings.NewReplacer(
		"127.0.0.1:9465", address,
		"refresh_interval: 1m", "refresh_interval: 200ms",
		"scrape_interval: 15s", "scrape_interval: 200ms",
		"        regex: (.+):\\d+;(\\d+)\n", "        regex: .*\n",
		"        replacement: $1:$2\n", "        replacement: "+address+"\n",
	).Replace(block(t, "yaml", 0)))

	var active, dropped map[string]target
	for range poll(t) {
		if active, dropped = targets(t, prometheus); len(active)+len(dropped) >= len(fleet) {
			break
		}
	}
	if len(active)+len(dropped) != len(fleet) {
		t.Fatalf("%d + %d targets, want %d", len(active), len(dropped), len(fleet))
	}
	for i, inst := range fleet {
		got, scraped := active[inst.InstanceID]
		if want := inst.Status == ecs.InstanceStatusRunning && i != 0; scraped != want {
			t.Errorf("%s, %s: scraped %v", inst.InstanceID, inst.Status, scraped)
		}
		if !scraped {
			got = dropped[inst.InstanceID]
		}
		private := append(inst.VPCAttributes.PrivateIPAddress, inst.InnerIPAddress...)[0]
		want := map[string]string{
			"__meta_ecs_private_ip": private, "__meta_ecs_public_ip": strings.Join(append(inst.PublicIPAddress, inst.EIPAddress.IPAddress), ""),
			"__meta_ecs_instance_name": inst.InstanceName, "__meta_ecs_instance_status": string(inst.Status), "__meta_ecs_instance_type": inst.InstanceType,
			"__meta_ecs_region": inst.RegionID, "__meta_ecs_zone": inst.ZoneID, "__meta_ecs_vpc_id": inst.VPCAttributes.VPCID, "__meta_ecs_vswitch_id": inst.VPCAttributes.VSwitchID,
			"__meta_ecs_network_type": string(inst.InstanceNetworkType), "__meta_ecs_charge_type": string(inst.InstanceChargeType), "__meta_ecs_image_id": inst.ImageID,
			"__meta_ecs_os_type": string(inst.OSType), "__meta_ecs_resource_group_id": inst.ResourceGroupID, "__meta_ecs_host_name": inst.HostName,
			"__meta_ecs_security_groups": "," + strings.Join(inst.SecurityGroupIDs, ",") + ",",
		}
		relabelled := map[string]string{"instance": inst.InstanceID, "name": inst.InstanceName, "region": inst.RegionID, "zone": inst.ZoneID, "job": "node"}
		for _, tag := range inst.Tags {
			switch tag.Key {
			case "env", "app", "job", "instance", "region":
				want["__meta_ecs_tag_"+tag.Key], relabelled["tag_"+tag.Key] = tag.Value, tag.Value
			case "部门":
				want["__meta_ecs_tag__u90e8_u95e8"], relabelled["department"] = tag.Value, tag.Value
			case "负责人":
				want["__meta_ecs_tag__u8d1f_u8d23_u4eba"], relabelled["owner"] = tag.Value, tag.Value
			case "环境":
				want["__meta_ecs_tag__u73af_u5883"] = tag.Value
			case "acs:autoscaling:scalingGroupId":
				want["__meta_ecs_tag_acs_autoscaling_scalingGroupId"] = tag.Value
			}
		}
		if !scraped { // Prometheus 2.42 shows the relabeled address of scraped targets
			want["__address__"] = private + ":9100"
		}
		for name, value := range want {
			if got.DiscoveredLabels[name] != value {
				t.Errorf("%s: %s is %q, want %q", inst.InstanceID, name, got.DiscoveredLabels[name], value)
			}
		}
		if scraped && fmt.Sprint(got.Labels) != fmt.Sprint(relabelled) {
			t.Errorf("%s: labels %v, want %v", inst.InstanceID, got.Labels, relabelled)
		}
		if scraped && got.ScrapeURL != sd+"/metrics" {
			t.Fatalf("Prometheus would scrape %s at %s", inst.InstanceID, got.ScrapeURL)
		}
	}

	// Change the instances.
	server.Delete(fleet[1].InstanceID)
	fresh := fleet[2]
	fresh.InstanceID = "i-fresh"
	server.Put(fresh)
	for range poll(t) {
		active, dropped = targets(t, prometheus)
		_, gone := merged(active, dropped)[fleet[1].InstanceID]
		if _, ok := merged(active, dropped)["i-fresh"]; ok && !gone {
			break
		}
	}
	if all := merged(active, dropped); len(all) != len(fleet) || all["i-fresh"].DiscoveredLabels == nil {
		t.Errorf("%d targets after one was removed and one was added", len(all))
	}

	// Throttle one region, withdraw the permission for another region, and restart the program. Prometheus must not
	// lose a target.
	lost := map[string]ecs.Instance{"throttled": fleet[2], "forbidden": inAnotherRegion(t, fleet[3:], fleet[2].RegionID)}
	for kind, fault := range map[string]ecstest.Fault{"throttled": {Code: "Throttling.User"}, "forbidden": {Denied: true}} {
		fault.Region, fault.Times = lost[kind].RegionID, -1
		server.Inject(fault)
	}
	complete := func(when string) {
		t.Helper()
		list := get(t, sd+"/sd", http.StatusOK)
		active, dropped = targets(t, prometheus)
		all := merged(active, dropped)
		if listed := strings.Count(list, `"__meta_ecs_instance_id"`); listed != len(fleet) || len(all) != len(fleet) {
			t.Errorf("%d instances are listed and %d are targets %s", listed, len(all), when)
		}
		for kind, inst := range lost {
			if !strings.Contains(list, inst.InstanceID) || all[inst.InstanceID].DiscoveredLabels == nil {
				t.Errorf("%s: a target was lost %s", kind, when)
			}
		}
	}
	for kind, inst := range lost {
		failures := fmt.Sprintf(`ecs_sd_refresh_failures_total{region=%q,kind=%q} > 2`, inst.RegionID, kind)
		until(t, func() bool {
			complete("while the regions fail")
			return strings.Contains(get(t, prometheus+"/api/v1/query?query="+url.QueryEscape(failures), http.StatusOK), `"job":"prometheus-sd"`)
		})
	}
	stop()
	sd, _ = start(t, server, append(args, "-listen", address)...)
	get(t, sd+"/sd", http.StatusOK)
	// Wait until Prometheus has fetched the new list and has updated its targets twice.
	refreshed := counter(t, prometheus, refreshes)
	until(t, func() bool { return counter(t, prometheus, refreshes) > refreshed+1 })
	applied := counter(t, prometheus, applications)
	until(t, func() bool {
		complete("after a restart")
		return counter(t, prometheus, applications) > applied+1
	})
	server.ClearFaults()
	until(t, func() bool { return !strings.Contains(get(t, sd+"/healthz", http.StatusOK), "failed") })
	complete("afterwards")
	gone := lost["forbidden"].InstanceID
	server.Delete(gone)
	until(t, func() bool {
		active, dropped = targets(t, prometheus)
		_, there := merged(active, dropped)[gone]
		return !there
	})
	if all := merged(active, dropped); len(all) != len(fleet)-1 {
		t.Errorf("%d targets after one was removed", len(all))
	}
}

// inAnotherRegion returns an instance that is not in the given region.
func inAnotherRegion(t *testing.T, fleet []ecs.Instance, region string) ecs.Instance {
	t.Helper()
	n := slices.IndexFunc(fleet, func(i ecs.Instance) bool { return i.RegionID != region })
	if n < 0 {
		t.Fatal("all instances are in " + region)
	}
	return fleet[n]
}

// until waits until done returns true. It fails the test after three minutes.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for range poll(t) {
		if done() {
			return
		}
	}
	t.Fatal("the condition does not hold after three minutes")
}

// These are the names of two counters of Prometheus. One counts how often Prometheus has fetched the list of targets,
// and the other counts how often it has updated its scrape targets.
const (
	refreshes    = `prometheus_sd_refresh_duration_seconds_count\{.*mechanism="http".*\}`
	applications = `prometheus_target_sync_length_seconds_count\{scrape_job="node"\}`
)

// counter returns the value of a Prometheus counter.
func counter(t *testing.T, prometheus, pattern string) (n int) {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + pattern + ` (\d+)$`).FindStringSubmatch(get(t, prometheus+"/metrics", http.StatusOK))
	if m == nil {
		t.Fatal("Prometheus has no counter " + pattern)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func merged(a, b map[string]target) map[string]target {
	m := maps.Clone(a)
	maps.Copy(m, b)
	return m
}

// TestRealPromtool verifies that the alert rules in the README are valid and use existing metrics.
func TestRealPromtool(t *testing.T) {
	t.Parallel()
	promtool := realtool.Find(t, "prometheus", "promtool")
	file := filepath.Join(t.TempDir(), "rules.yml")
	rules := block(t, "yaml", 1)
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", file).CombinedOutput(); err != nil || !strings.Contains(string(out), "2 rules found") {
		t.Errorf("%v: %s", err, out)
	}
	source, err := os.ReadFile("metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`ecs_sd_\w+`).FindAllString(string(readme), -1) {
		if !bytes.Contains(source, []byte(`"`+name+`"`)) {
			t.Errorf("there is no metric %s", name)
		}
	}
}
