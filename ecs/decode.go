package ecs

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/jsonscan"
)

// The types of an answer are read by the methods of decoder in zz_decode.go, which ../internal/decodegen writes. This
// file is the page around the instances and what those methods are made of.

// The size of an answer is limited. These limits keep a broken or hostile one from growing to gigabytes of values; the
// API stays far below.
const (
	maxToken     = 8 << 10
	maxInstances = 10_000  // the API sends at most 100
	maxElements  = 250_000 // of all lists within the instances, and unknown members
)

// decodeDescribeInstances reads a page. An error means that the body is not a page, or not a whole one. Nothing of body
// is kept.
func decodeDescribeInstances(body []byte) (*DescribeInstancesResponse, error) {
	d := newDecoder(body)
	defer d.free()
	r := new(DescribeInstancesResponse)
	var listed, code, message bool
	err := d.each('{', '}', func() error {
		name, err := d.memberName()
		if err != nil {
			return err
		}
		if name == "Instances" {
			listed = true
			return d.instances(r)
		}
		if err = d.Value(); err != nil {
			return err
		}
		switch name {
		case "RequestId":
			d.text(&r.RequestID, 0)
		case "Code":
			code = !d.nothing(0)
		case "Message":
			message = !d.nothing(0)
		case "PageNumber":
			r.PageNumber = d.int(0)
		case "PageSize":
			r.PageSize = d.int(0)
		case "TotalCount":
			r.TotalCount = d.int(0)
		case "NextToken":
			if k := d.Tokens[0].Kind; k != jsonscan.String && k != jsonscan.Null {
				return errors.New("NextToken is not a string")
			}
			if d.text(&r.NextToken, 0); len(d.arena) > maxToken {
				return fmt.Errorf("NextToken is %d bytes long, more than %d", len(d.arena), maxToken)
			}
		}
		if d.settle(); d.bad != nil {
			return fmt.Errorf("%s %w", name, d.bad.Err)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case !d.End():
		return nil, d.Here()
	case !listed:
		return nil, errors.New("the answer has no member Instances")
	case code && message: // its list, if any, is not to be believed
		return nil, errors.New("the answer is an error document")
	}
	return r, nil
}

// instances reads what the member Instances holds: {"Instance": list}, or the list itself.
func (d *decoder) instances(r *DescribeInstancesResponse) error {
	if d.Peek() != '{' {
		return d.instanceList(r)
	}
	empty, listed := true, false
	err := d.each('{', '}', func() error {
		empty = false
		name, err := d.memberName()
		if err != nil {
			return err
		}
		if name != "Instance" {
			return d.Value()
		}
		listed = true
		return d.instanceList(r)
	})
	if err == nil && !empty && !listed {
		err = errors.New("the member Instances of the answer has no member Instance")
	}
	return err
}

func (d *decoder) instanceList(r *DescribeInstancesResponse) error {
	r.Instances, r.Undecoded = nil, nil // the last of two lists wins
	if d.Peek() != '[' {
		if err := d.Value(); err != nil || d.nothing(0) {
			return err
		}
		return errors.New("the member Instances of the answer is not a list")
	}
	before := d.Left()
	err := d.each('[', ']', func() error {
		if err := d.Value(); err != nil {
			return err
		}
		n := len(r.Instances)
		if n+len(r.Undecoded) >= maxInstances {
			return fmt.Errorf("more than %d instances in one answer", maxInstances)
		}
		if n == 0 && cap(r.Instances) == 0 {
			// Most pages are full, and their instances of about one size: room for a few more than would fit.
			r.Instances = make([]Instance, 0, 1+min(99, d.Left()*5/4/(before-d.Left())))
		}
		r.Instances = append(r.Instances, Instance{})
		inst := &r.Instances[n]
		bad := d.decodeInstance(inst)
		if bad == nil && inst.InstanceID == "" {
			bad = &DecodeError{Path: "InstanceId", Raw: bytes.Clone(d.Raw(0)), Err: errors.New("is missing, so the instance could not be told from others")}
		}
		if bad != nil {
			*inst = Instance{}
			r.Instances, r.Undecoded = r.Instances[:n], append(r.Undecoded, bad)
		}
		if d.elements > maxElements {
			return fmt.Errorf("more than %d list elements and unknown members in one answer", maxElements)
		}
		return nil
	})
	if len(r.Instances) == 0 {
		r.Instances = nil
	}
	return err
}

// decodeInstance reads the value at hand into inst, which must be zero.
func (d *decoder) decodeInstance(inst *Instance) *DecodeError {
	d.bools, d.extra = nil, nil // never shared by two instances
	if d.Tokens[0].Kind == jsonscan.Object {
		d.instance(inst, 0)
	} else {
		d.fail(0, "is not an object")
	}
	d.settle()
	inst.Extra = d.extra
	bad := d.bad
	if bad == nil {
		return nil
	}
	d.bad = nil
	bad.Raw = bytes.Clone(d.Raw(0))
	if d.Tokens[0].Kind == jsonscan.Object {
		for n := 1; n < d.next(0); n = d.next(n + 1) { // the id may stand anywhere
			if k := d.Tokens[n+1].Kind; string(d.name(n)) == "InstanceId" && (k == jsonscan.String || k == jsonscan.Number) {
				bad.InstanceID = string(d.AppendText(nil, n+1))
			}
		}
	}
	return bad
}

// unmarshal is UnmarshalJSON of a type that the API writes other than encoding/json would.
func unmarshal(data []byte, read func(*decoder) *DecodeError) error {
	d := newDecoder(data)
	defer d.free()
	if err := d.Value(); err != nil {
		return err
	}
	if !d.End() {
		return d.Here()
	}
	if d.Tokens[0].Kind == jsonscan.Null {
		return nil // as encoding/json does
	}
	if bad := read(d); bad != nil {
		return bad
	}
	return nil
}

// UnmarshalJSON reads an instance in the API's shape, with the same tolerance as an answer, or one that MarshalJSON
// wrote. The error is a *[DecodeError] when data is JSON.
func (i *Instance) UnmarshalJSON(data []byte) error {
	return unmarshal(data, func(d *decoder) *DecodeError {
		var inst Instance
		bad := d.decodeInstance(&inst)
		if bad == nil {
			*i = inst
		}
		return bad
	})
}

// unmarshalPart is UnmarshalJSON of a part of an instance. Members it does not know have no place there.
func unmarshalPart[T any](data []byte, to *T, read func(*decoder, *T, int)) error {
	return unmarshal(data, func(d *decoder) *DecodeError {
		var v T
		read(d, &v, 0)
		if d.settle(); d.bad != nil {
			d.bad.Raw = bytes.Clone(data)
			return d.bad
		}
		*to = v
		return nil
	})
}

// decoder reads the values that its Scanner has split into tokens; i is the index of a token.
//
// The strings of one instance are substrings of one that is made when its last is known, and hold nothing else alive.
// Values that instances share are strings of their own, found again by intern.
type decoder struct {
	jsonscan.Scanner
	arena    []byte                     // the text of the strings to come
	strings  []pendingString            // which strings
	bools    []bool                     // of this instance, for its pointers
	extra    map[string]json.RawMessage // of this instance
	bad      *DecodeError               // the first value of this instance that makes no sense
	path     []step                     // to the object or list at hand
	elements int                        // list elements and unknown members so far
	scratch  []byte                     // a name with escapes
	buffer   bytes.Buffer
	seen     [128][4]seen
	turn     int
}

type pendingString struct {
	to   *string
	size int
}

// pending stands in a string that is yet to be made.
const pending = "pending"

type seen struct {
	hash uint64
	text string
}

// step leads to a member, or to an element of the list it holds.
type step struct {
	name  int    // token
	list  string // the name of the list within its wrapper
	index int    // -1: the wrapper
}

// decoders are kept for their buffers, and for the strings that one page shares with the next.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

func newDecoder(data []byte) *decoder {
	d := decoders.Get().(*decoder) //nolint:forcetypeassert // nothing else is put there
	d.Reset(data)
	return d
}

// free gives d back without anything that holds the page alive, unless it has become large.
func (d *decoder) free() {
	d.Reset(nil)
	clear(d.strings[:cap(d.strings)])
	d.strings, d.arena, d.path = d.strings[:0], d.arena[:0], d.path[:0]
	d.bools, d.extra, d.bad, d.elements = nil, nil, nil, 0
	d.buffer.Reset()
	if cap(d.Tokens) < 1<<15 && cap(d.strings) < 1<<14 && cap(d.arena)+cap(d.scratch)+d.buffer.Cap() < 1<<20 {
		decoders.Put(d)
	}
}

// each reads what stands between two brackets, each item by one call.
func (d *decoder) each(open, end byte, item func() error) error {
	if !d.Next(open) {
		return d.Here()
	}
	if d.Next(end) {
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if d.Next(end) {
			return nil
		}
		if !d.Next(',') {
			return d.Here()
		}
	}
}

func (d *decoder) memberName() (string, error) {
	if d.Peek() != '"' {
		return "", d.Here()
	}
	if err := d.Value(); err != nil {
		return "", err
	}
	name := string(d.AppendText(nil, 0))
	if !d.Next(':') {
		return "", d.Here()
	}
	return name, nil
}

// next is the token after i and all it holds.
func (d *decoder) next(i int) int { return int(d.Tokens[i].Next) }

// name is the text of the name or string i. It is valid until the next call.
func (d *decoder) name(i int) []byte {
	if d.Tokens[i].Plain {
		return d.Literal(i)
	}
	d.scratch = d.AppendText(d.scratch[:0], i)
	return d.scratch
}

// nothing reports what the API writes for "no value": null, {} or "".
func (d *decoder) nothing(i int) bool {
	switch t := &d.Tokens[i]; t.Kind {
	case jsonscan.Null:
		return true
	case jsonscan.String:
		return t.Start == t.End
	case jsonscan.Object:
		return int(t.Next) == i+1
	default:
		return false
	}
}

func (d *decoder) isString(i int) bool { return d.Tokens[i].Kind == jsonscan.String }

// hasMembers reports whether there are members to read.
func (d *decoder) hasMembers(i int) bool {
	if d.nothing(i) {
		return false
	}
	if d.Tokens[i].Kind != jsonscan.Object {
		d.fail(i, "is not an object")
		return false
	}
	return true
}

// scalar reports whether there is a value to read.
func (d *decoder) scalar(i int, want string) bool {
	if d.nothing(i) {
		return false
	}
	if k := d.Tokens[i].Kind; k == jsonscan.Object || k == jsonscan.Array {
		d.fail(i, want)
		return false
	}
	return true
}

// where is the path of value i in the API's shape, below the instance.
func (d *decoder) where(i int) string {
	var b []byte
	for _, s := range d.path {
		b = append(d.AppendText(b, s.name), '.')
		if s.index >= 0 {
			b = append(append(b, s.list...), '.')
			b = append(strconv.AppendInt(b, int64(s.index), 10), '.')
		}
	}
	if last := len(d.path) - 1; i == 0 || d.Tokens[i-1].Kind != jsonscan.Name || last >= 0 && d.path[last].name == i-1 {
		return string(bytes.TrimSuffix(b, []byte("."))) // the steps lead to the value itself
	}
	return string(d.AppendText(b, i-1))
}

// fail notes that value i makes no sense. The text must not quote it: values may be private.
func (d *decoder) fail(i int, text string) {
	if d.bad == nil {
		d.bad = &DecodeError{Path: d.where(i), Err: errors.New(text)}
	}
}

// count counts list elements and unknown members, and reports whether there is room for them.
func (d *decoder) count(i, n int) bool {
	if d.elements += n; d.elements > maxElements {
		d.fail(i, "is too much")
		return false
	}
	return true
}

// unknown keeps value i, a member without a field.
func (d *decoder) unknown(i int) {
	if !d.count(i, 1) {
		return
	}
	if d.extra == nil {
		d.extra = make(map[string]json.RawMessage)
	}
	d.buffer.Reset()
	_ = json.Compact(&d.buffer, d.Raw(i)) // is valid
	d.extra[d.where(i)] = bytes.Clone(d.buffer.Bytes())
}

// text reads a string of which other instances have another.
func (d *decoder) text(to *string, i int) {
	if *to != "" { // a member that comes twice
		d.settle()
		*to = ""
	}
	if !d.scalar(i, "is not a string") {
		return
	}
	begin := len(d.arena)
	d.arena = d.AppendText(d.arena, i)
	d.strings = append(d.strings, pendingString{to, len(d.arena) - begin})
	*to = pending
}

// shared reads a string that other instances may have too.
func (d *decoder) shared(to *string, i int) {
	if *to == "" && d.isString(i) {
		text := d.name(i)
		if len(text) == 0 {
			return
		}
		if *to = d.intern(text); *to != "" {
			return
		}
	}
	d.text(to, i)
}

// intern finds text again that came before. What comes for the first time is not worth a string of its own: the result
// is "".
func (d *decoder) intern(text []byte) string {
	n := len(text)
	if n == 0 || n > 64 {
		return ""
	}
	hash := uint64(n)
	if n < 8 {
		for _, c := range text {
			hash = hash<<8 | uint64(c)
		}
	} else { // a long text by its ends: where that is not enough, one of two texts is not found
		hash += binary.LittleEndian.Uint64(text) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(text[n-8:]), 29)
	}
	hash *= 0x9e3779b97f4a7c15
	set := &d.seen[hash>>32%uint64(len(d.seen))]
	for k := range set {
		s := &set[k]
		if s.hash != hash {
			continue
		}
		if s.text == "" {
			s.text = string(text)
		}
		if s.text == string(text) {
			return s.text
		}
		return ""
	}
	// What is new takes the place of what came but once, if there is any, else of each in turn.
	d.turn++
	place := d.turn % len(set)
	for k := range set {
		if i := (k + d.turn) % len(set); set[i].text == "" {
			place = i
			break
		}
	}
	set[place] = seen{hash: hash}
	return ""
}

// settle makes the strings that are pending.
func (d *decoder) settle() {
	all := string(d.arena)
	for _, s := range d.strings {
		*s.to, all = all[:s.size], all[s.size:]
	}
	d.strings, d.arena = d.strings[:0], d.arena[:0]
}

// number is a number, or one in quotes; nil when there is none.
func (d *decoder) number(i int, want string) []byte {
	if d.nothing(i) {
		return nil
	}
	if d.Tokens[i].Kind == jsonscan.Number {
		return d.Literal(i)
	}
	if d.isString(i) {
		if d.scratch = d.AppendText(d.scratch[:0], i); jsonscan.IsNumber(d.scratch) {
			return d.scratch
		}
	}
	d.fail(i, want)
	return nil
}

func (d *decoder) integer(i, bits int) int64 {
	b := d.number(i, "is not an integer")
	if b == nil {
		return 0
	}
	v, ok := integer(b, bits)
	if !ok {
		d.fail(i, "is not an integer of "+strconv.Itoa(bits)+" bits")
	}
	return v
}

// integer is the value of a JSON number when it has no fraction, however it is written.
func integer(b []byte, bits int) (int64, bool) {
	if v, err := strconv.ParseInt(string(b), 10, bits); err == nil {
		return v, true
	}
	whole, exponent, _ := strings.Cut(strings.ToLower(string(b)), "e")
	whole, fraction, _ := strings.Cut(whole, ".")
	digits, negative := strings.CutPrefix(whole+fraction, "-")
	significant := strings.TrimRight(digits, "0")
	if significant == "" {
		return 0, true
	}
	shift := 0
	if exponent != "" {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil || shift > len(b)+20 {
			return 0, false
		}
	}
	if shift += len(digits) - len(significant) - len(fraction); shift < 0 || shift > 20 {
		return 0, false
	}
	if significant += strings.Repeat("0", shift); negative {
		significant = "-" + significant
	}
	v, err := strconv.ParseInt(significant, 10, bits)
	return v, err == nil
}

func (d *decoder) int(i int) int { return int(d.integer(i, strconv.IntSize)) }

func (d *decoder) int64(i int) int64 { return d.integer(i, 64) }

func (d *decoder) intPtr(i int) *int {
	if d.nothing(i) {
		return nil
	}
	return new(d.int(i))
}

func (d *decoder) float64(i int) float64 {
	b := d.number(i, "is not a number")
	if b == nil {
		return 0
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		d.fail(i, "is too large")
	}
	return v
}

func (d *decoder) bool(i int) bool {
	if !d.scalar(i, "is not a boolean") {
		return false
	}
	switch t := &d.Tokens[i]; t.Kind {
	case jsonscan.True:
		return true
	case jsonscan.False:
		return false
	default:
		d.scratch = d.AppendText(d.scratch[:0], i)
		switch b := d.scratch; {
		case string(b) == "1", bytes.EqualFold(b, []byte("true")):
			return true
		case string(b) == "0", bytes.EqualFold(b, []byte("false")):
			return false
		}
	}
	d.fail(i, "is not a boolean")
	return false
}

func (d *decoder) boolPtr(i int) *bool {
	if d.nothing(i) {
		return nil
	}
	if len(d.bools) == 0 {
		d.bools = make([]bool, 8) // one allocation for all pointers of an instance
	}
	p := &d.bools[0]
	*p, d.bools = d.bool(i), d.bools[1:]
	return p
}

func (d *decoder) time(i int) Time {
	if !d.scalar(i, "is not a time") {
		return Time{}
	}
	b := d.Literal(i)
	if !d.Tokens[i].Plain {
		d.scratch = d.AppendText(d.scratch[:0], i)
		b = d.scratch
	}
	if len(b) == len("2006-01-02T15:04Z") && b[16] == 'Z' { // the usual layout, by the way that package time has optimized
		var seconds [20]byte
		copy(seconds[:], b[:16])
		copy(seconds[16:], ":00Z")
		if t, err := time.Parse(time.RFC3339, string(seconds[:])); err == nil {
			return Time{t}
		}
	}
	t, err := parseTime(string(b))
	if err != nil {
		d.fail(i, "is not a time")
	}
	return t
}

// readObject reads an object that is a member.
func readObject[T any](d *decoder, i int, v *T, read func(*decoder, *T, int)) {
	d.path = append(d.path, step{name: i - 1, index: -1})
	read(d, v, i)
	d.path = d.path[:len(d.path)-1]
}

// readList reads the API's {wrap: [elements]}, or the array without its wrapper. A list without elements is nil.
func readList[T any](d *decoder, i int, wrap string, read func(*decoder, *T, int)) []T {
	if d.nothing(i) {
		return nil
	}
	if k := d.Tokens[i].Kind; k != jsonscan.Object && k != jsonscan.Array {
		d.fail(i, "is not a list")
		return nil
	}
	last := len(d.path)
	d.path = append(d.path, step{name: i - 1, list: wrap, index: -1})
	defer func() { d.path = d.path[:last] }()
	if d.Tokens[i].Kind == jsonscan.Object {
		inner := 0
		for n := i + 1; n < d.next(i); n = d.next(n + 1) {
			if string(d.name(n)) == wrap {
				inner = n + 1
			} else {
				d.unknown(n + 1)
			}
		}
		if inner == 0 || d.nothing(inner) {
			return nil
		}
		if i = inner; d.Tokens[i].Kind != jsonscan.Array {
			d.fail(i, "is not a list")
			return nil
		}
	}
	n, end := 0, d.next(i)
	for e := i + 1; e < end; e = d.next(e) {
		n++
	}
	if n == 0 || !d.count(i, n) {
		return nil
	}
	items := make([]T, n)
	for e, n := i+1, 0; e < end; e, n = d.next(e), n+1 {
		d.path[last].index = n
		read(d, &items[n], e)
	}
	return items
}
