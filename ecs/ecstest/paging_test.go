package ecstest_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// TestPageMode checks that PageNumber and PageSize select the right page, and that NoPageMode makes the server reject
// these parameters.
func TestPageMode(t *testing.T) {
	t.Parallel()
	srv := start(t, small(25)...)
	for _, test := range []struct {
		params             []string
		number, size       int
		first, rows, total int
	}{
		{nil, 1, 10, 0, 10, 25},
		{[]string{"PageNumber", "3"}, 3, 10, 20, 5, 25},
		{[]string{"PageSize", "7", "PageNumber", "2"}, 2, 7, 7, 7, 25},
		{[]string{"PageSize", "100"}, 1, 100, 0, 25, 25},
		{[]string{"PageNumber", "9"}, 9, 10, 0, 0, 25},
		{[]string{"PageNumber", "2147483647", "PageSize", "100"}, 2147483647, 100, 0, 0, 25},
		{[]string{"InstanceName", "*", "PageNumber", "3"}, 3, 10, 20, 5, 25},
	} {
		a := list(t, srv, test.params...)
		if a.PageNumber != test.number || a.PageSize != test.size || a.TotalCount != test.total || len(a.ids()) != test.rows || (a.NextToken != "") != (test.params == nil) {
			t.Errorf("%v: %s", test.params, a.raw)
		}
		if test.rows > 0 && a.ids()[0] != "i-"+pad(test.first) {
			t.Errorf("%v: %v", test.params, a.ids())
		}
	}
	srv.Configure(func(s *ecstest.Settings) { s.NoPageMode = true })
	if a := list(t, srv, "PageSize", "10"); a.status != 400 || a.Code != "NotSupported.PageNumberAndPageSize" {
		t.Errorf("without page mode: %s", a.raw)
	}
	if a := list(t, srv, "PageSize", "10", "MaxResults", "10"); a.status != 200 || a.NextToken == "" {
		t.Errorf("without page mode, by token: %s", a.raw)
	}
	if a := list(t, srv); a.status != 200 || a.NextToken == "" || len(a.ids()) != 10 {
		t.Errorf("without page mode and paging parameters: %s", a.raw)
	}
}

// TestTokens checks that page sizes are clamped and that tokens are opaque, reusable, and valid only with the same
// filters.
func TestTokens(t *testing.T) {
	t.Parallel()
	srv := start(t, small(250)...)
	for size, want := range map[string]int{"1": 10, "-5": 10, "10": 10, "37": 37, "100": 100, "1000": 100} {
		a := list(t, srv, "MaxResults", size, "PageNumber", "2", "PageSize", "50") // in token mode, the page number and size are ignored
		if len(a.ids()) != want || a.ids()[0] != "i-0000" || a.TotalCount != 0 {
			t.Errorf("MaxResults %s: %d rows from %s, TotalCount %d", size, len(a.ids()), a.ids()[0], a.TotalCount)
		}
	}
	if a := list(t, srv, "MaxResults", "100", "InstanceName", "i*"); a.NextToken != "" {
		t.Error("the last page has a token")
	}
	first := list(t, srv, "MaxResults", "100", "ZoneId", "", "Other", "x")
	if len(first.NextToken) != 32 {
		t.Fatalf("token %q", first.NextToken)
	}
	for range 2 {
		if a := list(t, srv, "NextToken", first.NextToken, "ZoneId", "", "Other", "x", "AdditionalAttributes.1", "META_OPTIONS"); len(a.ids()) != 10 || a.ids()[0] != "i-0100" {
			t.Errorf("second page: %v %s", a.ids(), a.Message)
		}
	}
	broken := []byte(first.NextToken)
	broken[0] ^= 1
	other := start(t, small(250)...)
	for name, a := range map[string]response{
		"other filters":      list(t, srv, "NextToken", first.NextToken, "ZoneId", "", "Other", "x", "Status", "Running"),
		"another region":     list(t, srv, "NextToken", first.NextToken, "ZoneId", "", "Other", "x", "RegionId", "cn-beijing"),
		"another server":     list(t, other, "NextToken", first.NextToken, "ZoneId", "", "Other", "x"),
		"a changed token":    list(t, srv, "NextToken", string(broken), "ZoneId", "", "Other", "x"),
		"of other operation": ask(t, srv, "ListTagResources", "ResourceType", "instance", "ResourceId.1", "i-0000", "NextToken", first.NextToken),
	} {
		if a.status != 400 || a.Code != "InvalidParameter.NextToken" {
			t.Errorf("%s: %d %s", name, a.status, a.raw[:min(200, len(a.raw))])
		}
	}
}

