package ecs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aliyun-ecs/sdk-go/internal/jsonscan"
	"github.com/aliyun-ecs/sdk-go/internal/transport"
	"github.com/aliyun-ecs/sdk-go/pagination"
)

// Call calls any operation of the ECS API, version 2014-05-26. Use it for operations for which Client has no method.
// Call signs, retries and throttles requests in the same way as the other methods of Client, and returns the same
// errors.
//
// The argument params contains the parameters of the operation. It is nil, a [url.Values], a struct or a pointer to a
// struct. The fields of a struct have `url` tags, as in the package go-querystring. A tag contains the name of the
// parameter, or "-" if the field is not sent, followed by options such as "omitempty". A zero value is sent unless its
// tag has the option omitempty. A nil pointer is never sent. Call encodes values of the following types in the form
// that the API expects, which differs from the encoding of go-querystring. If a value cannot be encoded for the API,
// Call returns an error that names the field.
//
//   - A nested struct is sent as SystemDisk.Category, and a list of structs as DataDisk.1.Size, DataDisk.2.Size …
//   - A list of other values must have the type [RepeatList] or [JSONList], or the option "comma".
//   - A [time.Time] is sent in UTC, as 2006-01-02T15:04:05Z by default. A `layout` tag sets another layout.
//   - A value whose type implements [encoding.TextMarshaler], such as [net/netip.Addr], is sent as the result of
//     MarshalText.
//
// If params has no RegionId, Call adds the client's region.
//
// The response is decoded into out as by [json.Unmarshal]; out must be nil or a non-nil pointer. For an operation that
// returns pages, see [CallPages].
//
// Call assumes that an action only reads if its name begins with Describe, List, Get or Query, and retries it after
// every temporary failure. Any other action may change something. Call retries such an action only if the failed
// attempt certainly had no effect, or if params contains a ClientToken, which lets the API detect a repeated request.
func (c *Client) Call(ctx context.Context, action string, params, out any) error {
	values, mode, err := c.prepareCall(action, params)
	// Validate the argument out before the request is sent. Otherwise, json.Unmarshal would report an invalid argument
	// only after the operation has run.
	if v := reflect.ValueOf(out); err == nil && out != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		err = invalidCall(action, c.region, invalid("out", "must be nil or a non-nil pointer, not a %T", out))
	}
	if err != nil {
		return err
	}
	_, err = c.do(ctx, mode, action, values, decodeInto(out))
	return err
}

// CallPages calls an operation that returns its result in pages and yields the elements of all pages in order. Use it
// for operations of the ECS API that page by NextToken and for which Client has no method, such as
// DescribeNetworkInterfaces.
//
// The argument params has the same form as in [Client.Call]. Most operations page by token only if params contains
// MaxResults, the page size. The argument list is the path of the list in the response, such as
// "NetworkInterfaceSets.NetworkInterfaceSet". Each element of the list is decoded into a T by [json.Unmarshal].
//
// The listing is complete if and only if the loop ends without an error. An error ends the loop and is yielded with the
// zero T. CallPages yields an error if a response does not contain the list, if the server repeats a token
// ([pagination.ErrTokenLoop]), or if the first response has no NextToken but a TotalCount greater than the number of
// elements on the page. In the last case, the operation pages by number: use [Client.Call]. CallPages therefore does
// not accept the parameters PageNumber and PageSize. If the server returns an element on two pages, it is yielded
// twice.
//
// Unlike the instance listings, CallPages does not check permissions. Some operations return an empty list to a caller
// without permission. If the permission is revoked during a listing, the last page returned by such an operation is
// empty.
//
// No request is sent before the loop starts, and each loop over the returned sequence starts with the first page. A
// failed request for a page is retried as in [Client.Instances].
func CallPages[T any](ctx context.Context, c *Client, action string, params any, list string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		p := pager[T]{client: c, action: action, list: strings.Split(list, ".")}
		if err := p.prepare(ctx, params); err != nil {
			var zero T
			yield(zero, err)
			return
		}
		for item, err := range pagination.Items(pagination.Pages(ctx, p.fetch)) {
			if !yield(item, failure(action, c.region, err)) {
				return
			}
		}
	}
}

// pager fetches the pages for one loop over the result of CallPages.
type pager[T any] struct {
	client *Client
	action string
	params url.Values
	mode   retryMode
	list   []string // the path of the list in the response
}

func (p *pager[T]) prepare(ctx context.Context, params any) (err error) {
	if p.params, p.mode, err = p.client.prepareCall(p.action, params); err != nil {
		return err
	}
	if p.mode == retryRead {
		p.mode = retryPage
	}
	switch {
	case ctx == nil:
		err = errNilContext
	case slices.Contains(p.list, ""):
		err = invalid("list", "%.80q is not a path in the response: use a path such as %q", strings.Join(p.list, "."), "NetworkInterfaceSets.NetworkInterfaceSet")
	case p.params.Has("PageNumber") || p.params.Has("PageSize"):
		err = invalid("params", "contains PageNumber or PageSize, which select a single page: set MaxResults instead, or use Client.Call")
	}
	if err != nil {
		return invalidCall(p.action, p.client.region, err)
	}
	return nil
}

