package ecstest_test

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// tagPages lists tags page by page. It returns "id key value" for each tag, the number of pages, and the last token.
func tagPages(t *testing.T, srv *ecstest.Server, params ...string) (rows []string, n int, end string) {
	t.Helper()
	token := ""
	for range 200 {
		a := ask(t, srv, "ListTagResources", append(slices.Clone(params), "ResourceType", "instance", "NextToken", token)...)
		if a.status != 200 || len(a.TagResources.TagResource) > 50 {
			t.Fatalf("%d rows: %s", len(a.TagResources.TagResource), a.raw)
		}
		for _, r := range a.TagResources.TagResource {
			rows = append(rows, r.ResourceID+" "+r.TagKey+" "+r.TagValue)
		}
		n++
		if a.NextToken == "" || a.NextToken == token {
			return rows, n, a.NextToken
		}
		token = a.NextToken
	}
	t.Fatal("the listing does not end")
	return nil, 0, ""
}

func TestTagResources(t *testing.T) {
	t.Parallel()
	fleet := small(130)
	var want, group []string
	for i := range fleet {
		for k := range i % 4 {
			tag := ecs.Tag{Key: "k" + strconv.Itoa(k), Value: strconv.Itoa(i % 3)}
			fleet[i].Tags = append(fleet[i].Tags, tag)
			want = append(want, fleet[i].InstanceID+" "+tag.Key+" "+tag.Value)
		}
		if i%2 == 0 {
			fleet[i].ResourceGroupID = "rg-1"
			group = append(group, fleet[i].InstanceID+" acs:rm:rgId rg-1")
		}
	}
	srv := start(t, fleet...)
	for _, repeat := range []bool{false, true} {
		srv.Configure(func(s *ecstest.Settings) { s.RepeatEndToken = repeat })
		if rows, n, end := tagPages(t, srv, "Tag.1.Key", "k0"); !slices.Equal(rows, want) || n != 4 || (end != "") != repeat {
			t.Errorf("%d rows on %d pages, want %d", len(rows), n, len(want))
		}
		if rows, n, end := tagPages(t, srv, "Tag.1.Key", "acs:rm:rgId", "Tag.1.Value", "rg-1"); !slices.Equal(rows, group) || n != 2 || (end != "") != repeat {
			t.Errorf("%d rows on %d pages, want %d", len(rows), n, len(group))
		}
	}
	if rows, _, _ := tagPages(t, srv, "Tag.1.Key", "k0", "Tag.1.Value", "1", "Tag.2.Key", "k2", "ResourceId.1", "i-0007", "ResourceId.2", "i-0003"); !slices.Equal(rows, []string{"i-0007 k0 1", "i-0007 k1 1", "i-0007 k2 1"}) {
		t.Errorf("got %v", rows)
	}
	if rows, _, _ := tagPages(t, srv, "Tag.1.Key", "acs:rm:rgId", "Tag.1.Value", "rg-none"); len(rows) != 0 {
		t.Errorf("got %v", rows)
	}
	for _, test := range []struct {
		params string
		want   func(i int) bool // whether the instance with index i must be listed
	}{
		{"TagFilter.1.TagKey=k0", func(i int) bool { return i%4 > 0 }},
		{"TagFilter.1.TagKey=k0&TagFilter.1.TagValues.1=1", func(i int) bool { return i%4 > 0 && i%3 == 1 }},
		{"TagFilter.1.TagKey=k0&TagFilter.1.TagValues.1=1&TagFilter.1.TagValues.2=2", func(i int) bool { return i%4 > 0 && i%3 > 0 }},
		{"TagFilter.1.TagKey=k0&TagFilter.2.TagKey=k2", func(i int) bool { return i%4 > 2 }},
		{"TagFilter.1.TagKey=k0&Tag.1.Key=k1&Tag.1.Value=0", func(i int) bool { return i%4 > 1 && i%3 == 0 }},
		{"TagFilter.1.TagKey=none", func(int) bool { return false }},
	} {
		got, want := map[string]bool{}, map[string]bool{}
		values, err := url.ParseQuery(test.params)
		if err != nil {
			t.Fatal(err)
		}
		var params []string
		for name := range values {
			params = append(params, name, values.Get(name))
		}
		rows, _, _ := tagPages(t, srv, params...)
		for _, row := range rows {
			id, _, _ := strings.Cut(row, " ")
			got[id] = true
		}
		for i := range fleet {
			if test.want(i) {
				want[fleet[i].InstanceID] = true
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %d instances, want %d", test.params, len(got), len(want))
		}
	}
	for _, test := range []struct {
		params []string
		status int
		code   string
	}{
		{[]string{"Tag.1.Key", "k0"}, 404, "MissingParameter.ResourceType"},
		{[]string{"Tag.1.Key", "k0", "ResourceType", "cow"}, 404, "InvalidResourceType.NotFound"},
		{[]string{"Tag.1.Key", "k0", "ResourceType", "disk"}, 200, ""},
		{[]string{"ResourceType", "instance"}, 404, "MissingParameter.ResourceIds"},
		{[]string{"ResourceType", "instance", "Tag.1.Value", "x"}, 400, "InvalidParameter.TagValue"},
		{[]string{"ResourceType", "instance", "Tag.21.Key", "x"}, 400, "NumberExceed.Tags"},
		{[]string{"ResourceType", "instance", "ResourceId.51", "x"}, 400, "NumberExceed.ResourceIds"},
		{[]string{"ResourceType", "instance", "Tag.1.Key", "x", "Tag.2.Key", "x"}, 400, "Duplicate.TagKey"},
		{[]string{"ResourceType", "instance", "Tag.1.Key", "acs:rm:rgId", "Tag.2.Key", "x"}, 400, "InvalidTagKey.Malformed"},
		{[]string{"ResourceType", "instance", "TagFilter.1.TagValues.1", "x"}, 400, "InvalidParameter.TagValue"},
		{[]string{"ResourceType", "instance", "TagFilter.1.TagKey", "x", "TagFilter.1.TagValues.6", "y"}, 400, "InvalidParameter"},
		{[]string{"ResourceType", "instance", "TagFilter.21.TagKey", "x"}, 400, "NumberExceed.Tags"},
		{[]string{"ResourceType", "instance", "Tag.1.Key", "x", "NextToken", "y"}, 400, "InvalidParameter.NextToken"},
		{[]string{"ResourceType", "instance", "Tag.1.Key", "x", "RegionId", "-"}, 400, "MissingParameter"},
	} {
		if a := ask(t, srv, "ListTagResources", test.params...); a.status != test.status || a.Code != test.code || len(a.TagResources.TagResource) != 0 {
			t.Errorf("%v: %d %s", test.params, a.status, a.raw)
		}
	}
}
