package ecs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
)

// wireNames maps each documented top-level parameter of DescribeInstances to a request field.
var wireNames = map[string]string{
	"RegionId": "", "DryRun": "", // set by the client and by DryRun
	"VpcId": "VPCID", "VSwitchId": "VSwitchID", "ZoneId": "ZoneID", "SecurityGroupId": "SecurityGroupID", "ImageId": "ImageID",
	"KeyPairName": "KeyPairName", "ResourceGroupId": "ResourceGroupID", "HpcClusterId": "HPCClusterID", "InstanceName": "InstanceName",
	"InstanceType": "InstanceType", "InstanceTypeFamily": "InstanceTypeFamily", "RdmaIpAddresses": "RDMAIPAddresses",
	"InstanceNetworkType": "InstanceNetworkType", "InstanceChargeType": "InstanceChargeType", "InternetChargeType": "InternetChargeType",
	"Status": "Status", "LockReason": "LockReason", "HttpEndpoint": "HTTPEndpoint", "HttpTokens": "HTTPTokens",
	"HttpPutResponseHopLimit": "HTTPPutResponseHopLimit", "InstanceIds": "InstanceIDs", "InnerIpAddresses": "InnerIPAddresses",
	"PrivateIpAddresses": "PrivateIPAddresses", "PublicIpAddresses": "PublicIPAddresses", "EipAddresses": "EIPAddresses",
	"Ipv6Address": "IPv6Addresses", "Tag": "Tags", "AdditionalAttributes": "AdditionalAttributes", "IoOptimized": "IOOptimized",
	"NeedSaleCycle": "NeedSaleCycle", "DeviceAvailable": "DeviceAvailable", "PageNumber": "PageNumber", "PageSize": "PageSize",
	"MaxResults": "MaxResults", "NextToken": "NextToken", "OwnerAccount": "OwnerAccount", "OwnerId": "OwnerID",
	"ResourceOwnerAccount": "ResourceOwnerAccount", "ResourceOwnerId": "ResourceOwnerID",
	"Filter.1": "CreatedAfter", "Filter.2": "CreatedBefore", "Filter.3": "ExpiresAfter", "Filter.4": "ExpiresBefore",
}

// setNonZero sets a request field to a nonzero value and returns the expected parameters.
func setNonZero(t *testing.T, f reflect.Value, name string) url.Values {
	t.Helper()
	moment := time.Date(2024, 2, 4, 20, 46, 0, 0, time.FixedZone("CST", 8*3600))
	switch v := f.Addr().Interface().(type) {
	case *JSONList:
		*v = JSONList{"i-a", `i-"b"`}
		return url.Values{name: {`["i-a","i-\"b\""]`}}
	case *RepeatList[string]:
		*v = RepeatList[string]{"2001:db8::1", "2001:db8::2"}
		return url.Values{name + ".1": {"2001:db8::1"}, name + ".2": {"2001:db8::2"}}
	case *RepeatList[AdditionalAttribute]:
		*v = RepeatList[AdditionalAttribute]{AdditionalAttributeMetaOptions, AdditionalAttributeDDHCluster}
		return url.Values{name + ".1": {"META_OPTIONS"}, name + ".2": {"DDH_CLUSTER"}}
	case *TagList:
		*v = TagList{{Key: "环境", Value: "a b"}, {Key: "owner"}}
		return url.Values{name + ".1.Key": {"环境"}, name + ".1.Value": {"a b"}, name + ".2.Key": {"owner"}}
	case *time.Time:
		*v = moment
		keys := map[string]string{"Filter.1": "CreationStartTime", "Filter.2": "CreationEndTime", "Filter.3": "ExpiredStartTime", "Filter.4": "ExpiredEndTime"}
		return url.Values{name + ".Key": {keys[name]}, name + ".Value": {"2024-02-04T12:46Z"}}
	case **bool:
		*v = ptr(false) // a pointer to false must be sent, too
		return url.Values{name: {"false"}}
	case **int:
		*v = ptr(0)
		return url.Values{name: {"0"}}
	case *int:
		*v = 7
		return url.Values{name: {"7"}}
	case *int64:
		*v = 1 << 40
		return url.Values{name: {"1099511627776"}}
	}
	if f.Kind() != reflect.String {
		t.Fatalf("%s has kind %v, which this test does not support", name, f.Type())
	}
	f.SetString("x y")
	return url.Values{name: {"x y"}}
}

