package ecs_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/pagination"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// These variables fail to compile if the signature of a public function or method changes.
var (
	_ func(string, *ecs.Options) (*ecs.Client, error)                                                  = ecs.NewClient
	_ func(*ecs.Client, string) (*ecs.Client, error)                                                   = (*ecs.Client).InRegion
	_ func(*ecs.Client, ecs.CredentialsProvider) *ecs.Client                                           = (*ecs.Client).WithCredentials
	_ func(*ecs.Client) string                                                                         = (*ecs.Client).Region
	_ func(*ecs.Client) string                                                                         = (*ecs.Client).Endpoint
	_ func(*ecs.Client)                                                                                = (*ecs.Client).CloseIdleConnections
	_ func(string, string, string) ecs.CredentialsProvider                                             = ecs.StaticCredentials
	_ func(credentials.Credential) ecs.CredentialsProvider                                             = ecs.CredentialsFrom
	_ func(ecs.Instance) []netip.Addr                                                                  = ecs.Instance.PrivateAddrs
	_ func(ecs.Instance) []netip.Addr                                                                  = ecs.Instance.PublicAddrs
	_ func(ecs.Instance) netip.Addr                                                                    = ecs.Instance.PrivateAddr
	_ func(ecs.Instance) (time.Time, bool)                                                             = ecs.Instance.Expires
	_ func(*ecs.Report) error                                                                          = (*ecs.Report).Err
	_ func(*ecs.Report) []string                                                                       = (*ecs.Report).MissingActions
	_ func(*ecs.Report) string                                                                         = (*ecs.Report).Policy
	_ func(context.Context, *ecs.Client, string, any, string) iter.Seq2[int, error]                    = ecs.CallPages[int]
	_ func(string, url.Values) string                                                                  = signer.StringToSign
	_ func(signer.Request, http.Header) string                                                         = signer.CanonicalRequest
	_ func(...ecs.Instance) *ecstest.Server                                                            = ecstest.NewServer
	_ func(*ecstest.Server, string, *ecs.Options) (*ecs.Client, error)                                 = (*ecstest.Server).Client
	_ func(*ecstest.Server) string                                                                     = (*ecstest.Server).URL
	_ func(*ecstest.Server) signer.Credentials                                                         = (*ecstest.Server).Credentials
	_ func(*ecstest.Server, ...ecstest.Fault)                                                          = (*ecstest.Server).Inject
	_ func(*ecstest.Server) []ecstest.Request                                                          = (*ecstest.Server).Requests
	_ func(*ecstest.Server)                                                                            = (*ecstest.Server).Close
	_ func(int, uint64) []ecs.Instance                                                                 = ecstest.Fleet
	_ func(context.Context, pagination.Fetch[int]) iter.Seq2[pagination.Page[int], error]              = pagination.Pages[int]
	_ func(iter.Seq2[pagination.Page[int], error]) iter.Seq2[int, error]                               = pagination.Items[int]
	_ func(context.Context, int, func(context.Context) iter.Seq2[int, error]) *pagination.Stream[int]  = pagination.NewStream[int]
	_ func(*pagination.Stream[int])                                                                    = (*pagination.Stream[int]).Stop
	_ func(*pagination.Stream[int]) error                                                              = (*pagination.Stream[int]).Err
	_ func(context.Context, int, ...func(context.Context) iter.Seq2[int, error]) iter.Seq2[int, error] = pagination.Merge[int]

	_ signer.Signer           = signer.V1{}
	_ signer.Signer           = signer.V3{}
	_ ecs.CredentialsProvider = provider{}
	_ interface {
		DescribeInstances(context.Context, ecs.DescribeInstancesRequest) (*ecs.DescribeInstancesResponse, error)
		InstancePages(context.Context, ecs.DescribeInstancesRequest) iter.Seq2[*ecs.DescribeInstancesResponse, error]
		Instances(context.Context, ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error]
		StreamInstances(context.Context, ecs.DescribeInstancesRequest) *pagination.Stream[ecs.Instance]
		ScanInstances(context.Context, ecs.DescribeInstancesRequest, *ecs.ScanOptions) iter.Seq2[ecs.Instance, error]
		InstancesInRegions(context.Context, []string, ecs.DescribeInstancesRequest, *ecs.RegionsOptions) iter.Seq2[ecs.Instance, error]
		GetInstances(context.Context, ...string) ([]ecs.Instance, error)
		DryRun(context.Context, ecs.DescribeInstancesRequest) error
		WaitForStatus(context.Context, ecs.InstanceStatus, ...string) ([]ecs.Instance, error)
		WaitUntilGone(context.Context, ...string) error
		DescribeRegions(context.Context, ecs.DescribeRegionsRequest) (*ecs.DescribeRegionsResponse, error)
		ListTagResources(context.Context, ecs.ListTagResourcesRequest) iter.Seq2[ecs.TagResource, error]
		Call(context.Context, string, any, any) error
		Check(context.Context, *ecs.CheckOptions) *ecs.Report
	} = (*ecs.Client)(nil)
)

type provider struct{}

func (provider) Credentials(context.Context) (signer.Credentials, error) {
	return signer.Credentials{AccessKeyID: "id", AccessKeySecret: "secret", SecurityToken: "token"}, nil
}