// TestEnd checks that fleets of different sizes are listed completely.
func TestEnd(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 9, 10, 11, 20, 25} {
		for _, empty := range []bool{false, true} {
			srv := start(t, small(n)...)
			srv.Configure(func(s *ecstest.Settings) { s.EmptyLastPage = empty })
			got := pages(t, srv, nil, "MaxResults", "10")
			want := max(1, (n+9)/10)
			if empty && n > 0 {
				want++
			}
			all := slices.Concat(got...)
			if len(got) != want || len(all) != n || !slices.IsSorted(all) || len(slices.Compact(all)) != n {
				t.Errorf("%d instances, empty end %v: %d pages, %d rows", n, empty, len(got), len(all))
			}
		}
	}
}

// TestEndOfFilter checks that a full page is the last page if no further instance matches.
func TestEndOfFilter(t *testing.T) {
	t.Parallel()
	fleet := small(30)
	for i := range 10 {
		fleet[i+5].Status = ecs.InstanceStatusRunning
	}
	srv := start(t, fleet...)
	if a := list(t, srv, "Status", "Running", "MaxResults", "10"); len(a.ids()) != 10 || a.NextToken != "" {
		t.Errorf("%d rows, token %q", len(a.ids()), a.NextToken)
	}
}

// TestChangingFleet changes the fleet during a listing. Every instance that exists throughout must be listed exactly
// once.
func TestChangingFleet(t *testing.T) {
	t.Parallel()
	srv := start(t, small(200)...)
	rng := rand.New(rand.NewPCG(1, 2))
	gone := map[string]bool{}
	all := slices.Concat(pages(t, srv, func(page int) {
		for range 5 {
			id := "i-" + pad(rng.IntN(200))
			gone[id] = true
			srv.Delete(id)
		}
		srv.Put(ecs.Instance{InstanceID: fmt.Sprintf("i-new%d", page), RegionID: "cn-hangzhou"})
		srv.Update("i-"+pad(rng.IntN(200)), func(i *ecs.Instance) { i.Status = ecs.InstanceStatusStopped })
	}, "MaxResults", "10")...)
	seen := map[string]int{}
	for _, id := range all {
		seen[id]++
	}
	for i := range 200 {
		if id := "i-" + pad(i); !gone[id] && seen[id] != 1 {
			t.Errorf("%s was listed %d times", id, seen[id])
		}
	}
	if len(gone) < 50 || slices.Max(slices.Collect(maps.Values(seen))) != 1 {
		t.Errorf("%d instances deleted, seen %v", len(gone), seen)
	}
}

// TestOverlap checks that the setting Overlap repeats instances on the next page.
func TestOverlap(t *testing.T) {
	t.Parallel()
	srv := start(t, small(35)...)
	srv.Configure(func(s *ecstest.Settings) { s.Overlap = 3 })
	got := pages(t, srv, nil, "MaxResults", "10")
	if !slices.Equal(got[1][:3], got[0][7:]) {
		t.Errorf("pages %v", got)
	}
	all := slices.Concat(got...)
	if slices.Sort(all); len(slices.Compact(all)) != 35 {
		t.Errorf("%d instances", len(all))
	}
}

