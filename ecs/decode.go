package ecs

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
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
	d.kept = max(d.kept, 1<<10)
	r := new(DescribeInstancesResponse)
	has, end := d.page(r, d.Space(0))
	if err := d.End(end); err != nil {
		return nil, err
	}
	switch {
	case !has.list:
		return nil, errors.New("the answer has no member Instances")
	case has.code && has.message: // its list is not to be believed
		return nil, errors.New("the answer is an error document")
	}
	return r, nil
}

// page reads the answer around the instances, and tells what there was of members that say what kind of answer it is.
func (d *decoder) page(r *DescribeInstancesResponse, i int) (has struct{ list, code, message bool }, end int) {
	if d.At(i) != '{' {
		return has, d.Fail(i)
	}
	i, more := d.Open(i)
	for more {
		text, at := d.Name(i)
		name := string(text)
		switch name {
		case "Instances":
			has.list = true
			i = d.instances(r, at)
		case "Code":
			has.code, i = !d.nothing(at), d.Skip(at)
		case "Message":
			has.message, i = !d.nothing(at), d.Skip(at)
		case "RequestId":
			i = d.text(&r.RequestID, at)
		case "PageNumber":
			r.PageNumber, i = d.int(at)
		case "PageSize":
			r.PageSize, i = d.int(at)
		case "TotalCount":
			r.TotalCount, i = d.int(at)
		case "NextToken":
			i = d.text(&r.NextToken, at)
			if c := d.At(at); c != '"' && c != 'n' {
				i = d.Stop(errors.New("NextToken is not a string"))
			} else if n := len(r.NextToken); n > maxToken {
				i = d.Stop(fmt.Errorf("NextToken is %d bytes long, more than %d", n, maxToken))
			}
		default:
			i = d.Skip(at)
		}
		if d.bad != nil {
			i = d.Stop(fmt.Errorf("%s %w", name, d.bad.Err))
		}
		i, more = d.Next(i, '}')
	}
	return has, i
}

// instances reads what the member Instances holds: {"Instance": list}, or the list itself.
func (d *decoder) instances(r *DescribeInstancesResponse, i int) int {
	if d.At(i) != '{' || d.nothing(i) {
		return d.instanceList(r, i)
	}
	listed := false
	i, more := d.Open(i)
	for more {
		name, at := d.Name(i)
		if string(name) == "Instance" {
			listed = true
			i = d.instanceList(r, at)
		} else {
			i = d.Skip(at)
		}
		i, more = d.Next(i, '}')
	}
	if !listed {
		return d.Stop(errors.New("the member Instances of the answer has no member Instance"))
	}
	return i
}

func (d *decoder) instanceList(r *DescribeInstancesResponse, i int) int {
	r.Instances, r.Undecoded = nil, nil // the last of two lists wins
	if d.At(i) != '[' {
		end := d.Skip(i)
		if !d.nothing(i) {
			return d.Stop(errors.New("the member Instances of the answer is not a list"))
		}
		return end
	}
	begin := i
	i, more := d.Open(i)
	for more {
		n := len(r.Instances)
		if n+len(r.Undecoded) >= maxInstances {
			return d.Stop(fmt.Errorf("more than %d instances in one answer", maxInstances))
		}
		if n == 1 && cap(r.Instances) == 1 {
			// Most pages are full, and their instances of about one size: room for a few more than would fit.
			r.Instances = slices.Grow(r.Instances, 1+min(98, (len(d.Data)-i)*5/4/(i-begin)))
		}
		r.Instances = append(r.Instances, Instance{})
		inst := &r.Instances[n]
		bad, end := d.decodeInstance(inst, i)
		if bad == nil && inst.InstanceID == "" {
			bad = &DecodeError{Path: "InstanceId", Raw: bytes.Clone(d.Data[i:end]), Err: errors.New("is missing, so the instance could not be told from others")}
		}
		if bad != nil {
			*inst = Instance{}
			r.Instances, r.Undecoded = r.Instances[:n], append(r.Undecoded, bad)
		}
		i, more = d.Next(end, ']')
	}
	if len(r.Instances) == 0 {
		r.Instances = nil
	}
	return i
}

