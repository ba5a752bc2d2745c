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

// Version is the version of this module, as sent in the User-Agent header.
const Version = "0.1.0"

const apiVersion = "2014-05-26"

// Client calls the ECS API in one region. Create one with [NewClient] and reuse it: it is immutable, keeps connections
// open, and is safe for concurrent use.
//
// Every call of the zero Client, or of a nil one, returns an error that matches ErrInvalidParameter.
type Client struct {
	region       string
	scheme, host string

	network    Network
	endpoint   string // Options.Endpoint, in which "{region}" is not replaced
	attributes []AdditionalAttribute
	poll       PollPolicy
	trustEmpty bool

	*account // nil in the zero Client
}

// account is the state shared by the clients of one account in all regions. Client refers to it by a pointer,
// partly for secrecy: with a verb that does not fit, package fmt may follow the first pointer in a Client, but not
// the second.
type account struct {
	transport *transport.Transport
	keys      *credentials.Cache

	permissions permissionCache // see listing_empty.go
	lookups     sync.Map        // of *lookupQueue, by region; see get_instance.go
}

// NewClient returns a client for a region, such as "cn-hangzhou". If opts is nil, all options have their defaults.
//
// It checks the region and the options, fixed keys included, and does no I/O. An error matches ErrInvalidParameter and
// names the field that is wrong; no call was made, so there is no [*Error] in its chain.
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
		UserAgent:   strings.TrimSpace(fmt.Sprintf("aliyun-ecs-sdk-go/%s (%s; %s/%s) %s", Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, o.UserAgent)),
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

// InRegion returns a client for another region that shares the connections, the credentials and the throttle control of
// this one. An error matches ErrInvalidParameter.
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

// WithCredentials returns a client for the same region that signs with other credentials, such as those of another
// account. If p is nil, the default chain is used.
//
// The two clients share their connections and all options. They do not share state that depends on the account:
// the throttle control, which learns an account's quota, and the remembered permissions. Unlike NewClient,
// WithCredentials does not check fixed keys; the first call does.
func (c *Client) WithCredentials(p CredentialsProvider) *Client {
	if c.ready() != nil {
		return &Client{}
	}
	other, keys := *c, cacheCredentials(p)
	other.account = &account{transport: c.transport.WithCredentials(keys.Get), keys: keys}
	return &other
}

// Region returns the region of the client, "" for the zero Client.
func (c *Client) Region() string {
	if c.ready() != nil {
		return ""
	}
	return c.region
}

// Endpoint returns the URL that the client sends its requests to, such as "https://ecs.cn-beijing.aliyuncs.com". It may be
// used as [Options.Endpoint]. It is "" for the zero Client.
func (c *Client) Endpoint() string {
	if c.ready() != nil {
		return ""
	}
	return c.scheme + "://" + c.host
}

// CloseIdleConnections closes the connections that are not in use, including those shared with other clients. The
// client remains usable.
func (c *Client) CloseIdleConnections() {
	if c.ready() == nil {
		c.transport.CloseIdleConnections()
	}
}

// Format implements [fmt.Formatter]. For every verb it prints the region and the endpoint, and no options.
func (c *Client) Format(f fmt.State, verb rune) {
	if c == nil {
		formatText(f, verb, "ecs.Client(nil)")
		return
	}
	formatText(f, verb, "ecs.Client("+c.region+" at "+c.host+")")
}

// errNotReady is returned by every call of a client that was not created by NewClient.
var errNotReady = invalid("client", "was not created by NewClient")

// ready returns an error if c is nil or the zero Client.
func (c *Client) ready() error {
	if c == nil || c.account == nil {
		return errNotReady
	}
	return nil
}

// orZero returns c, or the zero Client, whose calls return an error, if c is nil.
func (c *Client) orZero() *Client {
	if c == nil {
		return &Client{}
	}
	return c
}

// withAttributes adds Options.AdditionalAttributes to those of a request.
func (c *Client) withAttributes(req DescribeInstancesRequest) DescribeInstancesRequest {
	if len(c.attributes) > 0 {
		req.AdditionalAttributes = mergeAttributes(req.AdditionalAttributes, c.attributes)
	}
	return req
}

// mergeAttributes returns the attributes of all lists in a new slice, without duplicates.
func mergeAttributes(lists ...[]AdditionalAttribute) []AdditionalAttribute {
	var merged []AdditionalAttribute
	for _, attribute := range slices.Concat(lists...) {
		if !slices.Contains(merged, attribute) {
			merged = append(merged, attribute)
		}
	}
	return merged
}

// retryMode determines how a call may be retried.
type retryMode int

const (
	retryRead   retryMode = iota // a call that only reads: retry for a few seconds
	retryPage                    // a page of a listing: like retryRead, but long enough for a restart of the service
	retryChange                  // a call that may change something: retry only if it cannot have been carried out
	retryToken                   // a call with a ClientToken, which may be repeated safely: like retryRead
)

// do makes one call and passes a successful response to decode. Every error it returns is an *Error.
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
