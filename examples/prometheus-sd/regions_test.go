package main

import (
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
)

// TestMisspeltRegions verifies that the message about a nonexistent region suggests a similar region.
func TestMisspeltRegions(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-region cn-hangzou -once":                     "did you mean cn-hangzhou?",
		"-region all -exclude-region cn-hangzou -once": "prometheus-sd: -exclude-region cn-hangzou has no effect: there is no such region: did you mean cn-hangzhou?",
	} {
		p, _, stderr := newProgram(newServer(t, instance("i-1", "cn-hangzhou")))
		if p.run(t.Context(), strings.Fields(args)); !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: %s", args, stderr)
		}
	}
	server := newServer(t, instance("i-1", "cn-hangzhou"))
	url, stop := start(t, server, "-region", "all", "-exclude-region", "cn-hangzou")
	get(t, url+"/sd", http.StatusOK)
	for range poll(t) {
		if len(slices.Collect(regionRequests(server))) == 2 { // one request for the listing and one for the check
			break
		}
	}
	if code, log := stop(); code != failure.ExitOK || strings.Count(log, "did you mean cn-hangzhou?") != 1 {
		t.Errorf("%d: %s", code, log)
	}
}

// regionRequests returns the DescribeRegions requests that the server has received.
func regionRequests(s *ecstest.Server) iter.Seq[ecstest.Request] {
	return func(yield func(ecstest.Request) bool) {
		for _, r := range s.Requests() {
			if r.Action == "DescribeRegions" && !yield(r) {
				return
			}
		}
	}
}

func TestDemoNotice(t *testing.T) {
	t.Parallel()
	p, _, stderr := newProgram(nil)
	if code := p.run(t.Context(), []string{"-demo", "-once"}); code != failure.ExitOK || !strings.Contains(stderr.String(), "prometheus-sd: "+demo.Notice()+"\n") {
		t.Errorf("%d: %s", code, stderr)
	}
}