// decodeInstance reads the value at i into inst, which must be zero.
func (d *decoder) decodeInstance(inst *Instance, i int) (*DecodeError, int) {
	if d.At(i) != '{' {
		end := d.Skip(i)
		return &DecodeError{Raw: bytes.Clone(d.Data[i:end]), Err: errors.New("is not an object")}, end
	}
	bad, end := decodePart(d, inst, i, (*decoder).instance)
	if len(d.extra) > 0 {
		inst.Extra = make(map[string]json.RawMessage, len(d.extra))
		for _, x := range d.extra {
			inst.Extra[x.path] = x.value
		}
	}
	if bad != nil { // the id may stand anywhere
		for at, more := d.Open(i); more; at, more = d.Next(at, '}') {
			name, value := d.Name(at)
			named := string(name) == "InstanceId"
			at = d.Skip(value)
			if c := d.At(value); named && (c == '"' || c == '-' || c-'0' <= 9) {
				text, _ := d.scalar(value, "")
				bad.InstanceID = string(text)
			}
		}
	}
	return bad, end
}

// decodePart reads the value at i into v, which must be zero.
func decodePart[T any](d *decoder, v *T, i int, read func(*decoder, *T, int) int) (*DecodeError, int) {
	d.bools, d.extra, d.at = nil, d.extra[:0], 0
	d.texts.Reset()                        // it may hold texts of the page
	d.room, d.kept = min(d.kept, 8<<10), 0 // as much as the instance before had, unless that was a giant
	end := read(d, v, i)
	d.texts.Reset() // its rest is not for others
	d.room = 0
	bad := d.bad
	if d.bad = nil; bad != nil {
		bad.Raw = bytes.Clone(d.Data[i:end])
	}
	return bad, end
}

// unmarshal is UnmarshalJSON of a type that the API writes other than encoding/json would.
func unmarshal[T any](data []byte, to *T, read func(*decoder, *T, int) (*DecodeError, int)) error {
	d := newDecoder(data)
	defer d.free()
	var v T
	i := d.Space(0)
	bad, end := read(d, &v, i)
	if err := d.End(end); err != nil {
		return err
	}
	if d.At(i) == 'n' {
		return nil // null, as encoding/json does
	}
	if bad != nil {
		return bad
	}
	*to = v
	return nil
}

// UnmarshalJSON reads an instance in the API's shape, with the same tolerance as an answer, or one that MarshalJSON
// wrote. The error is a *[DecodeError] when data is JSON.
func (i *Instance) UnmarshalJSON(data []byte) error {
	return unmarshal(data, i, (*decoder).decodeInstance)
}

// unmarshalPart is UnmarshalJSON of a part of an instance. Members it does not know have no place there.
func unmarshalPart[T any](data []byte, to *T, read func(*decoder, *T, int) int) error {
	return unmarshal(data, to, func(d *decoder, v *T, i int) (*DecodeError, int) { return decodePart(d, v, i, read) })
}

// decoder reads values from the data of its Scanner. Its methods take the place of a value, without white space before
// it, and give the place behind it. A value that makes no sense is skipped.
//
// The strings of one instance stand together in one that holds nothing else. Values that instances share are strings of
// their own, found again by intern. Instances are much alike, so the decoder looks first for what came at the same place
// the last time.
type decoder struct {
	jsonscan.Scanner
	texts    strings.Builder // the strings of this instance
	room     int             // for how much text to make room, at least
	kept     int             // how much there was
	bools    []bool          // of this instance, for its pointers
	extra    []extra         // of this instance
	bad      *DecodeError    // the first value of this instance that makes no sense
	path     []step          // to the object or list at hand
	at       uint8           // the member at hand; 0: an element, or the object itself
	name     []byte          // of a member that is not in members
	elements int             // list elements and unknown members so far
	scratch  bytes.Buffer
	after    [256]uint8  // which member came after a member
	last     [256]string // the text of a member
	more     [256]uint8  // how many elements the list in a member had behind the first
	seen     [128][4]seen
	turn     int
}

// member is a member of an object that has a field. Its text in the data, and that of the one in which its list is
// wrapped, go from the quote to the colon.
type member struct{ text, wrap string }