func TestEveryParameterTravels(t *testing.T) {
	t.Parallel()
	if len(wireNames) != 46-1 { // the API documents 42 parameters, and the table has four entries for Filter
		t.Errorf("the table has %d rows", len(wireNames))
	}
	typ := reflect.TypeFor[DescribeInstancesRequest]()
	wire := map[string]string{}
	for name, field := range wireNames {
		wire[field] = name
	}
	for _, f := range reflect.VisibleFields(typ) {
		field := f.Name
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			name, ok := wire[field]
			if !ok {
				t.Fatalf("the field %s has no parameter in wireNames", field)
			}
			var req DescribeInstancesRequest
			want := setNonZero(t, reflect.ValueOf(&req).Elem().FieldByName(field), name)
			want.Set("RegionId", "cn-hangzhou")
			switch field {
			case "PrivateIPAddresses", "EIPAddresses":
				want.Set("InstanceNetworkType", "vpc")
			case "InnerIPAddresses":
				want.Set("InstanceNetworkType", "classic")
			}
			got, err := req.encode("cn-hangzhou", false)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
	for name, field := range wireNames {
		if _, ok := typ.FieldByName(field); !ok && field != "" {
			t.Errorf("parameter %s: there is no field %s", name, field)
		}
	}
}

func TestEncodeRequest(t *testing.T) {
	t.Parallel()
	second := time.Date(2024, 1, 1, 0, 0, 1, 0, time.UTC)
	for _, tt := range []struct {
		name string
		req  DescribeInstancesRequest
		want url.Values // expected parameters in addition to RegionId
	}{
		{"zero", DescribeInstancesRequest{}, url.Values{}},
		{"nil list", DescribeInstancesRequest{InstanceIDs: nil}, url.Values{}},
		{"empty list", DescribeInstancesRequest{InstanceIDs: JSONList{}}, url.Values{"InstanceIds": {"[]"}}},
		{"duplicate ids are removed", DescribeInstancesRequest{InstanceIDs: JSONList{"i-2", "i-1", "i-2"}}, url.Values{"InstanceIds": {`["i-2","i-1"]`}}},
		{"duplicate elements are removed from every list", DescribeInstancesRequest{
			PrivateIPAddresses: JSONList{"a", "a"}, PublicIPAddresses: JSONList{"b", "b"}, EIPAddresses: JSONList{"c", "c"}, IPv6Addresses: RepeatList[string]{"d", "d"},
		}, url.Values{"InstanceNetworkType": {"vpc"}, "PrivateIpAddresses": {`["a"]`}, "PublicIpAddresses": {`["b"]`}, "EipAddresses": {`["c"]`}, "Ipv6Address.1": {"d"}}},
		{"duplicate inner addresses are removed", DescribeInstancesRequest{InnerIPAddresses: JSONList{"a", "a"}}, url.Values{"InstanceNetworkType": {"classic"}, "InnerIpAddresses": {`["a"]`}}},
		{"VPC without addresses", DescribeInstancesRequest{InstanceNetworkType: InstanceNetworkTypeVPC}, url.Values{"InstanceNetworkType": {"vpc"}}},
		{"classic without addresses", DescribeInstancesRequest{InstanceNetworkType: InstanceNetworkTypeClassic}, url.Values{"InstanceNetworkType": {"classic"}}},
		{"VPC with addresses in both networks", DescribeInstancesRequest{InnerIPAddresses: JSONList{}, EIPAddresses: JSONList{}, InstanceNetworkType: InstanceNetworkTypeVPC}, url.Values{"InnerIpAddresses": {"[]"}, "EipAddresses": {"[]"}, "InstanceNetworkType": {"vpc"}}},
		{"a hop limit of zero", DescribeInstancesRequest{HTTPPutResponseHopLimit: ptr(0)}, url.Values{"HttpPutResponseHopLimit": {"0"}}},
		{"empty repeat lists", DescribeInstancesRequest{Tags: TagList{}, IPv6Addresses: RepeatList[string]{}}, url.Values{}},
		{"plain slices can be assigned", DescribeInstancesRequest{Tags: []Tag{{"k", "v"}}, InstanceIDs: []string{"i-1"}}, url.Values{"Tag.1.Key": {"k"}, "Tag.1.Value": {"v"}, "InstanceIds": {`["i-1"]`}}},
		{"CreatedAfter is rounded down", DescribeInstancesRequest{CreatedAfter: second}, url.Values{"Filter.1.Key": {"CreationStartTime"}, "Filter.1.Value": {"2024-01-01T00:00Z"}}},
		{"CreatedBefore is rounded up", DescribeInstancesRequest{CreatedBefore: second}, url.Values{"Filter.2.Key": {"CreationEndTime"}, "Filter.2.Value": {"2024-01-01T00:01Z"}}},
		{"expiry bounds are rounded in the same way", DescribeInstancesRequest{ExpiresAfter: second, ExpiresBefore: second}, url.Values{"Filter.3.Key": {"ExpiredStartTime"}, "Filter.3.Value": {"2024-01-01T00:00Z"}, "Filter.4.Key": {"ExpiredEndTime"}, "Filter.4.Value": {"2024-01-01T00:01Z"}}},
		{"filters keep their numbers", DescribeInstancesRequest{ExpiresBefore: second.Add(-time.Second)}, url.Values{"Filter.4.Key": {"ExpiredEndTime"}, "Filter.4.Value": {"2024-01-01T00:00Z"}}},
		{"the caller's InstanceNetworkType is kept", DescribeInstancesRequest{InnerIPAddresses: JSONList{}, EIPAddresses: JSONList{}, InstanceNetworkType: InstanceNetworkTypeClassic}, url.Values{"InnerIpAddresses": {"[]"}, "EipAddresses": {"[]"}, "InstanceNetworkType": {"classic"}}},
		{"an unknown InstanceNetworkType is kept", DescribeInstancesRequest{EIPAddresses: JSONList{"a"}, InstanceNetworkType: "vpc2"}, url.Values{"EipAddresses": {`["a"]`}, "InstanceNetworkType": {"vpc2"}}},
		{"true", DescribeInstancesRequest{IOOptimized: ptr(true)}, url.Values{"IoOptimized": {"true"}}},
		{"MaxResults above the API's limit is not changed", DescribeInstancesRequest{MaxResults: 500}, url.Values{"MaxResults": {"500"}}},
		{"HTML characters", DescribeInstancesRequest{InstanceIDs: JSONList{"<a&b>"}}, url.Values{"InstanceIds": {`["<a&b>"]`}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.want.Set("RegionId", "r")
			got, err := tt.req.encode("r", false)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

// TestLimitsAreInclusive checks that lists with exactly the permitted number of elements are accepted.
func TestLimitsAreInclusive(t *testing.T) {
	t.Parallel()
	for name, req := range map[string]DescribeInstancesRequest{
		"ids":        {InstanceIDs: slices.Repeat(JSONList{"i-1"}, 100)},
		"tags":       {Tags: slices.Repeat(TagList{{Key: "k"}}, 20)},
		"attributes": {AdditionalAttributes: slices.Repeat(RepeatList[AdditionalAttribute]{"A"}, 20)},
	} {
		if _, err := req.encode("r", false); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	ids := make(JSONList, 100)
	for i := range ids {
		ids[i] = strconv.Itoa(i)
	}
	batches, err := DescribeInstancesRequest{InstanceIDs: ids, NextToken: "t"}.splitLists(t.Context())
	if err != nil || len(batches) != 1 {
		t.Errorf("%d requests, %v", len(batches), err) // NextToken is permitted if a single request is sufficient
	}
}

// mocked returns a client whose requests are handled by responder.
func mocked(t *testing.T, responder httpmock.Responder) *Client {
	t.Helper()
	mock := httpmock.NewMockTransport()
	mock.RegisterNoResponder(responder)
	c, err := NewClient("cn-hangzhou", &Options{
		Credentials: StaticCredentials("testid", "testsecret", ""),
		HTTPClient:  &http.Client{Transport: mock},
		Retry:       RetryPolicy{MaxAttempts: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	many := func(n int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = strconv.Itoa(i)
		}
		return list
	}
	type tc struct {
		name  string
		req   DescribeInstancesRequest
		field string
	}
	both := []tc{
		{"empty id", DescribeInstancesRequest{InstanceIDs: []string{""}}, "InstanceIDs[0]"},
		{"empty address", DescribeInstancesRequest{EIPAddresses: []string{"192.0.2.1", ""}}, "EIPAddresses[1]"},
		{"empty ipv6 address", DescribeInstancesRequest{IPv6Addresses: []string{"2001:db8::1", ""}}, "IPv6Addresses[1]"},
		{"both networks", DescribeInstancesRequest{InnerIPAddresses: many(1), EIPAddresses: many(1)}, "InnerIPAddresses"},
		{"inner addresses in a VPC", DescribeInstancesRequest{InnerIPAddresses: many(1), InstanceNetworkType: InstanceNetworkTypeVPC}, "InnerIPAddresses"},
		{"private addresses in classic", DescribeInstancesRequest{PrivateIPAddresses: many(1), InstanceNetworkType: InstanceNetworkTypeClassic}, "PrivateIPAddresses"},
		{"no elastic addresses in classic", DescribeInstancesRequest{EIPAddresses: JSONList{}, InstanceNetworkType: InstanceNetworkTypeClassic}, "EIPAddresses"},
		{"tags", DescribeInstancesRequest{Tags: slices.Repeat(TagList{{Key: "k"}}, 21)}, "Tags"},
		{"tag without key", DescribeInstancesRequest{Tags: TagList{{Key: "k"}, {Value: "v"}}}, "Tags[1].Key"},
		{"attributes", DescribeInstancesRequest{AdditionalAttributes: slices.Repeat(RepeatList[AdditionalAttribute]{"A"}, 21)}, "AdditionalAttributes"},
		{"negative MaxResults", DescribeInstancesRequest{MaxResults: -5}, "MaxResults"},
		{"negative PageSize", DescribeInstancesRequest{PageSize: -1}, "PageSize"},
		{"negative PageNumber", DescribeInstancesRequest{PageNumber: -1}, "PageNumber"},
		{"negative hop limit", DescribeInstancesRequest{HTTPPutResponseHopLimit: ptr(-1)}, "HTTPPutResponseHopLimit"},
		{"page and token", DescribeInstancesRequest{PageNumber: 1, NextToken: "t"}, "PageNumber"},
		{"page and MaxResults", DescribeInstancesRequest{PageSize: 10, MaxResults: 10}, "PageNumber"},
		{"creation window that ends before it begins", DescribeInstancesRequest{CreatedAfter: time.Unix(600, 0), CreatedBefore: time.Unix(60, 0)}, "CreatedBefore"},
		{"expiry window that ends before it begins", DescribeInstancesRequest{ExpiresAfter: time.Unix(600, 0), ExpiresBefore: time.Unix(60, 0)}, "ExpiresBefore"},
	}
	check := func(t *testing.T, err error, field string) {
		t.Helper()
		e, ok := errorAs[*Error](err)
		if !ok || !errors.Is(err, ErrInvalidParameter) || !strings.Contains(err.Error(), field) || e.Attempts != 0 || e.Region != "cn-hangzhou" {
			t.Errorf("got %v (%#v), want ErrInvalidParameter naming %s", err, e, field)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("more than one line: %q", err)
		}
	}
	c := mocked(t, func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, errors.New("no")
	})
	single := append(both,
		tc{"ids", DescribeInstancesRequest{InstanceIDs: many(101)}, "InstanceIDs"},
		tc{"private addresses", DescribeInstancesRequest{PrivateIPAddresses: many(101)}, "PrivateIPAddresses"},
		tc{"inner addresses", DescribeInstancesRequest{InnerIPAddresses: many(101)}, "InnerIPAddresses"},
		tc{"public addresses", DescribeInstancesRequest{PublicIPAddresses: many(101)}, "PublicIPAddresses"},
		tc{"elastic addresses", DescribeInstancesRequest{EIPAddresses: many(101)}, "EIPAddresses"},
		tc{"ipv6 addresses", DescribeInstancesRequest{IPv6Addresses: many(101)}, "IPv6Addresses"})
	for _, tt := range single {
		t.Run("single/"+tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := c.DescribeInstances(t.Context(), tt.req)
			check(t, err, tt.field)
			check(t, c.DryRun(t.Context(), tt.req), tt.field)
		})
	}
	listing := append(both,
		tc{"page number", DescribeInstancesRequest{PageNumber: 1}, "set MaxResults to choose the page size"},
		tc{"page size", DescribeInstancesRequest{PageSize: 10}, "set MaxResults to choose the page size"},
		tc{"token and many ids", DescribeInstancesRequest{NextToken: "t", InstanceIDs: many(101)}, "NextToken"},
		tc{"token and many addresses", DescribeInstancesRequest{NextToken: "t", IPv6Addresses: many(101)}, "NextToken"},
		tc{"two long lists", DescribeInstancesRequest{InstanceIDs: many(101), PublicIPAddresses: many(101)}, "PublicIPAddresses"},
		tc{"empty element of a long list", DescribeInstancesRequest{IPv6Addresses: append(many(150), "")}, "IPv6Addresses[150]"})
	for _, tt := range listing {
		t.Run("listing/"+tt.name, func(t *testing.T) {
			t.Parallel()
			for _, err := range c.Instances(t.Context(), tt.req) {
				check(t, err, tt.field)
			}
			for _, err := range c.InstancePages(t.Context(), tt.req) {
				check(t, err, tt.field)
			}
			for _, err := range c.ScanInstances(t.Context(), tt.req, nil) {
				check(t, err, tt.field)
			}
			stream := c.StreamInstances(t.Context(), tt.req)
			for range stream.C {
				t.Error("got an instance")
			}
			check(t, stream.Err(), tt.field)
			n := 0
			for _, err := range c.InstancesInRegions(t.Context(), nil, tt.req, nil) {
				n++
				if !errors.Is(err, ErrInvalidParameter) || !strings.Contains(err.Error(), tt.field) {
					t.Errorf("got %v", err)
				}
			}
			if n != 1 {
				t.Errorf("%d errors", n)
			}
		})
	}
	t.Run("nil context", func(t *testing.T) {
		t.Parallel()
		var none context.Context
		_, err := c.DescribeInstances(none, DescribeInstancesRequest{})
		check(t, err, "ctx")
		for _, err := range c.Instances(none, DescribeInstancesRequest{}) {
			check(t, err, "ctx")
		}
		stream := c.StreamInstances(none, DescribeInstancesRequest{})
		for range stream.C {
			t.Error("got an instance")
		}
		check(t, stream.Err(), "ctx")
		_, err = c.GetInstances(none, "i-1")
		check(t, err, "ctx")
		check(t, c.WaitUntilGone(none, "i-1"), "ctx")
	})
}

func TestLongRequestIDIsCut(t *testing.T) {
	t.Parallel()
	c := mocked(t, func(*http.Request) (*http.Response, error) {
		return httpmock.NewStringResponse(400, `{"Code":"C","RequestId":"`+strings.Repeat("r", 1000)+`"}`), nil
	})
	_, err := c.DescribeInstances(t.Context(), DescribeInstancesRequest{})
	if e, ok := errorAs[*Error](err); !ok || len(e.RequestID) < 200 || len(e.RequestID) > 260 {
		t.Error(err)
	}
}

// TestRawTextsOfAListingAreBounded checks that a listing keeps the raw texts of only the first 100 unreadable members.
func TestRawTextsOfAListingAreBounded(t *testing.T) {
	t.Parallel()
	c := mocked(t, func(r *http.Request) (*http.Response, error) {
		from, token := 0, "n"
		if r.URL.Query().Get("NextToken") != "" {
			from, token = 60, ""
		}
		var list []string
		for i := range 60 {
			list = append(list, fmt.Sprintf(`{"InstanceId":"i-%d","Cpu":"x"}`, from+i))
		}
		return httpmock.NewStringResponse(200, `{"NextToken":"`+token+`","Instances":[`+strings.Join(list, ",")+`]}`), nil
	})
	for _, err := range c.Instances(t.Context(), DescribeInstancesRequest{}) {
		incomplete, ok := errorAs[*IncompleteError](err)
		if err == nil {
			continue
		}
		if !ok || len(incomplete.Undecoded) != 120 {
			t.Fatal(err)
		}
		for i, d := range incomplete.Undecoded {
			if (d.Raw != nil) != (i < 100) || d.InstanceID != fmt.Sprint("i-", i) || d.Path != "Cpu" || d.Err == nil {
				t.Errorf("error %d: %+v", i, d)
			}
		}
	}
}

// TestUndecodedAreCounted checks that each unreadable member is reported once, even if its instance is listed several
// times.
func TestUndecodedAreCounted(t *testing.T) {
	t.Parallel()
	pages := []string{
		`{"NextToken":"n","Instances":[{"InstanceId":"i-1"},{"InstanceId":"i-2","Cpu":"x"},{},{"Cpu":[4]},{"InstanceId":"i-2","Cpu":"x"}]}`,
		`{"Instances":[{"InstanceId":"i-2","Cpu":"x"},{"InstanceId":"i-1"},{}]}`,
	}
	c := mocked(t, func(r *http.Request) (*http.Response, error) {
		page := 0
		if r.URL.Query().Get("NextToken") != "" {
			page = 1
		}
		return httpmock.NewStringResponse(200, pages[page]), nil
	})
	var got, bad []string
	for inst, err := range c.Instances(t.Context(), DescribeInstancesRequest{}) {
		if incomplete, ok := errorAs[*IncompleteError](err); ok {
			for _, d := range incomplete.Undecoded {
				bad = append(bad, d.InstanceID)
			}
		} else if err != nil {
			t.Fatal(err)
		} else {
			got = append(got, inst.InstanceID)
		}
	}
	if !slices.Equal(got, []string{"i-1", "i-2"}) || !slices.Equal(bad, []string{"i-2", "", "", ""}) {
		t.Errorf("listed %q, unreadable %q", got, bad)
	}
}
