package compat_test

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	vendor "github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

const (
	fleetSize = 4000
	minutes   = "2006-01-02T15:04Z" // the API's time format
)

// TestMain initializes the vendor's endpoint tables, because the vendor's clients modify these global variables without
// a lock.
func TestMain(m *testing.M) {
	vendor.GetEndpointMap()
	vendor.GetEndpointType()
	os.Exit(m.Run())
}

// newClients returns clients of this SDK and of the vendor's SDK for the same region.
func newClients(t *testing.T, srv *ecstest.Server, region string, key signer.Credentials) (*vendor.Client, *ecs.Client) {
	t.Helper()
	u, err := url.Parse(srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	var vendorClient *vendor.Client
	config := sdk.NewConfig().WithScheme(u.Scheme)
	if key.SecurityToken != "" {
		vendorClient, err = vendor.NewClientWithOptions(region, config, credentials.NewStsTokenCredential(key.AccessKeyID, key.AccessKeySecret, key.SecurityToken))
	} else {
		vendorClient, err = vendor.NewClientWithOptions(region, config, credentials.NewAccessKeyCredential(key.AccessKeyID, key.AccessKeySecret))
	}
	if err != nil {
		t.Fatal(err)
	}
	vendorClient.Domain = u.Host
	vendorClient.SetTransport(&http.Transport{}) // otherwise, all of the vendor's clients would share http.DefaultTransport
	client, err := srv.Client(region, &ecs.Options{Credentials: ecs.StaticCredentials(key.AccessKeyID, key.AccessKeySecret, key.SecurityToken)})
	if err != nil {
		t.Fatal(err)
	}
	return vendorClient, client
}

// vendorIDs lists instances page by page with the vendor's client and returns their ids.
func vendorIDs(t *testing.T, client *vendor.Client, set func(*vendor.DescribeInstancesRequest)) []string {
	t.Helper()
	req := vendor.CreateDescribeInstancesRequest()
	if set != nil {
		set(req)
	}
	req.MaxResults = requests.NewInteger(100)
	return followTokens(t, client, req)
}

// followTokens follows NextToken to the end of the listing and returns the ids of all instances.
func followTokens(t *testing.T, client *vendor.Client, req *vendor.DescribeInstancesRequest) []string {
	t.Helper()
	ids := []string{}
	for {
		resp, err := client.DescribeInstances(req)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range resp.Instances.Instance {
			ids = append(ids, i.InstanceId)
		}
		if resp.NextToken == "" {
			return ids
		}
		req.NextToken = resp.NextToken
	}
}

func sdkIDs(t *testing.T, client *ecs.Client, req ecs.DescribeInstancesRequest) []string {
	t.Helper()
	ids := []string{}
	for i, err := range client.Instances(t.Context(), req) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, i.InstanceID)
	}
	return ids
}

// sharedFleet returns the instances of every test. The tests must not change them.
var sharedFleet = sync.OnceValue(func() []ecs.Instance { return ecstest.Fleet(fleetSize, 2024) })

func serve(t *testing.T) (*ecstest.Server, []ecs.Instance) {
	t.Helper()
	srv := ecstest.NewServer(sharedFleet()...)
	t.Cleanup(srv.Close)
	return srv, sharedFleet()
}

// TestSameIDs checks that both SDKs list the whole fleet in every region.
func TestSameIDs(t *testing.T) {
	t.Parallel()
	srv, fleet := serve(t)
	want := map[string][]string{}
	for _, i := range fleet {
		want[i.RegionID] = append(want[i.RegionID], i.InstanceID)
	}
	vendorClient, _ := newClients(t, srv, "cn-hangzhou", srv.Credentials())
	regions, err := vendorClient.DescribeRegions(vendor.CreateDescribeRegionsRequest())
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, r := range regions.Regions.Region {
		vendorClient, client := newClients(t, srv, r.RegionId, srv.Credentials())
		got, ids := vendorIDs(t, vendorClient, nil), sdkIDs(t, client, ecs.DescribeInstancesRequest{})
		if !slices.Equal(got, want[r.RegionId]) || !slices.Equal(got, ids) {
			t.Errorf("%s: the vendor's client lists %d instances, this SDK %d, there are %d", r.RegionId, len(got), len(ids), len(want[r.RegionId]))
		}
		total += len(got)
	}
	if total != fleetSize || len(want) != 6 {
		t.Errorf("%d instances in %d regions", total, len(want))
	}
	for _, r := range srv.Requests() {
		if r.AuthError != "" {
			t.Errorf("%+v", r)
		}
	}
}