// unnamed is a number that no member has.
const unnamed = 1

type extra struct {
	path  string
	value json.RawMessage
}

type seen struct {
	hash uint64
	text string
}

// step leads to a member, or to an element of the list it holds.
type step struct {
	member uint8
	index  int // or one of the following
}

const (
	wrapped = -1 // the list in its wrapper
	itself  = -2
)

// decoders are kept for what they have learned, and for the strings that one page shares with the next.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

func newDecoder(data []byte) *decoder {
	d := decoders.Get().(*decoder) //nolint:forcetypeassert // nothing else is put there
	d.Reset(data)
	return d
}

// free gives d back without anything that holds the page alive, unless it has become large.
func (d *decoder) free() {
	d.Reset(nil)
	d.texts.Reset()
	clear(d.extra[:cap(d.extra)])
	d.bools, d.name, d.bad, d.elements, d.path = nil, nil, nil, 0, d.path[:0]
	if cap(d.extra) < 1<<14 && d.scratch.Cap() < 1<<20 {
		decoders.Put(d)
	}
}

// open goes to the first member of the object at i. Which of those behind first in members it is comes with it: 0 at the
// end of the object, first for one that is none of them.
func (d *decoder) open(i int, first uint8) (at int, m uint8) {
	if d.At(i) != '{' {
		return d.none(i, "is not an object"), 0
	}
	i, more := d.Open(i)
	if !more {
		return i, 0
	}
	return d.find(i, first)
}

// next goes on behind the value of member m.
func (d *decoder) next(i int, m uint8) (at int, next uint8) {
	if d.At(i) == ',' {
		if next = d.after[m]; next != 0 && d.Has(i+1, members[next].text) {
			d.at = next
			return d.Space(i + 1 + len(members[next].text)), next
		}
	}
	i, more := d.Next(i, '}')
	if !more {
		return i, 0
	}
	return d.find(i, m)
}

// find looks for the member at i, first among those that came soon after m before. These guesses stay as they are when one
// is right, so that a member that is missing now and then does no harm.
func (d *decoder) find(i int, m uint8) (at int, next uint8) {
	next = m
	for range 4 {
		if next = d.after[next]; next == 0 {
			break
		}
		if d.Has(i, members[next].text) {
			d.at = next
			return d.Space(i + len(members[next].text)), next
		}
	}
	d.name, at = d.Name(i)
	for next = m; members[next].text != ""; next-- { // to the first
	}
	for n := next + 1; members[n].text != ""; n++ {
		if text := members[n].text; text[1:len(text)-2] == string(d.name) {
			d.after[m], d.at = n, n
			return at, n
		}
	}
	d.at = next
	return at, next
}

// nothing reports what the API writes for "no value": null, {} or "".
func (d *decoder) nothing(i int) bool {
	switch d.At(i) {
	case 'n':
		return true
	case '"':
		return d.At(i+1) == '"'
	case '{':
		_, some := d.Open(i)
		return !some
	default:
		return false
	}
}

// none skips a value that should be none.
func (d *decoder) none(i int, want string) int {
	if !d.nothing(i) {
		d.fail(want)
	}
	return d.Skip(i)
}

// scalar is the text of a string, or the literal of a number, true or false. It is empty for nothing, and valid until
// the next call.
func (d *decoder) scalar(i int, want string) (text []byte, end int) {
	switch d.At(i) {
	case '"':
		text, _, end = d.String(i)
		return text, end
	case '{', '[', 'n':
		return nil, d.none(i, want)
	default:
		end = d.Skip(i)
		return d.Data[i:end], end
	}
}

// where is the path of the value at hand in the API's shape, below the instance.
func (d *decoder) where() string {
	var b []byte
	for _, s := range d.path {
		b = append(appendName(b, members[s.member].text), '.')
		if s.index != itself {
			b = append(appendName(b, members[s.member].wrap), '.')
		}
		if s.index >= 0 {
			b = append(strconv.AppendInt(b, int64(s.index), 10), '.')
		}
	}
	if d.at == 0 { // the steps lead to the value itself
		return string(bytes.TrimSuffix(b, []byte(".")))
	}
	if text := members[d.at].text; text != "" {
		return string(appendName(b, text))
	}
	return string(append(b, d.name...))
}

