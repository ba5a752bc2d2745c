package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"sync"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	old "github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/signer"
)

const region = "cn-hangzhou"

// newOurs returns a client of this SDK that sends its requests to url and has its own connection pool. opts may be nil.
func newOurs(url string, opts *ecs.Options) *ecs.Client {
	if opts == nil {
		opts = &ecs.Options{}
	}
	opts.Endpoint, opts.Credentials = url, ecs.StaticCredentials("testid", "testsecret", "")
	client, err := ecs.NewClient(region, opts)
	if err != nil {
		panic(err) // possible only because of a bug in this program
	}
	return client
}

// oldSDK is a client of the vendor's old SDK.
type oldSDK struct {
	*old.Client
	domain string
}

// newOld returns a client of the old SDK that sends its requests to url. If transport is nil, the old SDK uses its
// default transport.
func newOld(url string, transport http.RoundTripper) oldSDK {
	client, err := old.NewClientWithOptions(region, sdk.NewConfig().WithScheme("HTTP"), credentials.NewAccessKeyCredential("testid", "testsecret"))
	if err != nil {
		panic(err)
	}
	if transport != nil {
		client.SetTransport(transport)
	}
	return oldSDK{client, strings.TrimPrefix(url, "http://")}
}

func (o oldSDK) request(token string) *old.DescribeInstancesRequest {
	r := old.CreateDescribeInstancesRequest()
	r.Domain = o.domain
	r.MaxResults, r.NextToken = requests.NewInteger(pageSize), token
	return r
}

// list lists all instances by following the page tokens. Users of the old SDK have to write this loop themselves.
func (o oldSDK) list() ([]old.Instance, error) {
	var all []old.Instance
	for token := ""; ; {
		page, err := o.DescribeInstances(o.request(token))
		if err != nil {
			return nil, err
		}
		all = append(all, page.Instances.Instance...)
		if token = page.NextToken; token == "" {
			return all, nil
		}
	}
}

// undecoded is a client that reads each page without decoding it, which is the minimum work of any client.
type undecoded struct {
	client *http.Client
	url    string
	bodies sync.Pool
}

func newUndecoded(url string, transport http.RoundTripper) *undecoded {
	if transport == nil {
		transport = &http.Transport{}
	}
	return &undecoded{client: &http.Client{Transport: transport}, url: url}
}

func (r *undecoded) page(ctx context.Context, token string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/?Action=DescribeInstances&MaxResults=100&NextToken="+token, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := r.bodies.Get().(*[]byte)
	if n := int(resp.ContentLength); body == nil || cap(*body) < n {
		fresh := make([]byte, n)
		body = &fresh
	}
	defer r.bodies.Put(body)
	_, err = io.ReadFull(resp.Body, (*body)[:resp.ContentLength])
	return err
}

// collect returns the items of a listing as a slice.
func collect[T any](items iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, nil
}

// fixedResponse is an http.RoundTripper that responds to every request with the same body, without using a network.
type fixedResponse struct{ body []byte }

func (m fixedResponse) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, ContentLength: int64(len(m.body)), Body: io.NopCloser(bytes.NewReader(m.body)), Request: r,
	}, nil
}

func httpClient(transport http.RoundTripper) *http.Client { return &http.Client{Transport: transport} }

// emptyPage is the smallest valid response of DescribeInstances.
var emptyPage = []byte(`{"Instances":{"Instance":[]},"TotalCount":0,"NextToken":"","PageSize":10,"PageNumber":1,"RequestId":"473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E"}`)

// requestPair contains the same DescribeInstances request in the types of both SDKs.
type requestPair struct {
	ours ecs.DescribeInstancesRequest
	old  func(*old.DescribeInstancesRequest)
}

const midway = "caeba0bbb2be03f84eb48b699f0a4883"

// typicalRequest returns a request for a page in the middle of a filtered listing.
func typicalRequest() requestPair {
	return requestPair{
		ecs.DescribeInstancesRequest{
			Status: ecs.InstanceStatusRunning, VPCID: "vpc-2zeuphj08tt7q3brd0123", Tags: []ecs.Tag{{Key: "env", Value: "prod"}},
			MaxResults: pageSize, NextToken: midway,
		},
		func(r *old.DescribeInstancesRequest) {
			r.Status, r.VpcId, r.Tag = "Running", "vpc-2zeuphj08tt7q3brd0123", &[]old.DescribeInstancesTag{{Key: "env", Value: "prod"}}
			r.MaxResults, r.NextToken = requests.NewInteger(pageSize), midway
		},
	}
}

// largeRequest returns a request that filters by 100 ids and 20 tags.
func largeRequest() requestPair {
	var w requestPair
	ids, tags := make([]string, 100), make([]old.DescribeInstancesTag, 20)
	for i := range ids {
		ids[i] = string(appendID([]byte("i-bp1"), mix(uint64(i+1))))
	}
	for i := range tags {
		tags[i] = old.DescribeInstancesTag{Key: fmt.Sprintf("key-%d", i), Value: fmt.Sprintf("value-%d", i)}
		w.ours.Tags = append(w.ours.Tags, ecs.Tag{Key: tags[i].Key, Value: tags[i].Value})
	}
	w.ours.InstanceIDs, w.ours.MaxResults = ids, pageSize
	w.old = func(r *old.DescribeInstancesRequest) {
		list, err := json.Marshal(ids) // in the old SDK, this parameter is a string with a JSON array
		if err != nil {
			panic(err)
		}
		r.InstanceIds, r.Tag, r.MaxResults = string(list), &tags, requests.NewInteger(pageSize)
	}
	return w
}

// sign encodes and signs a request with the old SDK. It also creates an http.Request, which the old SDK needs for
// signing.
func (o oldSDK) sign(w requestPair) error {
	r := old.CreateDescribeInstancesRequest()
	r.Domain = o.domain
	w.old(r)
	return o.BuildRequestWithSigner(r, nil)
}

// call makes a complete API call with the old SDK.
func (o oldSDK) call(w requestPair) error {
	r := old.CreateDescribeInstancesRequest()
	r.Domain = o.domain
	w.old(r)
	_, err := o.DescribeInstances(r)
	return err
}

// stopper is a Signer that signs a request and then panics. The panic ends the call before the request is sent.
type stopper struct{ signer.V1 }

type stopped struct{}

func (s stopper) Sign(r signer.Request, c signer.Credentials) (signer.Signed, error) {
	if _, err := s.V1.Sign(r, c); err != nil {
		return signer.Signed{}, err
	}
	panic(stopped{})
}

// signOurs encodes and signs a request with this SDK. The client's Signer must be a stopper, which ends the call before
// the request is sent.
func signOurs(ctx context.Context, client *ecs.Client, w requestPair) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case stopped{}:
			err = nil
		default:
			panic(p)
		}
	}()
	_, err = client.DescribeInstances(ctx, w.ours)
	return fmt.Errorf("the call continued after signing: %w", err)
}