// fetch returns the page with the given token, or the first page if token is empty.
func (p *pager[T]) fetch(ctx context.Context, token string) (page pagination.Page[T], err error) {
	params := p.params
	if token != "" {
		params = maps.Clone(params)
		params.Set("NextToken", token)
	}
	_, err = p.client.do(ctx, p.mode, p.action, params, func(body []byte) (err error) {
		page, err = decodePage[T](body, p.list)
		// Compare TotalCount only on the first page. On later pages, TotalCount may be meaningless, and elements may
		// have been added or removed during the listing.
		if err == nil && page.Next == "" && params.Get("NextToken") == "" && totalCount(body) > len(page.Items) {
			err = fmt.Errorf("%w: the response has no NextToken, but its TotalCount is %d and the page has only %d elements: set MaxResults, "+
				"or, if the operation has no NextToken, use Client.Call with PageNumber", transport.ErrMismatch, totalCount(body), len(page.Items))
		}
		return err
	})
	return page, err
}

// decodePage returns the NextToken of a response and the elements of the list at the given path.
func decodePage[T any](body []byte, list []string) (page pagination.Page[T], err error) {
	if err := jsonscan.CheckPage(body, jsonscan.MaxValues); err != nil {
		return page, err
	}
	var head struct{ NextToken string }
	if err := decodeInto(&head)(body); err != nil {
		return page, err
	}
	value := json.RawMessage(body)
	for _, name := range list {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(value, &object); err != nil {
			return page, fmt.Errorf("%w: %w", transport.ErrMismatch, err)
		}
		value = object[name]
		if value == nil || string(value) == "null" {
			return page, fmt.Errorf("%w: the response has no list %s", transport.ErrMismatch, printable(strings.Join(list, ".")))
		}
	}
	if err := json.Unmarshal(value, &page.Items); err != nil {
		return page, fmt.Errorf("%w: %w", transport.ErrMismatch, err)
	}
	page.Next = head.NextToken
	return page, nil
}

// totalCount returns the TotalCount of a response, which is a number or a string of digits. It returns 0 if the
// response has no TotalCount.
func totalCount(body []byte) int {
	var head struct{ TotalCount json.RawMessage }
	if json.Unmarshal(body, &head) != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.Trim(string(head.TotalCount), `"`))
	if err != nil {
		return 0
	}
	return n
}

// prepareCall validates and encodes the arguments of Call and CallPages.
func (c *Client) prepareCall(action string, params any) (url.Values, retryMode, error) {
	if err := c.ready(); err != nil {
		return nil, 0, invalidCall("Call", "", err)
	}
	if action == "" || strings.Trim(action, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return nil, 0, invalidCall("Call", c.region, invalid("action", "%.80q is not the name of an operation: use a name such as %q", action, "DescribeInstances"))
	}
	values, err := c.encodeCall(params)
	if err != nil {
		return nil, 0, invalidCall(action, c.region, err)
	}
	if values.Get("RegionId") == "" {
		values.Set("RegionId", c.region)
	}
	switch {
	case onlyReads(action):
		return values, retryRead, nil
	case values.Get("ClientToken") != "":
		return values, retryToken, nil
	default:
		return values, retryChange, nil
	}
}

// encodeCall encodes the parameters of Call. The returned map is not shared with the caller.
func (c *Client) encodeCall(params any) (url.Values, error) {
	switch p := params.(type) {
	case nil:
		return url.Values{}, nil
	case url.Values:
		for name, list := range p {
			if name == "" || len(list) == 0 {
				return nil, invalid("params", "contains the parameter %.80q, which has an empty name or no value: set its name and value, or remove it", name)
			}
		}
		values := url.Values{}
		maps.Copy(values, p)
		return values, nil
	case DescribeInstancesRequest: // the url tags of its fields do not cover the time windows
		return c.withAttributes(p).encode(c.region, false)
	}
	return encodeParams(params)
}

// onlyReads reports whether the name of an operation shows that the operation only reads.
func onlyReads(action string) bool {
	for _, verb := range []string{"Describe", "List", "Get", "Query"} {
		if rest, ok := strings.CutPrefix(action, verb); ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z' {
			return true
		}
	}
	return false
}

// decodeInto returns a function that decodes a response into out. If out is nil, the function only checks that the
// response is valid. The function returns an error that wraps transport.ErrMismatch if the response is valid but cannot
// be stored in out. Any other error means that the response did not come from this API.
func decodeInto(out any) func([]byte) error {
	return func(body []byte) error {
		if err := jsonscan.Check(body, jsonscan.MaxValues); err != nil {
			return err
		}
		var head struct{ Code, Message json.RawMessage }
		if err := json.Unmarshal(body, &head); err != nil {
			return err
		}
		if string(bytes.TrimSpace(body)) == "null" || transport.IsErrorDocument(head.Code, head.Message) {
			return errors.New("the response is an error document")
		}
		if out == nil {
			return nil
		}
		if err := json.Unmarshal(body, out); err != nil {
			return fmt.Errorf("%w: %w", transport.ErrMismatch, err)
		}
		return nil
	}
}