// appendName takes the name out of a member's text.
func appendName(b []byte, text string) []byte { return append(b, text[1:len(text)-2]...) }

// fail notes that the value at hand makes no sense. The text must not quote it: values may be private.
func (d *decoder) fail(text string) {
	if d.bad == nil {
		d.bad = &DecodeError{Path: d.where(), Err: errors.New(text)}
	}
}

// enough counts a list element or unknown member, and reports that there are too many of them.
func (d *decoder) enough() bool {
	if d.elements++; d.elements > maxElements {
		d.Stop(fmt.Errorf("more than %d list elements and unknown members in one answer", maxElements))
	}
	return d.elements > maxElements
}

// unknown keeps a member without a field.
func (d *decoder) unknown(i int) int {
	if d.enough() {
		return len(d.Data)
	}
	path := d.where()
	end := d.Skip(i)
	d.scratch.Reset()
	_ = json.Compact(&d.scratch, d.Data[i:end]) // is valid, or there is no page
	d.extra = append(d.extra, extra{path, bytes.Clone(d.scratch.Bytes())})
	return end
}

// text reads a string of which other instances have another.
func (d *decoder) text(to *string, i int) int {
	text, end := d.scalar(i, "is not a string")
	*to = d.keep(text)
	return end
}

// keep makes a string. A builder never changes what it holds, and this one is given up before it would have to grow: the
// text is copied once, and no string moves.
func (d *decoder) keep(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	if d.texts.Cap()-d.texts.Len() < len(text) {
		d.texts.Reset()
		d.texts.Grow(max(d.room, len(text)))
		d.room = min(d.room, 256)
	}
	d.kept += len(text)
	begin := d.texts.Len()
	d.texts.Write(text)
	return d.texts.String()[begin:]
}

