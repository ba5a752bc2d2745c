package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/pagination"
)

// networkInterface is an element of the list returned by DescribeNetworkInterfaces.
type networkInterface struct {
	NetworkInterfaceID string `json:"NetworkInterfaceId"`
}

const interfaceList = "NetworkInterfaceSets.NetworkInterfaceSet"

// scripted returns a client of a server that sends the given responses in order and then repeats the last response.
// Request parameters are appended to sent.
func scripted(t *testing.T, sent *[]url.Values, responses ...string) *ecs.Client {
	t.Helper()
	mock := httpmock.NewMockTransport()
	mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		*sent = append(*sent, r.URL.Query())
		body := responses[min(len(*sent), len(responses))-1]
		status := http.StatusOK
		if strings.HasPrefix(body, `{"Code":`) {
			status = http.StatusBadRequest
		}
		return httpmock.NewStringResponse(status, body), nil
	})
	c, err := ecs.NewClient("cn-hangzhou", &ecs.Options{
		HTTPClient: &http.Client{Transport: mock}, Credentials: ecs.StaticCredentials("id", "secret", ""), Retry: ecs.RetryPolicy{MinDelay: time.Microsecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// interfacePage returns a DescribeNetworkInterfaces response with the given token and ids.
func interfacePage(token string, ids ...string) string {
	var rows []string
	for _, id := range ids {
		rows = append(rows, fmt.Sprintf(`{"NetworkInterfaceId":%q}`, id))
	}
	return fmt.Sprintf(`{"RequestId":"R","NextToken":%q,"TotalCount":0,"NetworkInterfaceSets":{"NetworkInterfaceSet":[%s]}}`, token, strings.Join(rows, ","))
}

// collectAll reads seq to its end. It returns all items and the last error.
func collectAll[T any](seq iter.Seq2[T, error]) (items []T, last error) {
	for item, err := range seq {
		if err != nil {
			last = err
			continue
		}
		items = append(items, item)
	}
	return items, last
}

func TestCallPages(t *testing.T) {
	t.Parallel()
	type page struct {
		MaxResults int    `url:"MaxResults,omitempty"`
		NextToken  string `url:"NextToken"`
		PageNumber int    `url:",omitempty"`
	}
	const unfit = "does not match"
	for name, tt := range map[string]struct {
		params    any
		list      string // the argument list of CallPages; "" means interfaceList
		responses []string
		ids       string // the ids of the expected items, concatenated
		err       string // part of the error message; "" means no error
		is        error  // if not nil, the error must match it
		sent      int    // expected number of requests; 0 means one per response, -1 means none
	}{
		"several pages":                       {responses: []string{interfacePage("x", "1", "2"), interfacePage("y"), interfacePage("", "3")}, ids: "123"},
		"one page":                            {params: page{MaxResults: 50}, responses: []string{interfacePage("", "1")}, ids: "1"},
		"no elements":                         {responses: []string{interfacePage("")}},
		"no token member":                     {responses: []string{`{"NetworkInterfaceSets":{"NetworkInterfaceSet":[{"NetworkInterfaceId":"1"}]}}`}, ids: "1"},
		"TotalCount equal to the elements":    {responses: []string{strings.Replace(interfacePage("", "1", "2"), `"TotalCount":0`, `"TotalCount":2`, 1)}, ids: "12"},
		"TotalCount of later pages":           {responses: []string{strings.Replace(interfacePage("x", "1"), `:0`, `:9`, 1), strings.Replace(interfacePage("", "2"), `:0`, `:9`, 1)}, ids: "12"},
		"TotalCount of a continued listing":   {params: page{NextToken: "x"}, responses: []string{strings.Replace(interfacePage("", "2"), `:0`, `:9`, 1)}, ids: "2"},
		"a code that means success":           {responses: []string{`{"RequestId":"R","Message":"successful","Code":"200","NetworkInterfaceSets":{"NetworkInterfaceSet":[]}}`}},
		"a page fails":                        {responses: []string{interfacePage("x", "1"), `{"Code":"InvalidParameter","Message":"m"}`}, ids: "1", err: "400 InvalidParameter: m", is: ecs.ErrInvalidParameter},
		"a page fails temporarily":            {responses: []string{interfacePage("x", "1"), `{"NetworkInterfaceSets":{"Netw`, interfacePage("", "2")}, ids: "12"},
		"the list is missing":                 {responses: []string{`{"RequestId":"R","NextToken":""}`}, err: "no list NetworkInterfaceSets.NetworkInterfaceSet"},
		"the inner list is missing":           {responses: []string{`{"NetworkInterfaceSets":{}}`}, err: "no list NetworkInterfaceSets.NetworkInterfaceSet"},
		"the list is null":                    {responses: []string{`{"NetworkInterfaceSets":{"NetworkInterfaceSet":null}}`}, err: "no list"},
		"the list is missing on a later page": {responses: []string{interfacePage("x", "1"), `{"RequestId":"R"}`}, ids: "1", err: "no list"},
		"the list is an object":               {responses: []string{`{"NetworkInterfaceSets":{"NetworkInterfaceSet":{}}}`}, err: unfit},
		"the path ends in a list":             {list: interfaceList + ".Items", responses: []string{interfacePage("", "1")}, err: unfit},
		"an element of another type":          {responses: []string{`{"NetworkInterfaceSets":{"NetworkInterfaceSet":[{"NetworkInterfaceId":1}]}}`}, err: unfit},
		"a token of another type":             {responses: []string{strings.Replace(interfacePage("", "1"), `""`, `7`, 1)}, err: unfit},
		"pages by number":                     {responses: []string{strings.Replace(interfacePage("", "1"), `"TotalCount":0`, `"TotalCount":2`, 1)}, err: "its TotalCount is 2 and the page has only 1 elements"},
		"pages by number, as a string":        {responses: []string{strings.Replace(interfacePage("", "1"), `"TotalCount":0`, `"TotalCount":"20"`, 1)}, err: "TotalCount is 20"},
		"pages by number, without elements":   {responses: []string{strings.Replace(interfacePage(""), `"TotalCount":0`, `"TotalCount":2`, 1)}, err: "TotalCount is 2"},
		"PageNumber":                          {params: page{PageNumber: 1}, err: "PageNumber", is: ecs.ErrInvalidParameter, sent: -1},
		"PageSize":                            {params: url.Values{"PageSize": {"50"}}, err: "PageSize", is: ecs.ErrInvalidParameter, sent: -1},
		"a repeated token":                    {responses: []string{interfacePage("x", "1"), interfacePage("x", "2")}, ids: "12", err: "token", is: pagination.ErrTokenLoop},
		"a []string without an encoding":      {params: struct{ IDs []string }{}, err: "params.IDs has type []string", is: ecs.ErrInvalidParameter, sent: -1},
		"an empty path":                       {list: "A..B", err: "not a path in the response", is: ecs.ErrInvalidParameter, sent: -1},
		"a path with a dot at the end":        {list: "A.", err: "not a path in the response", is: ecs.ErrInvalidParameter, sent: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent []url.Values
			list := tt.list
			if list == "" {
				list = interfaceList
			}
			pages := ecs.CallPages[networkInterface](t.Context(), scripted(t, &sent, tt.responses...), "DescribeNetworkInterfaces", tt.params, list)
			if len(sent) != 0 {
				t.Fatal("a request was sent before the loop")
			}
			got, errs := "", 0
			for item, err := range pages {
				if err == nil {
					got += item.NetworkInterfaceID
					continue
				}
				if errs++; item != (networkInterface{}) {
					t.Errorf("an error was yielded with the non-zero item %v", item)
				}
				if e, ok := errorAs[*ecs.Error](err); !ok || e.Action != "DescribeNetworkInterfaces" || tt.err == "" || !strings.Contains(err.Error(), tt.err) || tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("got %v, want %q", err, tt.err)
				}
			}
			if want := min(len(tt.err), 1); got != tt.ids || errs != want {
				t.Errorf("got %q and %d errors, want %q and %d", got, errs, tt.ids, want)
			}
			if want := max(tt.sent, -1); want >= 0 && len(sent) != max(want, len(tt.responses)) || want < 0 && len(sent) != 0 {
				t.Errorf("got %d requests", len(sent))
			}
		})
	}
}

func TestCallPagesRequests(t *testing.T) {
	t.Parallel()
	var sent []url.Values
	c := scripted(t, &sent, interfacePage("x", "1"), interfacePage("y", "2"), interfacePage("", "3"), interfacePage("x", "1"))
	params := url.Values{"MaxResults": {"10"}, "Type": {"Secondary"}}
	pages := ecs.CallPages[networkInterface](t.Context(), c, "DescribeNetworkInterfaces", params, interfaceList)
	if got, err := collectAll(pages); err != nil || len(got) != 3 {
		t.Fatal(got, err)
	}
	for range pages { // a second loop starts from the first page, and a break ends the requests
		break
	}
	var tokens []string
	for _, p := range sent {
		tokens = append(tokens, p.Get("NextToken"))
		if p.Get("MaxResults") != "10" || p.Get("Type") != "Secondary" || p.Get("RegionId") != "cn-hangzhou" {
			t.Errorf("sent %v", p)
		}
	}
	if !slices.Equal(tokens, []string{"", "x", "y", ""}) {
		t.Errorf("tokens %q", tokens)
	}
	if len(params) != 2 {
		t.Errorf("the parameters were modified: %v", params)
	}

	var none context.Context
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for ctx, want := range map[context.Context]error{none: ecs.ErrInvalidParameter, cancelled: context.Canceled} {
		sent = nil
		if _, err := collectAll(ecs.CallPages[networkInterface](ctx, c, "DescribeNetworkInterfaces", nil, interfaceList)); !errors.Is(err, want) || len(sent) != 0 {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

// TestCallPagesOfAFleet checks that CallPages yields all instances of a fleet, even if a page fails temporarily.
func TestCallPagesOfAFleet(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "fleet", func(t *testing.T) {
		fleet := numbered(250, "cn-hangzhou")
		srv := newCloud(t, nil, fleet...)
		srv.Inject(ecstest.Fault{Skip: 1, Code: "ServiceUnavailable"})
		var got []string
		for inst, err := range ecs.CallPages[ecs.Instance](t.Context(), srv.client, "DescribeInstances", ecs.DescribeInstancesRequest{MaxResults: 100}, "Instances.Instance") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, inst.InstanceID)
		}
		if want := ids(fleet); len(got) != len(want) {
			t.Errorf("got %d instances, want %d", len(got), len(want))
		}
		srv.wantRequests(map[string]int{listed: 4})
	})
}
