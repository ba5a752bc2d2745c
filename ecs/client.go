package ecs

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/aliyun-ecs/sdk-go/internal/credentials"
	"github.com/aliyun-ecs/sdk-go/internal/transport"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// Version is the version of this module. The client sends it in the User-Agent header.
const Version = "0.1.0"

const apiVersion = "2014-05-26"

// Client is a client of the ECS API in one region. Create it with [NewClient]. A Client is immutable and safe for
// concurrent use, and should be reused because it keeps connections open.
//
// The zero Client and a nil *Client cannot be used: every call returns an error that matches ErrInvalidParameter.
type Client struct {
	region       string
	scheme, host string

	network    Network
	endpoint   string // Options.Endpoint, which may contain "{region}"
	attributes []AdditionalAttribute
	poll       PollPolicy
	trustEmpty bool

	*account // nil in the zero Client
}

// account contains the state that clients in several regions share. Client embeds a pointer to an account, so that
// package fmt does not print the credentials.
type account struct {
	transport *transport.Transport
	keys      *credentials.Cache

	permissions permissionCache // see listing_empty.go
	lookups     sync.Map        // maps a region to its *lookupQueue; see get_instance.go
}

// NewClient returns a client for a region, such as "cn-hangzhou". If opts is nil, the default options are used.
//
// NewClient does no I/O. If the region or an option is invalid, including a key from [StaticCredentials], the error
// matches ErrInvalidParameter and names the field. Since no call was made, the error does not wrap an [*Error].
func NewClient(region string, opts *Options) (*Client, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	scheme, host, err := endpoint(region, o.Network, o.Endpoint)
	if err == nil {
		err = o.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("ecs: NewClient: %w", err)
	}
	keys := cacheCredentials(o.Credentials)
	config := transport.Config{
		HTTPClient:  o.HTTPClient,
		Signer:      cmp.Or[signer.Signer](o.Signer, signer.V1{}),
		Credentials: keys.Get,
		Retry:       transport.Policy(o.Retry),
		Limiter:     o.Limiter,
		UserAgent:   userAgent(o.UserAgent),
		Logger:      o.Logger,
	}
	if o.OnAttempt != nil {
		config.OnAttempt = func(a transport.Attempt) {
			if a.Err = failure(a.Action, a.Region, a.Err); a.Code == dryRunPassed {
				a.Err = nil
			}
			o.OnAttempt(Attempt(a))
		}
	}
	return &Client{
		region: region, scheme: scheme, host: host, network: o.Network, endpoint: o.Endpoint,
		attributes: mergeAttributes(o.AdditionalAttributes), poll: o.Poll, trustEmpty: o.TrustEmpty,
		account: &account{transport: transport.New(config), keys: keys},
	}, nil
}

// userAgent returns the User-Agent header of every request, which ends with the text of Options.UserAgent.
func userAgent(text string) string {
	return strings.TrimSpace(fmt.Sprintf("aliyun-ecs-sdk-go/%s (%s; %s/%s) %s", Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, text))
}

// InRegion returns a client for another region. The new client shares the connections, the credentials and the throttle
// control with c. InRegion returns an error that matches ErrInvalidParameter if the region is invalid.
func (c *Client) InRegion(region string) (*Client, error) {
	err := c.ready()
	other := &Client{}
	if err == nil {
		*other = *c
		other.region = region
		other.scheme, other.host, err = endpoint(region, c.network, c.endpoint)
	}
	if err != nil {
		return nil, fmt.Errorf("ecs: InRegion: %w", err)
	}
	return other, nil
}

// WithCredentials returns a client for the same region with other credentials, for example for another account. If p is
// nil, the new client uses the default credential chain.
//
// The two clients share their connections and options, but not their throttle control, because quotas depend on the
// account. WithCredentials does not validate a key from [StaticCredentials]: if the key is malformed, the first call
// returns an error.
func (c *Client) WithCredentials(p CredentialsProvider) *Client {
	if c.ready() != nil {
		return &Client{}
	}
	other, keys := *c, cacheCredentials(p)
	other.account = &account{transport: c.transport.WithCredentials(keys.Get), keys: keys}
	return &other
}

// Region returns the client's region, or "" for the zero Client.
func (c *Client) Region() string {
	if c.ready() != nil {
		return ""
	}
	return c.region
}

// Endpoint returns the URL to which the client sends its requests, such as "https://ecs.cn-beijing.aliyuncs.com". The
// URL is a valid value for [Options.Endpoint]. Endpoint returns "" for the zero Client.
func (c *Client) Endpoint() string {
	if c.ready() != nil {
		return ""
	}
	return c.scheme + "://" + c.host
}

// CloseIdleConnections closes all connections that are idle, including connections that c shares with other clients.
// The client can still be used afterwards.
func (c *Client) CloseIdleConnections() {
	if c.ready() == nil {
		c.transport.CloseIdleConnections()
	}
}

// Format implements [fmt.Formatter]. For every verb, it prints only the region and the host of the endpoint.
func (c *Client) Format(f fmt.State, verb rune) {
	if c == nil {
		formatText(f, verb, "ecs.Client(nil)")
		return
	}
	formatText(f, verb, "ecs.Client("+c.region+" at "+c.host+")")
}

// errNotReady is the error returned by the methods of a client that was not created by NewClient.
var errNotReady = invalid("client", "must be created by NewClient")

// ready returns an error if c is nil or the zero Client.
func (c *Client) ready() error {
	if c == nil || c.account == nil {
		return errNotReady
	}
	return nil
}

// orZero returns c, or the zero Client if c is nil, so that a method returns an error instead of panicking.
func (c *Client) orZero() *Client {
	if c == nil {
		return &Client{}
	}
	return c
}

// withAttributes returns req with Options.AdditionalAttributes added to its own AdditionalAttributes.
func (c *Client) withAttributes(req DescribeInstancesRequest) DescribeInstancesRequest {
	if len(c.attributes) > 0 {
		req.AdditionalAttributes = mergeAttributes(req.AdditionalAttributes, c.attributes)
	}
	return req
}

// mergeAttributes concatenates the lists into a new slice without duplicates.
func mergeAttributes(lists ...[]AdditionalAttribute) []AdditionalAttribute {
	var merged []AdditionalAttribute
	for _, attribute := range slices.Concat(lists...) {
		if !slices.Contains(merged, attribute) {
			merged = append(merged, attribute)
		}
	}
	return merged
}

// retryMode determines whether and for how long a failed call is retried.
type retryMode int

const (
	retryRead   retryMode = iota // a call that only reads: retry for a few seconds
	retryPage                    // a page of a listing: retry for as long as a restart of the service may take
	retryChange                  // a call that may change something: retry only if the attempt certainly had no effect
	retryToken                   // a call with a ClientToken, which can safely be repeated: retry as with retryRead
)

// do makes one call and passes a successful response to decode. Every error returned by do is an *Error.
func (c *Client) do(ctx context.Context, mode retryMode, action string, params url.Values, decode func([]byte) error) (transport.Meta, error) {
	if err := c.ready(); err != nil {
		return transport.Meta{}, invalidCall(action, "", err)
	}
	if ctx == nil {
		return transport.Meta{}, invalidCall(action, c.region, errNilContext)
	}
	meta, err := c.transport.Do(ctx, transport.Call{
		Region: c.region, Action: action, Version: apiVersion, Scheme: c.scheme, Host: c.host, Params: params, Decode: decode,
		ReadOnly: mode == retryRead || mode == retryPage, Patient: mode == retryPage, Repeatable: mode == retryToken,
	})
	return meta, failure(action, c.region, err)
}
