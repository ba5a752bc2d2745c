package failure

import (
	"net"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

func TestSuggestRegion(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"cn-hangzou": "cn-hangzhou", "cn-hangzhuo": "cn-hangzhou", "hangzhou": "cn-hangzhou", "beijng": "cn-beijing", "cn-hangzhou-h": "cn-hangzhou",
		"us-west1": "us-west-1", "eu-central": "eu-central-1", "cn-privat-1": "cn-private-1", "moon": "", "": "",
	} {
		got := SuggestRegion(name, "cn-private-1")
		if strings.Contains(got, "did you mean") != (want != "") || !strings.Contains(got, want) || !strings.HasSuffix(got, "lists all regions") {
			t.Errorf("%s%s, want %q", name, got, want)
		}
	}
}

// TestMisspeltRegion verifies the advice about a misspelled region id.
func TestMisspeltRegion(t *testing.T) {
	t.Parallel()
	noHost := wrapped(&net.DNSError{Err: "no such host", IsNotFound: true})
	refused := &ecs.Error{Code: "InvalidRegionId.NotFound", StatusCode: 404, Action: "DescribeInstances"}
	for _, tt := range []struct {
		region      string
		setup       Setup
		err         error
		want, never string
	}{
		{"cn-hangzou", Setup{}, noHost, "check the region id cn-hangzou: did you mean cn-hangzhou?", "name server"},
		{"cn-hangzou", Setup{VPC: true}, noHost, "did you mean cn-hangzhou?", "name server"},
		{"cn-hangzou", Setup{Endpoint: "x"}, noHost, "the host of -endpoint", "did you mean"},
		{"cn-hangzou", Setup{Endpoint: "x"}, refused, "did you mean cn-hangzhou?", ""},
		{"cn-hangzhou", Setup{}, noHost, "check the name server", "region id"},
		{"xx-new-1", Setup{}, noHost, `check the region id xx-new-1: "inventory -region all -dry-run" lists all regions`, "did you mean"},
	} {
		got := tt.setup.Advice(&ecs.RegionError{Region: tt.region, Err: tt.err})
		if !strings.Contains(got, tt.want) || tt.never != "" && strings.Contains(got, tt.never) {
			t.Errorf("%s, %+v, %v: %q, want %q", tt.region, tt.setup, tt.err, got, tt.want)
		}
	}
}
