package ecs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aliyun-ecs/sdk-go/internal/jsonscan"
	"github.com/aliyun-ecs/sdk-go/internal/transport"
)

// This file decodes the top-level members of a page and its list of instances. The functions that decode a single
// instance are generated; see zz_instance_json.go.

// These limits for one page prevent a malformed response from using gigabytes of memory.
const (
	maxTokenLength = 8 << 10 // maximum length of NextToken, in bytes
	maxInstances   = 10_000  // maximum number of instances in one page; the API returns at most 100
	// maximum number of JSON values in other responses; sufficient for about 20,000 list elements
	maxListValues = 100_000
	maxRawValues  = 100      // maximum number of DecodeErrors with a Raw value in one page
	maxRawLength  = 16 << 10 // maximum length of a Raw value, in bytes
)

// decodeDescribeInstances decodes a response of DescribeInstances. It returns an error if body is truncated or is not
// such a response.
func decodeDescribeInstances(body []byte) (*DescribeInstancesResponse, error) {
	d := newDecoder(body)
	defer d.release()
	r := new(DescribeInstancesResponse)
	top, end := d.page(r, d.SkipSpace(0))
	if err := d.End(end); err != nil {
		return nil, err
	}
	switch {
	case !top.instances:
		return nil, errors.New("the response has no member Instances")
	case transport.IsErrorDocument(top.code, top.message):
		return nil, errors.New("the response is an error document")
	}
	return r, nil
}

// instanceCount returns the number of instances in the response, including instances that could not be decoded.
func (r *DescribeInstancesResponse) instanceCount() int {
	n := len(r.Instances)
	for _, d := range r.Undecoded {
		if d.InstanceID == "" {
			n++
		}
	}
	return n
}

// pageDecoder reads the instances of one page.
type pageDecoder struct {
	jsonscan.Decoder
	instanceCount int // number of list elements so far, including elements that could not be decoded
	rawValues     int // number of DecodeErrors with a Raw value
}

// decoders is a pool of decoders. A reused decoder is faster, because it remembers the order of members and recurring
// strings.
var decoders = sync.Pool{New: func() any { return &pageDecoder{Decoder: jsonscan.Decoder{Members: &members}} }}

func newDecoder(data []byte) *pageDecoder {
	d := decoders.Get().(*pageDecoder) //nolint:forcetypeassert // the pool holds nothing else
	d.Reset(data)
	d.instanceCount, d.rawValues = 0, 0
	return d
}

func (d *pageDecoder) release() {
	if d.Release() {
		decoders.Put(d)
	}
}

// topMembers contains the top-level members that distinguish a page of instances from an error document or another JSON
// document.
type topMembers struct {
	instances, token bool   // whether the page has the members Instances and NextToken
	code, message    []byte // the JSON values of Code and Message, or nil
}

// page reads the top-level members of the response.
func (d *pageDecoder) page(r *DescribeInstancesResponse, i int) (top topMembers, end int) {
	if d.At(i) != '{' {
		return top, d.Fail(i)
	}
	i, more := d.Open(i)
	for more {
		text, at := d.Name(i)
		name, before := string(text), len(d.Problems())
		if strings.EqualFold(name, "NextToken") { // ignore case: a missed token would end the listing
			name = "NextToken"
		}
		if name == "Instances" && top.instances || name == "NextToken" && top.token {
			return top, d.Stop(fmt.Errorf("the response contains the member %s twice", name))
		}
		switch name {
		case "Instances":
			top.instances = true
			i = d.instances(r, at)
		case "Code":
			i = d.Skip(at)
			top.code = d.Data[at:i]
		case "Message":
			i = d.Skip(at)
			top.message = d.Data[at:i]
		case "RequestId":
			r.RequestID, i = d.ReadText(at)
		case "PageNumber":
			r.PageNumber, i = d.ReadInt(at)
		case "PageSize":
			r.PageSize, i = d.ReadInt(at)
		case "TotalCount":
			r.TotalCount, i = d.ReadInt(at)
		case "NextToken":
			top.token = true
			i = d.nextToken(r, at)
		default:
			i = d.Skip(at)
		}
		if problems := d.Problems(); name != "Instances" && len(problems) > before {
			i = d.Stop(fmt.Errorf("%s: %w", name, problems[before].Err))
		}
		i, more = d.Next(i, '}')
	}
	return top, i
}