// shared reads a string that other instances may have too.
func (d *decoder) shared(to *string, i int) int {
	if d.At(i) != '"' {
		return d.text(to, i)
	}
	last := d.last[d.at]
	if end := i + 1 + len(last); d.Has(i+1, last) && d.At(end) == '"' {
		*to = last
		return end + 1
	}
	text, asIs, end := d.String(i)
	*to = d.intern(text)
	if *to == "" {
		*to = d.keep(text)
	} else if asIs {
		d.last[d.at] = *to
	}
	return end
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

// number is a number, or one in quotes; empty when there is none.
func (d *decoder) number(i int, want string) (number []byte, end int) {
	number, end = d.scalar(i, want)
	if len(number) > 0 && !jsonscan.IsNumber(number) {
		d.fail(want)
		return nil, end
	}
	return number, end
}

func (d *decoder) integer(i, bits int) (v int64, end int) {
	end = i
	for c := d.At(end) - '0'; c <= 9 && end < i+9; c = d.At(end) - '0' {
		v = v*10 + int64(c)
		end++
	}
	if c := d.At(end); (c == ',' || c == '}') && end > i && (end == i+1 || d.Data[i] != '0') {
		return v, end // as nearly all are
	}
	b, end := d.number(i, "is not an integer")
	if len(b) == 0 {
		return 0, end
	}
	v, ok := integer(b, bits)
	if !ok {
		d.fail("is not an integer of " + strconv.Itoa(bits) + " bits")
	}
	return v, end
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

func (d *decoder) int(i int) (int, int) {
	v, end := d.integer(i, strconv.IntSize)
	return int(v), end
}

func (d *decoder) int64(i int) (int64, int) { return d.integer(i, 64) }

func (d *decoder) intPtr(i int) (*int, int) {
	if d.nothing(i) {
		return nil, d.Skip(i)
	}
	v, end := d.int(i)
	return &v, end
}

func (d *decoder) float64(i int) (float64, int) {
	b, end := d.number(i, "is not a number")
	if len(b) == 0 {
		return 0, end
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		d.fail("is too large")
	}
	return v, end
}

func (d *decoder) bool(i int) (bool, int) {
	if d.Has(i, "true") {
		return true, i + len("true")
	}
	if d.Has(i, "false") {
		return false, i + len("false")
	}
	b, end := d.scalar(i, "is not a boolean")
	switch {
	case string(b) == "1", bytes.EqualFold(b, []byte("true")):
		return true, end
	case len(b) > 0 && string(b) != "0" && !bytes.EqualFold(b, []byte("false")):
		d.fail("is not a boolean")
	}
	return false, end
}

func (d *decoder) boolPtr(i int) (*bool, int) {
	if d.nothing(i) {
		return nil, d.Skip(i)
	}
	if len(d.bools) == 0 {
		d.bools = make([]bool, 8) // one allocation for all pointers of an instance
	}
	p, end := &d.bools[0], 0
	*p, end = d.bool(i)
	d.bools = d.bools[1:]
	return p, end
}

func (d *decoder) time(i int) (time.Time, int) {
	b, end := d.scalar(i, "is not a time")
	if len(b) == 0 {
		return time.Time{}, end
	}
	if len(b) == len("2006-01-02T15:04Z") && b[16] == 'Z' { // the usual layout, by the way that package time has optimized
		var seconds [20]byte
		copy(seconds[:], b[:16])
		copy(seconds[16:], ":00Z")
		if t, err := time.Parse(time.RFC3339, string(seconds[:])); err == nil {
			return t, end
		}
	}
	t, err := parseTime(string(b))
	if err != nil {
		d.fail("is not a time")
	}
	return t, end
}

// readObject reads an object that is a member.
func readObject[T any](d *decoder, v *T, i int, read func(*decoder, *T, int) int) int {
	d.path = append(d.path, step{d.at, itself})
	d.at = 0
	i = read(d, v, i)
	d.path = d.path[:len(d.path)-1]
	return i
}

// readList reads the API's {wrap: [elements]}, or the array without its wrapper. A list without elements is nil.
func readList[T any](d *decoder, i int, read func(*decoder, *T, int) int) (items []T, end int) {
	m, last := d.at, len(d.path)
	d.path = append(d.path, step{m, itself})
	if d.At(i) == '{' {
		items, end = readWrapped(d, i, m, read)
	} else {
		items, end = readElements(d, i, m, read)
	}
	d.path = d.path[:last]
	return items, end
}

func readWrapped[T any](d *decoder, i int, m uint8, read func(*decoder, *T, int) int) (items []T, end int) {
	wrap, last := members[m].wrap, len(d.path)-1
	end, more := d.Open(i)
	if more && d.Has(end, wrap) { // nearly always the list is all there is
		bad, extra, elements := d.bad, len(d.extra), d.elements
		d.path[last].index = wrapped
		items, i = readElements(d, d.Space(end+len(wrap)), m, read)
		if i, more = d.Next(i, '}'); !more {
			return items, i
		}
		// Only the last of two lists counts, and who knows what is behind: once more from the beginning.
		d.bad, d.extra, d.elements = bad, d.extra[:extra], elements
	}
	list := 0
	d.path[last].index = itself
	for more {
		name, at := d.Name(end)
		if string(name) == wrap[1:len(wrap)-2] {
			list, end = at, d.Skip(at)
		} else {
			d.at, d.name = unnamed, name
			end = d.unknown(at)
		}
		end, more = d.Next(end, '}')
	}
	if list == 0 {
		return nil, end
	}
	d.path[last].index = wrapped
	items, _ = readElements(d, list, m, read)
	return items, end
}

// readElements reads the array that the last step leads to.
func readElements[T any](d *decoder, i int, m uint8, read func(*decoder, *T, int) int) (items []T, end int) {
	d.at = 0
	if d.At(i) != '[' {
		return nil, d.none(i, "is not a list")
	}
	last := len(d.path) - 1
	i, more := d.Open(i)
	for more {
		n := len(items)
		d.at, d.path[last].index = 0, n
		if d.enough() {
			return nil, len(d.Data)
		}
		if n == 0 {
			items = make([]T, 0, 1+int(d.more[m]))
		}
		var zero T
		items = append(items, zero)
		i, more = d.Next(read(d, &items[n], i), ']')
	}
	if n := len(items); n > 0 {
		d.more[m] = uint8(min(n-1, math.MaxUint8))
		if n < cap(items) {
			items = slices.Clone(items)
		}
	}
	return items, i
}