// TestFilters checks that a filter matches the same instances with both SDKs.
func TestFilters(t *testing.T) {
	t.Parallel()
	srv, fleet := serve(t)
	at := slices.IndexFunc(fleet, func(i ecs.Instance) bool {
		return i.RegionID == "cn-hangzhou" && len(i.Tags) > 1 && i.InstanceNetworkType == ecs.InstanceNetworkTypeVPC && i.Status == ecs.InstanceStatusRunning
	})
	sample := fleet[at]
	for _, test := range []struct {
		name string
		set  func(*vendor.DescribeInstancesRequest)
		req  ecs.DescribeInstancesRequest
		all  bool // the filter matches every instance of the region
	}{
		{"status", func(r *vendor.DescribeInstancesRequest) { r.Status = "Stopped" }, ecs.DescribeInstancesRequest{Status: ecs.InstanceStatusStopped}, false},
		{"zone and type", func(r *vendor.DescribeInstancesRequest) {
			r.ZoneId, r.InstanceTypeFamily = sample.ZoneID, sample.InstanceTypeFamily
		}, ecs.DescribeInstancesRequest{ZoneID: sample.ZoneID, InstanceTypeFamily: sample.InstanceTypeFamily}, false},
		{"name", func(r *vendor.DescribeInstancesRequest) { r.InstanceName = "*-prod-0*" }, ecs.DescribeInstancesRequest{InstanceName: "*-prod-0*"}, false},
		{"tags", func(r *vendor.DescribeInstancesRequest) {
			r.Tag = &[]vendor.DescribeInstancesTag{{Key: sample.Tags[0].Key, Value: sample.Tags[0].Value}, {Key: sample.Tags[1].Key}}
		}, ecs.DescribeInstancesRequest{Tags: []ecs.Tag{sample.Tags[0], {Key: sample.Tags[1].Key}}}, false},
		{"created", func(r *vendor.DescribeInstancesRequest) {
			r.Filter1Key, r.Filter1Value = "CreationStartTime", sample.CreationTime.Format(minutes)
		}, ecs.DescribeInstancesRequest{CreatedAfter: sample.CreationTime}, false},
		{"ids", func(r *vendor.DescribeInstancesRequest) {
			r.InstanceIds = `["` + sample.InstanceID + `","i-none"]`
		}, ecs.DescribeInstancesRequest{InstanceIDs: ecs.JSONList{sample.InstanceID, "i-none"}}, false},
		{"address", func(r *vendor.DescribeInstancesRequest) {
			r.PrivateIpAddresses, r.InstanceNetworkType = `["`+sample.VPCAttributes.PrivateIPAddress[0]+`"]`, "vpc"
		}, ecs.DescribeInstancesRequest{PrivateIPAddresses: sample.VPCAttributes.PrivateIPAddress, InstanceNetworkType: ecs.InstanceNetworkTypeVPC}, false},
		{"flag", func(r *vendor.DescribeInstancesRequest) { r.IoOptimized = requests.NewBoolean(true) }, ecs.DescribeInstancesRequest{IOOptimized: ptr(true)}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			region := 0
			for _, i := range fleet {
				if i.RegionID == "cn-hangzhou" {
					region++
				}
			}
			// The vendor's client is not safe for concurrent use.
			vendorClient, client := newClients(t, srv, "cn-hangzhou", srv.Credentials())
			got, ids := vendorIDs(t, vendorClient, test.set), sdkIDs(t, client, test.req)
			if !slices.Equal(got, ids) || len(got) == 0 || (len(got) == region) != test.all {
				t.Errorf("the vendor's client lists %d instances, this SDK %d", len(got), len(ids))
			}
		})
	}
}