// TestContract fails to compile if a public field that it sets is removed or changes its type. It also checks that no
// error has an empty message.
func TestContract(t *testing.T) {
	t.Parallel()
	_ = ecs.Options{
		Credentials: provider{}, Network: ecs.NetworkVPC, Endpoint: "", HTTPClient: &http.Client{}, Signer: signer.V3{},
		Retry:   ecs.RetryPolicy{MaxAttempts: 1, MaxElapsed: time.Second, MinDelay: time.Second, MaxDelay: time.Second, AttemptTimeout: time.Second},
		Limiter: nil, Poll: ecs.PollPolicy{MinDelay: time.Second, MaxDelay: time.Second}, TrustEmpty: true, Logger: slog.Default(),
		AdditionalAttributes: []ecs.AdditionalAttribute{"META_OPTIONS"},
		OnAttempt:            func(ecs.Attempt) {}, UserAgent: "x",
	}
	req := ecs.DescribeInstancesRequest{
		VPCID: "a", VSwitchID: "a", ZoneID: "a", SecurityGroupID: "a", ImageID: "a", KeyPairName: "a", ResourceGroupID: "a", HPCClusterID: "a",
		InstanceName: "a", InstanceType: "a", InstanceTypeFamily: "a", RDMAIPAddresses: "a",
		InstanceNetworkType: ecs.InstanceNetworkType("vpc"), InstanceChargeType: ecs.InstanceChargeType("PostPaid"), InternetChargeType: ecs.InternetChargeType("PayByTraffic"),
		Status: ecs.InstanceStatus("Running"), LockReason: ecs.LockReason("security"), HTTPEndpoint: ecs.MetadataEndpoint("enabled"), HTTPTokens: ecs.MetadataTokens("required"),
		InstanceIDs: []string{"i"}, InnerIPAddresses: []string{}, PrivateIPAddresses: nil, PublicIPAddresses: ecs.JSONList{"a"}, EIPAddresses: []string{"a"},
		IPv6Addresses: []string{"a"}, Tags: []ecs.Tag{{Key: "k", Value: "v"}}, AdditionalAttributes: []ecs.AdditionalAttribute{"META_OPTIONS"},
		CreatedAfter: time.Time{}, CreatedBefore: time.Time{}, ExpiresAfter: time.Time{}, ExpiresBefore: time.Time{},
		IOOptimized: ptr(true), NeedSaleCycle: ptr(true), DeviceAvailable: ptr(true), HTTPPutResponseHopLimit: ptr(1),
		PageNumber: 1, PageSize: 1, MaxResults: 1, NextToken: "a",
		OwnerAccount: "a", ResourceOwnerAccount: "a", OwnerID: int64(1), ResourceOwnerID: int64(1),
	}
	var tags []ecs.Tag = req.Tags
	var addresses []string = req.IPv6Addresses
	var attributes []ecs.AdditionalAttribute = req.AdditionalAttributes
	_, _, _ = tags, addresses, attributes

	_ = ecs.DescribeInstancesResponse{
		RequestID: "a", NextToken: "a", PageNumber: 1, PageSize: 1, TotalCount: 1,
		Instances: []ecs.Instance{{
			InstanceID: "i", CPU: 1, IOOptimized: true, VPCAttributes: ecs.VPCAttributes{VPCID: "a", PrivateIPAddress: []string{"a"}},
			EIPAddress: ecs.EIPAddress{AllocationID: "a"}, NetworkInterfaces: []ecs.NetworkInterface{{PrimaryIPAddress: "a"}}, Tags: []ecs.Tag{{Key: "k"}},
			CreationTime: time.Time{},
		}},
		Undecoded: []*ecs.DecodeError{{InstanceID: "i", Path: "a", Raw: []byte("{}"), Err: errors.New("a")}},
	}
	for _, err := range []error{
		&ecs.Error{
			Code: "a", Message: "a", RequestID: "a", HostID: "a", Recommend: "a", Action: "a", Region: "a", Host: "a", StatusCode: 1, Attempts: 1,
			AccessDenied: &ecs.AccessDeniedDetail{AuthAction: "a"},
		},
		&ecs.DecodeError{Err: errors.New("a")},
		&ecs.IncompleteError{Undecoded: []*ecs.DecodeError{}},
		&ecs.UnconfirmedError{Region: "a", Err: errors.New("a")},
		&ecs.RegionError{Region: "a", Err: errors.New("a")},
		&ecs.NotFoundError{InstanceIDs: []string{"i"}},
		&ecs.CappedError{Delivered: 1, Err: errors.New("a")},
		&ecs.WaitError{Want: ecs.InstanceStatusRunning, Pending: map[string]ecs.InstanceStatus{"i": "Stopped"}, Err: errors.New("a")},
		ecs.ErrThrottled, ecs.ErrForbidden, ecs.ErrCredentials, ecs.ErrInvalidParameter, ecs.ErrUnavailable, ecs.ErrNotFound, pagination.ErrTokenLoop,
	} {
		if err.Error() == "" {
			t.Errorf("%T has an empty message", err)
		}
	}
	_ = ecs.ScanOptions{Workers: 1}
	_ = ecs.CheckOptions{Regions: []string{"a"}, AllRegions: true, Exclude: []string{"a"}, Requests: []ecs.DescribeInstancesRequest{{}}, OnStep: func(ecs.CheckStep) {}}
	_ = ecs.Report{Steps: []ecs.CheckStep{{
		Name: "a", Region: "a", Action: "a", Status: ecs.CheckStatus("passed"), Optional: true, Detail: "a", Advice: "a", Err: errors.New("a"), Duration: time.Second,
	}}}
	_ = ecs.RegionsOptions{Exclude: []string{"a"}, Workers: 1}
	_ = pagination.Stream[int]{C: make(<-chan int)}
	_ = ecs.TagResource{}
	_ = ecs.ListTagResourcesRequest{}
	_ = signer.Request{Method: "a", Host: "a", Action: "a", Version: "a", Params: url.Values{}, Time: time.Time{}, Nonce: "a"}
	_ = signer.Signed{Query: "a", Header: http.Header{}}
	_ = pagination.Page[int]{Items: []int{1}, Next: "a"}
	if ecs.NetworkPublic != "" {
		t.Error("the public network is not the zero value")
	}
}
