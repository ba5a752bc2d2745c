package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// TestStateReplacesLinks verifies that the program does not write the state file through a symbolic link, which an
// attacker may have created.
func TestStateReplacesLinks(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	precious, file := filepath.Join(folder, "precious"), filepath.Join(folder, "state.json")
	const content = `{"filters":"","instances":[]}`
	if err := os.WriteFile(precious, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, file); err != nil {
		t.Skip(err)
	}
	if err := save(file, "", fleet{place{"", "cn-hangzhou"}: {instance("i-1", "cn-hangzhou")}}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(precious); err != nil || string(text) != content {
		t.Errorf("the file behind the link was changed: %s, %v", text, err)
	}
	info, err := os.Lstat(file)
	if err != nil || !info.Mode().IsRegular() || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, saved, err := load(file); err != nil || len(saved) != 1 {
		t.Errorf("%v, %v", saved, err)
	}
	if left, _ := filepath.Glob(file + ".*"); len(left) > 0 {
		t.Errorf("temporary files remain: %s", left)
	}
}

// TestTargetsAreAddresses verifies that every target is an address and a port, whatever the API returns.
func TestTargetsAreAddresses(t *testing.T) {
	t.Parallel()
	inst := instance("i-1", "cn-hangzhou")
	inst.VPCAttributes.PrivateIPAddress = []string{"fe80::1%]/x:1@evil.example"}
	list, _ := (&discovery{selection: &(&config{}).Selection, ports: []string{"9100"}}).render(fleet{place{"", "cn-hangzhou"}: {inst}})
	var groups []group
	if err := json.Unmarshal(list, &groups); err != nil || len(groups) != 1 || groups[0].Targets[0] != "[fe80::1]:9100" {
		t.Errorf("%s, %v", list, err)
	}
}

// TestHostileRegions verifies that the server still responds if the API returns hostile region names, and that its
// output contains no control characters.
func TestHostileRegions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, instance("i-1", "cn-hangzhou"))
		body := `{"RequestId":"R","Regions":{"Region":[{"RegionId":"cn-hangzhou"},{"RegionId":"a` + "\xff" + `b"},{"RegionId":"x\n\u001b[2J\u202e"},{"RegionId":""},{"RegionId":"` + strings.Repeat("y", 5000) + `"}]}}`
		w.server.Inject(ecstest.Fault{Action: "DescribeRegions", Body: []byte(body), Times: -1})
		w.start(t)
		w.refresh(t)
		for _, path := range []string{"/metrics", "/healthz", "/sd"} {
			if r := w.get(path); r.Code == http.StatusInternalServerError || strings.ContainsAny(r.Body.String(), "\x1b\u202e") {
				t.Errorf("%s: %d %.2000s", path, r.Code, r.Body)
			}
		}
		if strings.ContainsAny(w.log.String(), "\x1b\u202e") {
			t.Errorf("%s", w.log.String())
		}
	})
}

// TestNoSniffing verifies that browsers are told not to guess the content type of a response.
func TestNoSniffing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, ecs.Instance{InstanceID: "i-1", InstanceName: "<script>alert(1)</script>", RegionID: "cn-hangzhou"})
		w.start(t)
		for _, path := range []string{"/", "/sd", "/healthz", "/metrics", "/nope"} {
			if r := w.get(path); r.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: %v", path, r.Header())
			}
		}
	})
}
