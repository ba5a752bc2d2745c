package selection

import (
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// TestUselessExclusions verifies that the program warns about a misspelled region in -exclude-region.
func TestUselessExclusions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args     string
		fails    bool   // DescribeRegions fails
		want     string // parts of the warnings, separated by |
		requests int
	}{
		{args: "-region all -exclude-region cn-heyuann,cn-fuzhou", want: "-exclude-region cn-heyuann has no effect: there is no such region: did you mean cn-heyuan?", requests: 1},
		{args: "-region all -exclude-region cn-privat-1,moon", want: "did you mean cn-private-1?|-exclude-region moon has no effect", requests: 1},
		{args: "-region all -exclude-region cn-private-1", requests: 1},
		{args: "-region all -exclude-region cn-heyuan"},
		{args: "-region all"},
		{args: "-region all -exclude-region moon", fails: true, requests: 1}, // the listing will report the failure
		{args: "-region cn-hangzhou,cn-own-1 -exclude-region cn-own-1"},
		{args: "-region cn-hangzhou,cn-own-1 -exclude-region cn-own1", want: "did you mean cn-own-1?"},
		{args: "-region cn-hangzhou -exclude-region cn-beijing"}, // no warning, because the region exists
	} {
		s, err := parse(tt.args, nil)
		if err != nil {
			t.Fatal(err)
		}
		server := ecstest.NewServer(ecs.Instance{InstanceID: "i-1", RegionID: "cn-private-1"})
		defer server.Close()
		if tt.fails {
			server.Inject(ecstest.Fault{Action: "DescribeRegions", Code: "Forbidden.RAM", Times: -1})
		}
		sources, done, err := s.Open(func(_ bool, region string, opts *ecs.Options) (*ecs.Client, func(), error) {
			c, err := server.Client(region, opts)
			return c, func() {}, err
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		warnings := s.UselessExclusions(t.Context(), sources)
		var wants []string
		if tt.want != "" {
			wants = strings.Split(tt.want, "|")
		}
		if len(warnings) != len(wants) || len(server.Requests()) != tt.requests {
			t.Errorf("%s: %d requests, %q", tt.args, len(server.Requests()), warnings)
			continue
		}
		for i, want := range wants {
			if !strings.Contains(warnings[i], want) {
				t.Errorf("%s: %q, want %q", tt.args, warnings[i], want)
			}
		}
	}
}
