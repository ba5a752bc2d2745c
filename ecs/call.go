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
// The parameters params may be nil, a [url.Values], a struct or a pointer to a struct. Struct fields have `url` tags,
// as in the package go-querystring. A nil pointer is not sent, and the option omitempty omits any other zero value. If
// params has no RegionId, Call adds the client's region. The following values are encoded as the API expects, which
// differs from go-querystring:
//
//   - A nested struct is sent as SystemDisk.Category, and a list of structs as DataDisk.1.Size, DataDisk.2.Size …
//   - A list of other values must have the type [RepeatList] or [JSONList], or the option "comma".
//   - A [time.Time] is sent in UTC, as 2006-01-02T15:04:05Z by default. A `layout` tag sets another layout.
//   - A value whose type implements [encoding.TextMarshaler], such as [net/netip.Addr], is sent as the result of
//     MarshalText.
//
// Call decodes the response into out as [json.Unmarshal] does. The argument out must be nil or a non-nil pointer. For
// an operation that returns pages, see [CallPages].
//
// If the name of the operation begins with Describe, List, Get or Query, Call retries every temporary failure. Any
// other operation may change something. Call retries it only if the failed attempt certainly had no effect, or if
// params contains a ClientToken, which lets the API detect a repeated request.
func (c *Client) Call(ctx context.Context, action string, params, out any) error {
	values, mode, err := c.prepareCall(action, params)
	// Validate out before sending the request. Otherwise, an invalid out would be reported only after the operation has
	// run.
	if v := reflect.ValueOf(out); err == nil && out != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		err = invalidCall(action, c.region, invalid("out", "must be nil or a non-nil pointer, not a %T", out))
	}
	if err != nil {
		return err
	}
	_, err = c.do(ctx, mode, action, values, decodeInto(out))
	return err
}

// CallPages calls an operation that returns its result in pages, and yields the elements of all pages in order. Use it
// for operations that use NextToken and for which Client has no method, such as DescribeNetworkInterfaces.
//
// The argument params has the same form as in [Client.Call]. Most operations return a NextToken only if params contains
// MaxResults, the page size. The argument list is the path of the list in the response, such as
// "NetworkInterfaceSets.NetworkInterfaceSet". Each element of the list is decoded into a T by [json.Unmarshal].
//
// The listing is complete if and only if the loop ends without an error. An error is yielded last, with the zero T. If
// the server repeats a token, the error is [pagination.ErrTokenLoop]. CallPages also yields an error if a response does
// not contain the list, or if the operation supports only page numbers. For such an operation, use [Client.Call].
//
// CallPages does not remove duplicates, and does not check permissions. Some operations return an empty list to a
// caller without permission.
//
// No request is sent before the loop starts, and each loop starts with the first page. Failed requests are retried as
// in [Client.Instances].
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
		// Compare TotalCount only on the first page. Later, the number of elements may have changed.
		if err == nil && page.Next == "" && params.Get("NextToken") == "" && totalCount(body) > len(page.Items) {
			err = fmt.Errorf("%w: the response has no NextToken, but its TotalCount is %d and the page has only %d elements: set MaxResults, "+
				"or, if the operation has no NextToken, use Client.Call with PageNumber", transport.ErrMismatch, totalCount(body), len(page.Items))
		}
		return err
	})
	return page, err
}

// decodePage decodes the list at the given path of a response, and the response's NextToken.
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

// totalCount returns the TotalCount of a response, or 0 if the response has none.
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

// encodeCall encodes the parameters of Call in a new map.
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
	case DescribeInstancesRequest: // its time filters are not encoded by url tags
		return c.withAttributes(p).encode(c.region, false)
	}
	return encodeParams(params)
}

// onlyReads reports whether an operation only reads, judging by its name.
func onlyReads(action string) bool {
	for _, verb := range []string{"Describe", "List", "Get", "Query"} {
		if rest, ok := strings.CutPrefix(action, verb); ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z' {
			return true
		}
	}
	return false
}

// decodeInto returns a function that decodes a response into out, or only checks the response if out is nil. If a valid
// response does not fit into out, the error wraps transport.ErrMismatch.
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