func (d *pageDecoder) nextToken(r *DescribeInstancesResponse, i int) (end int) {
	r.NextToken, end = d.ReadText(i)
	if c := d.At(i); c != '"' && c != 'n' {
		return d.Stop(errors.New("NextToken is not a string"))
	}
	if n := len(r.NextToken); n > maxTokenLength {
		return d.Stop(fmt.Errorf("NextToken is %d bytes long, but at most %d bytes are allowed", n, maxTokenLength))
	}
	return end
}

// instances reads the value of the member Instances, which is {"Instance": list} or the list itself.
func (d *pageDecoder) instances(r *DescribeInstancesResponse, i int) (end int) {
	if d.At(i) != '{' || d.IsEmptyValue(i) {
		return d.instanceList(r, i)
	}
	hasList := false
	i, more := d.Open(i)
	for more {
		name, at := d.Name(i)
		if string(name) == "Instance" {
			if hasList {
				return d.Stop(errors.New("the response contains the list Instances.Instance twice"))
			}
			hasList = true
			i = d.instanceList(r, at)
		} else {
			i = d.Skip(at)
		}
		i, more = d.Next(i, '}')
	}
	if !hasList {
		return d.Stop(errors.New("the response has no list Instances.Instance"))
	}
	return i
}

func (d *pageDecoder) instanceList(r *DescribeInstancesResponse, i int) (end int) {
	if d.At(i) != '[' {
		end := d.Skip(i)
		if !d.IsEmptyValue(i) {
			return d.Stop(errors.New("the instances in the response are not a list"))
		}
		return end
	}
	begin := i
	i, more := d.Open(i)
	for more {
		if d.instanceCount++; d.instanceCount > maxInstances {
			return d.Stop(fmt.Errorf("the response contains more than %d instances", maxInstances))
		}
		n := len(r.Instances)
		if n == cap(r.Instances) {
			more := 1
			if n == 1 { // estimate the number of instances from the size of the first
				more += min(98, (len(d.Data)-i)*5/4/(i-begin))
			}
			r.Instances = slices.Grow(r.Instances, more)
		}
		r.Instances = r.Instances[:n+1] // the new element is zero; append(r.Instances, Instance{}) would copy 1.4 kB
		var problems []*DecodeError
		problems, i = d.instance(&r.Instances[n], i)
		if r.Instances[n].InstanceID == "" {
			r.Instances[n] = Instance{}
			r.Instances = r.Instances[:n]
		}
		r.Undecoded = append(r.Undecoded, problems...)
		i, more = d.Next(i, ']')
	}
	if len(r.Instances) == 0 {
		r.Instances = nil
	}
	return i
}

// instance decodes one element of the list into inst. It returns a DecodeError for each member that could not be
// decoded, or a single DecodeError without an InstanceID if the id could not be decoded.
func (d *pageDecoder) instance(inst *Instance, i int) (problems []*DecodeError, end int) {
	if d.At(i) != '{' {
		end = d.Skip(i)
		return []*DecodeError{{Raw: d.rawValue(i, end), Err: errors.New("the value is not an object")}}, end
	}
	end = d.decodeMembers(inst, i)
	found := d.Problems()
	if inst.InstanceID == "" {
		err := errors.New("the id is missing, so the instance cannot be identified")
		for _, p := range found {
			if p.Path == "InstanceId" {
				err = p.Err
			}
		}
		return []*DecodeError{{Path: "InstanceId", Raw: d.rawValue(i, end), Err: err}}, end
	}
	for _, p := range found {
		problems = append(problems, &DecodeError{InstanceID: inst.InstanceID, Path: p.Path, Raw: d.rawValue(p.Begin, p.End), Err: p.Err})
	}
	return problems, end
}