// TestMembers checks that both SDKs decode the fields of an instance to the same values.
func TestMembers(t *testing.T) {
	t.Parallel()
	srv, _ := serve(t)
	vendorClient, client := newClients(t, srv, "cn-beijing", srv.Credentials())
	req := vendor.CreateDescribeInstancesRequest()
	req.MaxResults = requests.NewInteger(100)
	resp, err := vendorClient.DescribeInstances(req)
	if err != nil {
		t.Fatal(err)
	}
	page, err := client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{MaxResults: 100})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Instances) != 100 || len(resp.Instances.Instance) != 100 {
		t.Fatalf("%d and %d instances", len(page.Instances), len(resp.Instances.Instance))
	}
	for n, v := range resp.Instances.Instance {
		o := page.Instances[n]
		type members struct {
			ID, Name, Zone, Status, Type, VPC, Created, Expires, EIP, OS, Stopped, Spot string
			CPU, Memory, GPUs, Tags, Interfaces, Bandwidth                              int
			Limit                                                                       float64
			IO                                                                          bool
			Private, Public, Groups                                                     string
		}
		a := members{
			v.InstanceId, v.InstanceName, v.ZoneId, v.Status, v.InstanceType, v.VpcAttributes.VpcId, v.CreationTime, v.ExpiredTime, v.EipAddress.IpAddress, v.OSName, v.StoppedMode, v.SpotStrategy,
			v.Cpu, v.Memory, v.GPUAmount, len(v.Tags.Tag), len(v.NetworkInterfaces.NetworkInterface), v.InternetMaxBandwidthIn,
			v.SpotPriceLimit, v.IoOptimized,
			strings.Join(v.VpcAttributes.PrivateIpAddress.IpAddress, " "), strings.Join(v.PublicIpAddress.IpAddress, " "), strings.Join(v.SecurityGroupIds.SecurityGroupId, " "),
		}
		b := members{
			o.InstanceID, o.InstanceName, o.ZoneID, string(o.Status), o.InstanceType, o.VPCAttributes.VPCID, o.CreationTime.Format(minutes), o.ExpiredTime.Format(minutes), o.EIPAddress.IPAddress, o.OSName, string(o.StoppedMode), string(o.SpotStrategy),
			o.CPU, o.Memory, o.GPUAmount, len(o.Tags), len(o.NetworkInterfaces), o.InternetMaxBandwidthIn,
			o.SpotPriceLimit, o.IOOptimized,
			strings.Join(o.VPCAttributes.PrivateIPAddress, " "), strings.Join(o.PublicIPAddress, " "), strings.Join(o.SecurityGroupIDs, " "),
		}
		if a != b || a.ID == "" {
			t.Errorf("the vendor's client decodes %+v\nthis SDK %+v", a, b)
		}
	}
}

// TestPageMode lists instances by page number with the vendor's client. The loop ends when TotalCount instances have
// been received.
func TestPageMode(t *testing.T) {
	t.Parallel()
	srv, fleet := serve(t)
	vendorClient, _ := newClients(t, srv, "eu-central-1", srv.Credentials())
	var want, got []string
	for _, i := range fleet {
		if i.RegionID == "eu-central-1" {
			want = append(want, i.InstanceID)
		}
	}
	for number := 1; ; number++ {
		req := vendor.CreateDescribeInstancesRequest()
		req.PageNumber, req.PageSize = requests.NewInteger(number), requests.NewInteger(50)
		resp, err := vendorClient.DescribeInstances(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.TotalCount != len(want) || resp.PageNumber != number || resp.PageSize != 50 {
			t.Fatalf("TotalCount %d, PageNumber %d, PageSize %d", resp.TotalCount, resp.PageNumber, resp.PageSize)
		}
		for _, i := range resp.Instances.Instance {
			got = append(got, i.InstanceId)
		}
		if number*50 >= resp.TotalCount {
			break
		}
	}
	if !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("%d instances, want %d", len(got), len(want))
	}
}

// TestWithoutMaxResults follows NextToken without ever sending MaxResults, as the vendor's CLI does with --pager.
func TestWithoutMaxResults(t *testing.T) {
	t.Parallel()
	srv, _ := serve(t)
	vendorClient, client := newClients(t, srv, "cn-beijing", srv.Credentials())
	got, want := followTokens(t, vendorClient, vendor.CreateDescribeInstancesRequest()), sdkIDs(t, client, ecs.DescribeInstancesRequest{})
	if !slices.Equal(got, want) || len(got) < 100 {
		t.Errorf("the vendor's client lists %d instances, this SDK %d", len(got), len(want))
	}
}

