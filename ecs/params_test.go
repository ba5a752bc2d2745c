package ecs

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-querystring/query"
)

type diskParams struct {
	Category         string
	Size             int      `url:",omitempty"`
	Encrypted        *bool    `url:"Encrypted,omitempty"`
	PerformanceLevel string   `url:"-"`
	Tags             TagList  `url:"Tag"`
	Snapshots        JSONList `url:"SnapshotIds"`
}

type embeddedParams struct {
	ZoneID string `url:"ZoneId,omitempty"`
}

// TestEncodeParams checks that parameters are encoded as the API documents.
func TestEncodeParams(t *testing.T) {
	t.Parallel()
	local := time.Date(2026, 11, 29, 8, 30, 5, 0, time.FixedZone("", 8*3600))
	for _, tt := range []struct {
		name   string
		params any
		want   string
	}{
		{"scalars", struct {
			Name   string
			Amount int
			Ratio  float64
			Big    uint64
			Dry    bool
			Status InstanceStatus `url:"InstanceStatus"`
		}{"a b", -3, 0.25, 1 << 63, true, InstanceStatusRunning}, "Name=a b&Amount=-3&Ratio=0.25&Big=9223372036854775808&Dry=true&InstanceStatus=Running"},
		{"zero values are sent unless omitempty", struct {
			A, B int `url:",omitempty"`
			C    int
			D    bool `url:",omitempty"`
			E    bool
		}{B: 2}, "B=2&C=0&E=false"},
		{"pointers", struct {
			None  *string
			Zero  *int  `url:",omitempty"`
			False *bool `url:"F"`
			Two   **int
		}{Zero: ptr(0), False: ptr(false), Two: ptr(ptr(2))}, "Zero=0&F=false&Two=2"},
		{"ignored fields", struct {
			private string
			Not     []string `url:"-"`
			Name    string
		}{"x", []string{"y"}, "z"}, "Name=z"},
		{
			"a nested struct",
			struct{ SystemDisk diskParams }{diskParams{Category: "cloud_essd", Encrypted: ptr(true), Tags: TagList{{"k", "v"}}, Snapshots: JSONList{}}},
			"SystemDisk.Category=cloud_essd&SystemDisk.Encrypted=true&SystemDisk.Tag.1.Key=k&SystemDisk.Tag.1.Value=v&SystemDisk.SnapshotIds=[]",
		},
		{"a pointer to a nested struct", struct{ SystemDisk, Other *diskParams }{SystemDisk: &diskParams{Category: "cloud"}}, "SystemDisk.Category=cloud"},
		{"a nested struct that is left out", struct {
			SystemDisk diskParams `url:",omitempty"`
		}{}, ""},
		{"a list of structs", struct {
			DataDisk []diskParams
		}{[]diskParams{{Category: "a", Size: 20}, {Category: "b"}}}, "DataDisk.1.Category=a&DataDisk.1.Size=20&DataDisk.2.Category=b"},
		{"a list of pointers to structs", struct {
			DataDisk []*diskParams `url:"Disk,omitempty"`
		}{[]*diskParams{{Category: "a"}}}, "Disk.1.Category=a"},
		{"lists in lists", struct {
			Group []struct {
				IP []struct{ Address netip.Addr }
			}
		}{[]struct {
			IP []struct{ Address netip.Addr }
		}{{IP: []struct{ Address netip.Addr }{{netip.MustParseAddr("10.0.0.1")}, {netip.MustParseAddr("::1")}}}}}, "Group.1.IP.1.Address=10.0.0.1&Group.1.IP.2.Address=::1"},
		{"an empty list of structs", struct{ DataDisk []diskParams }{[]diskParams{}}, ""},
		{"the list types", struct {
			A JSONList
			B RepeatList[string]
			C TagList
			D *JSONList
			E JSONList
		}{A: JSONList{"x", "y"}, B: []string{"x", "y"}, C: TagList{{Key: "k"}}, D: &JSONList{"z"}}, `A=["x","y"]&B.1=x&B.2=y&C.1.Key=k&D=["z"]`},
		{"a joined list", struct {
			ImageIDs []string `url:"ImageId,comma"`
			Ports    []int    `url:",space,omitempty"`
			None     []string `url:",comma"`
		}{ImageIDs: []string{"a", "b"}, Ports: []int{1, 2}}, "ImageId=a,b&Ports=1 2"},
		{"embedded structs", struct {
			embeddedParams
			*diskParams
			Name string
		}{embeddedParams{"z"}, &diskParams{Category: "c", Size: 1}, "n"}, "ZoneId=z&Category=c&Size=1&Name=n"},
		{"a nil embedded pointer", struct {
			*embeddedParams
			Name string
		}{Name: "n"}, "Name=n"},
		{"an embedded struct with a name", struct {
			diskParams `url:"-"`
			Disk       diskParams `url:"SystemDisk"`
		}{Disk: diskParams{Category: "c"}}, "SystemDisk.Category=c"},
		{"times", struct {
			Start  time.Time  `url:"StartTime"`
			Minute *time.Time `url:"M" layout:"2006-01-02T15:04Z"`
			None   time.Time  `url:",omitempty"`
			Nil    *time.Time
			Unix   time.Time `url:",unix"`
		}{Start: local, Minute: &local, Unix: local}, "StartTime=2026-11-29T00:30:05Z&M=2026-11-29T00:30Z&Unix=1795912205"},
		{"text marshalers", struct {
			Addr   netip.Addr
			Prefix *netip.Prefix
			None   netip.Addr `url:",omitempty"`
			Nil    *netip.Addr
		}{Addr: netip.MustParseAddr("2001:db8::1"), Prefix: ptr(netip.MustParsePrefix("10.0.0.0/8"))}, "Addr=2001:db8::1&Prefix=10.0.0.0/8"},
		{"a pointer to a struct", &embeddedParams{"z"}, "ZoneId=z"},
		{"a nil pointer to a struct", (*embeddedParams)(nil), ""},
		{"an empty struct", struct{}{}, ""},
	} {
		want, err := url.ParseQuery(strings.ReplaceAll(tt.want, " ", "+"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := encodeParams(tt.params)
		if err != nil || !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s: got %v %v, want %v", tt.name, got, err, want)
		}
	}
}

type cyclicParams struct{ Next *cyclicParams }

type textError struct{}

func (textError) MarshalText() ([]byte, error) { return nil, errors.New("has no\ntext") }

type pointerText struct{ text string }

func (p *pointerText) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// TestParamsThatCannotBeSent checks that a parameter that cannot be encoded causes an error and is not dropped
// silently.
func TestParamsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	type Request struct{ InstanceID []string }
	cycle := &cyclicParams{}
	cycle.Next = cycle
	for want, params := range map[string]any{
		"Request.InstanceID has type []string: use ecs.RepeatList": Request{},
		"params.IDs has type []string: use":                        struct{ IDs []string }{[]string{"i-1"}},
		"params.Empty has type []string: use": struct {
			Empty []string `url:",omitempty"`
		}{},
		"params.Named has type []ecs.InstanceStatus: use": struct{ Named []InstanceStatus }{},
		"params.Array has type [2]int: use":               struct{ Array [2]int }{},
		"params.Bytes has type []uint8: use":              struct{ Bytes []byte }{},
		"params.Numbered has type []string: use": struct {
			Numbered []string `url:",numbered"`
		}{},
		"params.Lists has type [][]string: use": struct {
			Lists [][]string `url:",comma"`
		}{},
		"params.Addrs has type []netip.Addr: use": struct {
			Addrs []netip.Addr `url:",comma"`
		}{},
		"params.Pointers has type []*string: use": struct {
			Pointers []*string `url:",comma"`
		}{},
		"params.Filters has type []ecs.timeFilter: use":      struct{ Filters []timeFilter }{},
		"params.DataDisk has a nil element at index 1":       struct{ DataDisk []*diskParams }{[]*diskParams{{}, nil}},
		"params.Map has type map[string]string":              struct{ Map map[string]string }{map[string]string{"a": "b"}},
		"params.Any has type interface {}":                   struct{ Any any }{"x"},
		"params.Encoder has type query.Encoder":              struct{ Encoder query.Encoder }{},
		"params.Marshaler has type encoding.TextMarshaler":   struct{ Marshaler encoding.TextMarshaler }{},
		"params.Func has type func()":                        struct{ Func func() }{func() {}},
		"params.Complex has type complex128":                 struct{ Complex complex128 }{1i},
		"params.Duration has type time.Duration":             struct{ Duration time.Duration }{time.Minute},
		"params.Raw has type json.RawMessage: use":           struct{ Raw json.RawMessage }{},
		"params.Time is the zero value of time.Time":         struct{ Time time.Time }{},
		"params.Addr is the zero value of netip.Addr":        struct{ Addr netip.Addr }{},
		`params.Error "has no\ntext"`:                        struct{ Error textError }{},
		"params contains a pointerText, which has no fields": struct{ Text pointerText }{pointerText{"x"}},
		"params contains a Location, which has no fields":    struct{ Location *time.Location }{time.UTC},
		"params contains a Time, which has no fields":        struct{ time.Time }{time.Unix(0, 0)},
		"params.B has the parameter name A, which another field already has": struct {
			A time.Time
			B time.Time `url:"A"`
		}{time.Unix(1, 0), time.Unix(2, 0)},
		"embeddedParams.ZoneID has the parameter name ZoneId, which another field already has": struct {
			Zone string `url:"ZoneId"`
			embeddedParams
		}{},
		"params cannot be encoded: Ids[1] must not be empty": struct {
			IDs JSONList `url:"Ids"`
		}{JSONList{"i-1", ""}},
		"params cannot be encoded: Id[0] must not be empty": struct {
			ID RepeatList[string] `url:"Id"`
		}{RepeatList[string]{""}},
		"params cannot be encoded: Tag[1].Key must not be empty":          struct{ Tag TagList }{TagList{{Key: "k"}, {Value: "v"}}},
		"params cannot be encoded: TagFilter[0].TagKey must not be empty": struct{ TagFilter TagFilterList }{TagFilterList{{TagValues: []string{"v"}}}},
		"params must not contain a DescribeInstancesRequest":              &DescribeInstancesRequest{CreatedAfter: time.Unix(1, 0)},
		"params must not contain a DescribeInstancesRequest: pass the request itself as params": struct {
			DescribeInstancesRequest
			Extra string
		}{},
		"params is nested too deeply": cycle,
		"params must be nil, url.Values, or a struct with url tags, not a map[string]string": map[string]string{"A": "b"},
		"params must be nil, url.Values, or a struct with url tags, not a []string":          []string{"A"},
		"params must be nil, url.Values, or a struct with url tags, not a string":            "A=b",
		"params must be nil, url.Values, or a struct with url tags, not a *int":              new(int),
		"params must be nil, url.Values, or a struct with url tags, not a func()":            func() {},
	} {
		values, err := encodeParams(params)
		if !errors.Is(err, ErrInvalidParameter) || !strings.HasPrefix(fmt.Sprint(err), want) {
			t.Errorf("got %v %v, want %s", values, err, want)
		}
	}
}

