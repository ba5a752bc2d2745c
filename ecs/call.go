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

// Call calls an operation of the ECS API (version 2014-05-26) that has no method of its own. Signing, retries,
// throttle control and errors are the same as for the other methods.
//
// params is nil, a [url.Values], or a struct, or a pointer to one, whose fields have `url` tags as for go-querystring: the
// name of the parameter, "-" for a field that is not sent, and options such as "omitempty". Without the option omitempty, a
// zero value is sent, except for a nil pointer. Values that go-querystring would encode in a form that the API ignores
// are encoded in the API's form, or refused with an error that names the field:
//
//   - a nested struct as SystemDisk.Category, and a list of structs as DataDisk.1.Size, DataDisk.2.Size …;
//   - a list of other values only with a type that determines its form, [RepeatList] or [JSONList], or the option "comma";
//   - a [time.Time] in UTC, by default as 2006-01-02T15:04:05Z; another layout is set by a `layout` tag;
//   - a type that implements [encoding.TextMarshaler], such as [net/netip.Addr], as its text.
//
// The parameter RegionId is the client's region unless params contains one.
//
// out is nil or a pointer that [json.Unmarshal] can decode the response into; see [CallPages] for an operation that
// returns pages.
//
// A call whose action begins with Describe, List, Get or Query is retried like every call that only reads. Any other
// action may change something: it is retried only if the failed attempt cannot have been carried out, or if params contains
// a ClientToken, with which the API recognizes a request that it has already carried out.
func (c *Client) Call(ctx context.Context, action string, params, out any) error {
	values, mode, err := c.prepareCall(action, params)
	// encoding/json would refuse such an out as well, but only after the operation has been carried out.
	if v := reflect.ValueOf(out); err == nil && out != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		err = invalidCall(action, c.region, invalid("out", "is a %T, it must be nil or a pointer that is not nil", out))
	}
	if err != nil {
		return err
	}
	_, err = c.do(ctx, mode, action, values, decodeInto(out))
	return err
}

// CallPages calls an operation that returns pages, and yields the elements of all its pages in order. It is for the
// operations of the ECS API that page by NextToken and have no method of their own, such as DescribeNetworkInterfaces.
//
// params are those of [Client.Call]. Most operations page by token only if MaxResults, the page size, is among them.
// list is the path of the list in the response, such as "NetworkInterfaceSets.NetworkInterfaceSet", and T the type that
// [json.Unmarshal] decodes its elements into.
//
// The listing is complete if and only if the loop ends without an error. An error is yielded once, last, with the zero T. It
// is an error if a response has no such list, if the server repeats a token ([pagination.ErrTokenLoop]), and if the
// response has no NextToken although its TotalCount says that there are more elements: the operation then pages by number,
// and has to be called by [Client.Call]. For the same reason, the parameters PageNumber and PageSize are refused. An
// element that the server returns on two pages is yielded twice.
//
// Unlike the listings of instances, CallPages does not check permissions. Some operations return an
// empty list to a caller without permission; if the permission is withdrawn in the middle of a listing, the last page is empty.
//
// Nothing is sent before the loop starts, and each loop over the returned sequence lists from the beginning. Each page may
// be retried for as long as a page of [Client.Instances].
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

// pager fetches the pages of one CallPages loop.
type pager[T any] struct {
	client *Client
	action string
	params url.Values
	mode   retryMode
	list   []string // path of the list in a response
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
		err = invalid("list", "%.80q is not the path of a list such as %q", strings.Join(p.list, "."), "NetworkInterfaceSets.NetworkInterfaceSet")
	case p.params.Has("PageNumber") || p.params.Has("PageSize"):
		err = invalid("params", "has PageNumber or PageSize, which select a single page: set MaxResults, or use Client.Call")
	}
	if err != nil {
		return invalidCall(p.action, p.client.region, err)
	}
	return nil
}

// fetch returns the page with the given token. An empty token stands for the first page.
func (p *pager[T]) fetch(ctx context.Context, token string) (page pagination.Page[T], err error) {
	params := p.params
	if token != "" {
		params = maps.Clone(params)
		params.Set("NextToken", token)
	}
	_, err = p.client.do(ctx, p.mode, p.action, params, func(body []byte) (err error) {
		page, err = decodePage[T](body, p.list)
		// On later pages TotalCount may be meaningless, and elements may have been added or removed.
		if err == nil && page.Next == "" && params.Get("NextToken") == "" && totalCount(body) > len(page.Items) {
			err = fmt.Errorf("%w: it has no NextToken, but its TotalCount of %d is more than the %d elements on the page: set MaxResults, "+
				"or, if the operation has no NextToken, page by PageNumber with Client.Call", transport.ErrMismatch, totalCount(body), len(page.Items))
		}
		return err
	})
	return page, err
}

// decodePage decodes the list at a path of a response, and its NextToken.
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
			return page, fmt.Errorf("%w: it has no list %s", transport.ErrMismatch, printable(strings.Join(list, ".")))
		}
	}
	if err := json.Unmarshal(value, &page.Items); err != nil {
		return page, fmt.Errorf("%w: %w", transport.ErrMismatch, err)
	}
	page.Next = head.NextToken
	return page, nil
}

// totalCount returns the TotalCount of a response, a number or a string of digits, or 0 if it has none.
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

// prepareCall checks and encodes the arguments of Call.
func (c *Client) prepareCall(action string, params any) (url.Values, retryMode, error) {
	if err := c.ready(); err != nil {
		return nil, 0, invalidCall("Call", "", err)
	}
	if action == "" || strings.Trim(action, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return nil, 0, invalidCall("Call", c.region, invalid("action", "%.80q is not the name of an operation", action))
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

// encodeCall encodes the parameters of Call, in a map that the caller does not share.
func (c *Client) encodeCall(params any) (url.Values, error) {
	switch p := params.(type) {
	case nil:
		return url.Values{}, nil
	case url.Values:
		for name, list := range p {
			if name == "" || len(list) == 0 {
				return nil, invalid("params", "has a parameter %.80q without a name or without a value, which would not be sent", name)
			}
		}
		values := url.Values{}
		maps.Copy(values, p)
		return values, nil
	case DescribeInstancesRequest: // its tags alone would omit the time windows
		return c.withAttributes(p).encode(c.region, false)
	}
	return encodeParams(params)
}

// onlyReads reports whether an operation changes nothing, judging by its name.
func onlyReads(action string) bool {
	for _, verb := range []string{"Describe", "List", "Get", "Query"} {
		if rest, ok := strings.CutPrefix(action, verb); ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z' {
			return true
		}
	}
	return false
}

// decodeInto returns a function that decodes a response into out. If out is nil, the response is only checked. An
// error that wraps transport.ErrMismatch means that the response is valid but does not fit out; any other error
// means that it is not a response of this API.
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
			return errors.New("error document")
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