// TestErrors checks that the vendor's client decodes error responses of the server.
func TestErrors(t *testing.T) {
	t.Parallel()
	srv, _ := serve(t)
	own := srv.Credentials()
	denied := signer.Credentials{AccessKeyID: "LTAIdenied", AccessKeySecret: "secret"}
	srv.AddKey(ecstest.Key{Credentials: denied, Deny: []string{"*"}})
	temporary := signer.Credentials{AccessKeyID: "STS.temporary", AccessKeySecret: "secret", SecurityToken: "a+token/with=chars"}
	srv.AddKey(ecstest.Key{Credentials: temporary})
	wrong := own
	wrong.AccessKeySecret += "x"
	for _, test := range []struct {
		name   string
		key    signer.Credentials
		region string
		set    func(*vendor.DescribeInstancesRequest)
		status int
		code   string
		advice string // part of the advice in the error; "" if there is none
	}{
		{"dry run", own, "cn-hangzhou", func(r *vendor.DescribeInstancesRequest) { r.DryRun = requests.NewBoolean(true) }, 400, "DryRunOperation", ""},
		{"dry run with a token", temporary, "cn-hangzhou", func(r *vendor.DescribeInstancesRequest) { r.DryRun = requests.NewBoolean(true) }, 400, "DryRunOperation", ""},
		{"dry run without permission", denied, "cn-hangzhou", func(r *vendor.DescribeInstancesRequest) { r.DryRun = requests.NewBoolean(true) }, 403, "Forbidden.RAM", ""},
		{"no permission", denied, "cn-hangzhou", nil, 403, "Forbidden.RAM", ""},
		{"wrong secret", wrong, "cn-hangzhou", nil, 400, "SignatureDoesNotMatch", "InvalidAccessKeySecret"},
		{"unknown key", signer.Credentials{AccessKeyID: "LTAIother", AccessKeySecret: "secret"}, "cn-hangzhou", nil, 404, "InvalidAccessKeyId.NotFound", ""},
		{"unknown region", own, "cn-atlantis", nil, 404, "InvalidRegionId.NotFound", ""},
		{"bad ids", own, "cn-hangzhou", func(r *vendor.DescribeInstancesRequest) { r.InstanceIds = "i-1" }, 400, "InvalidParameter", ""},
		{"bad token", own, "cn-hangzhou", func(r *vendor.DescribeInstancesRequest) { r.NextToken = "x" }, 400, "InvalidParameter.NextToken", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			vendorClient, _ := newClients(t, srv, test.region, test.key)
			req := vendor.CreateDescribeInstancesRequest()
			if test.set != nil {
				test.set(req)
			}
			_, err := vendorClient.DescribeInstances(req)
			var e *sdkerrors.ServerError
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.HttpStatus() != test.status || e.ErrorCode() != test.code || e.RequestId() == "" || e.HostId() == "" || !strings.Contains(e.Recommend(), test.advice) {
				t.Errorf("%d %s %q, recommends %q", e.HttpStatus(), e.ErrorCode(), e.Message(), e.Recommend())
			}
		})
	}
}

// TestEmptyIfDenied checks that the vendor's client returns no error if a missing permission causes an empty list.
func TestEmptyIfDenied(t *testing.T) {
	t.Parallel()
	srv, _ := serve(t)
	srv.AddKey(ecstest.Key{Credentials: srv.Credentials(), Deny: []string{"*"}})
	srv.Configure(func(s *ecstest.Settings) { s.EmptyIfDenied = true })
	vendorClient, _ := newClients(t, srv, "cn-hangzhou", srv.Credentials())
	if resp, err := vendorClient.DescribeInstances(vendor.CreateDescribeInstancesRequest()); err != nil || len(resp.Instances.Instance) != 0 {
		t.Errorf("EmptyIfDenied: %v", err)
	}
}

// TestOtherOperations calls DescribeInstanceStatus and ListTagResources with the vendor's client.
func TestOtherOperations(t *testing.T) {
	t.Parallel()
	srv, fleet := serve(t)
	vendorClient, _ := newClients(t, srv, "cn-hangzhou", srv.Credentials())
	at := slices.IndexFunc(fleet, func(i ecs.Instance) bool { return i.RegionID == "cn-hangzhou" && len(i.Tags) > 0 })
	sample := fleet[at]

	status := vendor.CreateDescribeInstanceStatusRequest()
	status.InstanceId = &[]string{sample.InstanceID}
	if resp, err := vendorClient.DescribeInstanceStatus(status); err != nil || resp.TotalCount != 1 || resp.InstanceStatuses.InstanceStatus[0].Status != string(sample.Status) {
		t.Errorf("DescribeInstanceStatus: %v, error %v", resp, err)
	}

	tags := vendor.CreateListTagResourcesRequest()
	tags.ResourceType = "instance"
	tags.Tag = &[]vendor.ListTagResourcesTag{{Key: sample.Tags[0].Key, Value: sample.Tags[0].Value}}
	got, want := map[string]bool{}, map[string]bool{}
	for {
		resp, err := vendorClient.ListTagResources(tags)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range resp.TagResources.TagResource {
			got[r.ResourceId] = true
		}
		if tags.NextToken = resp.NextToken; tags.NextToken == "" {
			break
		}
	}
	for _, i := range fleet {
		if i.RegionID == sample.RegionID && slices.Contains(i.Tags, sample.Tags[0]) {
			want[i.InstanceID] = true
		}
	}
	if len(got) != len(want) || !got[sample.InstanceID] {
		t.Errorf("ListTagResources: %d resources, want %d", len(got), len(want))
	}
}