// FuzzTimeFilter checks that the bounds of a time filter are rounded to whole minutes in UTC, and that rounding never
// narrows the time range.
func FuzzTimeFilter(f *testing.F) {
	for _, at := range []time.Time{
		{},
		time.Unix(0, 0), time.Date(2017, 12, 10, 4, 4, 0, 0, time.UTC), time.Date(2017, 12, 10, 4, 4, 59, 999999999, time.UTC), time.Date(2099, 12, 31, 23, 59, 59, 1, time.UTC),
		time.Date(2, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(9998, 12, 31, 23, 59, 30, 0, time.UTC),
	} {
		f.Add(at.Unix(), int64(at.Nanosecond()), 0)
		f.Add(at.Unix(), int64(at.Nanosecond()), 8*3600)
		f.Add(at.Unix(), int64(at.Nanosecond()), -12345)
	}
	f.Fuzz(func(t *testing.T, sec, nsec int64, zone int) {
		at := time.Unix(sec, nsec).In(time.FixedZone("z", zone%86400))
		if y := at.UTC().Year(); y < 2 || y > 9998 {
			t.Skip("a year that the API's time format cannot represent")
		}
		v, err := DescribeInstancesRequest{CreatedAfter: at, CreatedBefore: at, ExpiresAfter: at, ExpiresBefore: at}.encode("cn-test", false)
		if err != nil {
			t.Fatal(err)
		}
		for i, key := range []string{"CreationStartTime", "CreationEndTime", "ExpiredStartTime", "ExpiredEndTime"} {
			name := fmt.Sprintf("Filter.%d", i+1)
			sent, err := time.Parse("2006-01-02T15:04Z", v.Get(name+".Value"))
			if err != nil || v.Get(name+".Key") != key {
				t.Fatalf("%s: %v", name, v)
			}
			if d := at.Sub(sent); slices.Contains([]int{0, 2}, i) && (d < 0 || d >= time.Minute) || slices.Contains([]int{1, 3}, i) && (d > 0 || d <= -time.Minute) {
				t.Errorf("%s: %v was encoded as %v", key, at, sent)
			}
		}
	})
}