// TestOnRequest checks that OnRequest can change the fleet between two pages.
func TestOnRequest(t *testing.T) {
	t.Parallel()
	srv := start(t, small(30)...)
	srv.Configure(func(s *ecstest.Settings) {
		s.OnRequest = func(r ecstest.Request) {
			if r.Params.Get("NextToken") != "" && r.AuthError == "" {
				srv.Delete("i-0015")
			}
		}
	})
	if got := slices.Concat(pages(t, srv, nil, "MaxResults", "10")...); len(got) != 29 || slices.Contains(got, "i-0015") {
		t.Errorf("got %v", got)
	}
}

// TestWithoutPagingParameters checks that a client that never sets MaxResults, like the vendor's CLI, can list all
// instances by following NextToken.
func TestWithoutPagingParameters(t *testing.T) {
	t.Parallel()
	fleet := small(2010)
	for i := range fleet {
		fleet[i].Tags, fleet[i].Status = []ecs.Tag{{Key: "env"}}, ecs.InstanceStatusRunning
		if i%3 == 0 {
			fleet[i].Status = ecs.InstanceStatusStopped
		}
	}
	srv := start(t, fleet...)
	for _, test := range []struct {
		params []string
		want   int
	}{
		{nil, 2010},
		{[]string{"Status", "Stopped"}, 670},
		{[]string{"InstanceIds", `["i-0000","i-0001"]`}, 2},
		{[]string{"InstanceIds", "[]"}, 0},
		{[]string{"Tag.1.Key", "env"}, 1000},
		{[]string{"Tag.1.Key", "env", "Status", "Stopped"}, 670},
	} {
		got := slices.Concat(pages(t, srv, nil, test.params...)...)
		if len(got) != test.want || !slices.IsSorted(got) || len(slices.Compact(got)) != test.want {
			t.Errorf("%v: %d instances, want %d", test.params, len(got), test.want)
		}
		if first := list(t, srv, test.params...); first.TotalCount != test.want {
			t.Errorf("%v: TotalCount %d, want %d", test.params, first.TotalCount, test.want)
		}
	}
	if a := list(t, srv, "PageNumber", "1"); a.NextToken != "" || a.TotalCount != 2010 {
		t.Errorf("with a page number: %s", a.raw[:200])
	}
	srv.Configure(func(s *ecstest.Settings) { s.TokensOnRequest = true })
	if a := list(t, srv); a.NextToken != "" || a.TotalCount != 2010 || len(a.ids()) != 10 {
		t.Errorf("with TokensOnRequest: %s", a.raw[:200])
	}
	if a := list(t, srv, "MaxResults", "10"); a.NextToken == "" {
		t.Error("TokensOnRequest: no token although MaxResults was set")
	}
}

// TestNoTokenMode checks that NoTokenMode makes the server ignore MaxResults and NextToken, and still support page
// numbers.
func TestNoTokenMode(t *testing.T) {
	t.Parallel()
	srv := start(t, small(250)...)
	token := list(t, srv, "MaxResults", "100").NextToken
	srv.Configure(func(s *ecstest.Settings) { s.NoTokenMode, s.EmptyLastPage = true, true })
	for _, test := range []struct {
		params []string
		first  string
		rows   int
	}{
		{nil, "i-0000", 10},
		{[]string{"MaxResults", "100"}, "i-0000", 10},
		{[]string{"MaxResults", "100", "NextToken", token}, "i-0000", 10},
		{[]string{"MaxResults", "x", "NextToken", "x"}, "i-0000", 10},
		{[]string{"MaxResults", "100", "PageSize", "100", "PageNumber", "3"}, "i-0200", 50},
		{[]string{"InstanceName", "*", "PageSize", "50", "PageNumber", "2"}, "i-0050", 50},
	} {
		a := list(t, srv, test.params...)
		if a.status != 200 || a.NextToken != "" || a.TotalCount != 250 || len(a.ids()) != test.rows || a.ids()[0] != test.first {
			t.Errorf("%v: %d instances, TotalCount %d, token %q", test.params, len(a.ids()), a.TotalCount, a.NextToken)
		}
	}
}