// decodeMembers decodes the members of an instance. It stores unknown and undecodable members in Extra.
func (d *pageDecoder) decodeMembers(inst *Instance, i int) (end int) {
	end = jsonscan.ReadRoot(&d.Decoder, inst, i, readInstance)
	// All strings of an instance share one allocation. Copy the id, so that keeping only the id does not keep all
	// strings in memory.
	inst.InstanceID = strings.Clone(inst.InstanceID)
	inst.Extra = extraMembers(d.Extra())
	return end
}

// extraMembers returns the value of Instance.Extra for the members that have no field or could not be decoded.
func extraMembers(members []jsonscan.Extra) map[string]json.RawMessage {
	if len(members) == 0 {
		return nil
	}
	extra := make(map[string]json.RawMessage, len(members))
	for _, m := range members {
		extra[m.Path] = m.Value
	}
	return extra
}

// rawValue returns a copy of a part of the page for DecodeError.Raw.
func (d *pageDecoder) rawValue(begin, end int) []byte {
	if d.rawValues++; d.rawValues > maxRawValues {
		return nil
	}
	return bytes.Clone(d.Data[begin:min(end, begin+maxRawLength)])
}

// MarshalJSON encodes the instance in the API's JSON format, including the members of Extra. It omits a member of Extra
// if the corresponding field is not zero or the list element to which the member belongs no longer exists.
func (i Instance) MarshalJSON() ([]byte, error) {
	b, err := jsonscan.Marshal(i, i.Extra)
	if err != nil {
		return nil, fmt.Errorf("ecs: instance %q: %w", i.InstanceID, err)
	}
	return b, nil
}

// UnmarshalJSON decodes an instance from the API's JSON format, which is also the format of MarshalJSON. Unknown
// members, and members that cannot be decoded, are stored in Extra. The instance id may be missing.
func (i *Instance) UnmarshalJSON(data []byte) error {
	return unmarshal(data, i, func(d *pageDecoder, inst *Instance, at int) (end int, err error) {
		if d.At(at) != '{' {
			return d.Skip(at), errors.New("ecs: an instance must be a JSON object")
		}
		return d.decodeMembers(inst, at), nil
	})
}

// marshalPart implements MarshalJSON for the structs that an Instance contains.
func marshalPart(v any) ([]byte, error) {
	b, err := jsonscan.Marshal(v, nil)
	if err != nil {
		return nil, fmt.Errorf("ecs: %w", err)
	}
	return b, nil
}

// unmarshalPart implements UnmarshalJSON for the structs that an Instance contains. It returns an error if a value
// cannot be decoded.
func unmarshalPart[T any](data []byte, to *T, read func(*jsonscan.Decoder, *T, int) int) error {
	return unmarshal(data, to, func(d *pageDecoder, v *T, i int) (end int, err error) {
		end = jsonscan.ReadRoot(&d.Decoder, v, i, read)
		if found := d.Problems(); len(found) > 0 {
			err = &DecodeError{Path: found[0].Path, Raw: d.rawValue(found[0].Begin, found[0].End), Err: found[0].Err}
		}
		return end, err
	})
}

// unmarshal decodes a JSON document with the function read. If the document is null or cannot be decoded, to is
// unchanged.
func unmarshal[T any](data []byte, to *T, read func(*pageDecoder, *T, int) (int, error)) error {
	d := newDecoder(data)
	defer d.release()
	var v T
	i := d.SkipSpace(0)
	end, problem := read(d, &v, i)
	if err := d.End(end); err != nil {
		return err
	}
	if d.At(i) == 'n' {
		return nil
	}
	if problem == nil {
		*to = v
	}
	return problem
}
