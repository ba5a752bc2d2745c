package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// MaxElements is the maximum number of list elements, unknown members and unreadable values in one document.
const MaxElements = 250_000

// Member describes a JSON member that corresponds to a field of a Go struct. In the generated table of members, each
// struct has an empty entry, followed by one entry for each member. The number of a member is its index in the table.
type Member struct {
	Key     string // encoded name with the comma before it and the colon after it: `,"Tags":`
	WrapKey string // for a wrapped list, the JSON between Key and the list: `{"Tag":`
}

// minBufferSize is the minimum size, in bytes, of the buffer for the strings of a value.
const minBufferSize = 64

const (
	root    = 0 // number of the document itself, the value passed to ReadRoot
	unknown = 1 // number of a member for which the struct has no field, and of the table's first empty entry
)

// Decoder reads JSON into Go structs. Like the methods of Scanner, each method that reads a value takes the value's
// position and returns the position after the value. The values null, {} and "" mean "not set" and are decoded as the
// zero value. A value of the wrong type is also decoded as the zero value, and is reported by Problems and Extra.
//
// Strings are copied from Data. The strings read by one call of ReadRoot share a buffer, so the result does not keep
// Data or the results of other calls in memory.
type Decoder struct {
	Scanner
	Members *[256]Member

	learned learned
	path    []step
	// current is the number of the member whose value is being read. If the last step of path has the same number, the
	// value being read is the object or list element to which path leads. Otherwise, the value is a member of the
	// object to which path leads.
	current  uint8
	name     []byte        // name of the current member, if the struct has no field for it
	previous [256]position // for each member number, the position in Data of the string read most recently
	begin    int           // position of the value that ReadRoot reads
	elements int           // number of list elements, unknown members and unreadable values; see MaxElements

	textBuffer     strings.Builder // buffer for the strings read by the current call of ReadRoot
	textSize       int             // total length of the strings in the previous buffers
	nextBufferSize int             // minimum size, in bytes, of the next textBuffer

	lists        []string // unused rest of the array for string lists
	listSize     int      // total length of the string lists read by the current call of ReadRoot
	nextArrayLen int      // minimum length of the next array for string lists

	extra    []Extra
	problems []Problem
	compact  bytes.Buffer
}

// Extra is a member for which the struct has no field, or whose value could not be read.
type Extra struct {
	Path  string
	Value json.RawMessage // the value as JSON without white space
}

// Problem describes a value that could not be read into its field.
type Problem struct {
	Path       string
	Err        error // does not contain the value, because the value may be private
	Begin, End int   // position of the value in Data
}

// position is the position of a string in Data.
type position struct{ begin, end int }

// step is one step of the path from the root of a document to a value. It leads from an object to the value of a
// member, or to a list or a list element in the value of a member.
type step struct {
	member uint8
	index  int // index of the list element to which the step leads, or inMember or inWrapper
}

const (
	inMember  = -1 // the step leads to the member's value
	inWrapper = -2 // the step leads to the list inside the member's wrapper object
)

// Release drops all references to the document. It reports whether d is small enough to be reused for another document.
func (d *Decoder) Release() bool {
	d.Reset(nil)
	clear(d.extra[:cap(d.extra)])
	clear(d.problems[:cap(d.problems)])
	d.previous = [256]position{}
	d.name, d.elements, d.path, d.extra, d.problems = nil, 0, d.path[:0], d.extra[:0], d.problems[:0]
	return cap(d.extra) < 1<<14 && d.compact.Cap() < 1<<20 // every problem is also in d.extra
}

// ReadRoot reads the value at position i into v, which must point to a zero value, and returns the position after the
// value. After that, d.Extra and d.Problems describe the parts of the value that have no field or could not be read.
func ReadRoot[T any](d *Decoder, v *T, i int, read func(*Decoder, *T, int) int) (end int) {
	d.extra, d.problems, d.current = d.extra[:0], d.problems[:0], root
	d.begin = i
	// Allocate as much memory as the previous value needed, because most values are of similar size.
	d.nextBufferSize, d.textSize = min(max(d.textSize, minBufferSize), 8<<10), 0
	d.nextArrayLen, d.listSize = min(d.listSize, 64), 0
	end = read(d, v, i)
	d.textSize += d.textBuffer.Len()
	// Do not reuse the buffers, because the strings of this value refer to them.
	d.textBuffer.Reset()
	d.lists = nil
	return end
}

// Extra returns the members that the last call of ReadRoot could not store: members for which the struct has no field,
// and members whose value could not be read. The slice is valid until the next call of ReadRoot.
func (d *Decoder) Extra() []Extra { return d.extra }

// Problems returns the values that the last call of ReadRoot could not read, in the order of the document. The slice is
// valid until the next call of ReadRoot.
func (d *Decoder) Problems() []Problem { return d.problems }

// OpenObject begins to read the object at position i. It returns the position of the first member's value and the
// number of the member. The number is 0 if the object is empty. If the struct has no field for the member, the number
// is first, which must be the number of the struct's empty entry in Members.
func (d *Decoder) OpenObject(i int, first uint8) (at int, member uint8) {
	if d.At(i) != '{' {
		return d.expectEmpty(i, errNotObject), 0
	}
	member = d.learned.next[first]
	if key := d.Members[member].Key; key != "" && d.Has(i+1, key[1:]) {
		d.current = member
		return d.SkipSpace(i + len(key)), member
	}
	i, more := d.Open(i)
	if !more {
		return i, 0
	}
	return d.findMember(i, first)
}

// NextMember continues after the value of a member, which ends at position i. Like OpenObject, it returns the position
// of the next member's value and the number of the next member.
func (d *Decoder) NextMember(i int, member uint8) (at int, next uint8) {
	next = d.learned.next[member]
	if key := d.Members[next].Key; key != "" && d.Has(i, key) {
		d.current = next
		return d.SkipSpace(i + len(key)), next
	}
	if d.At(i) == '}' {
		return i + 1, 0
	}
	i, more := d.Next(i, '}')
	if !more {
		return i, 0
	}
	return d.findMember(i, member)
}

// findMember reads the member name at position i. It returns the position of the member's value and the number of the
// member. To avoid comparing all names, it first tries the next members in the learned order. If one of them matches,
// the learned order is kept, because a skipped member may be present in the next object.
func (d *Decoder) findMember(i int, before uint8) (at int, next uint8) {
	next = before
	for range 4 {
		if next = d.learned.next[next]; next == 0 {
			break
		}
		if key := d.Members[next].Key[1:]; d.Has(i, key) {
			d.current = next
			return d.SkipSpace(i + len(key)), next
		}
	}
	d.name, at = d.Name(i)
	first := before
	for d.Members[first].Key != "" {
		first--
	}
	for n := first + 1; d.Members[n].Key != ""; n++ {
		if keyName(d.Members[n].Key) == string(d.name) {
			d.learned.next[before], d.current = n, n
			return at, n
		}
	}
	d.current = first
	return at, first
}

// keyName returns the member name in a Key or WrapKey, such as Name for `,"Name":`.
func keyName(key string) string { return key[2 : len(key)-2] }

// KeepUnknown skips the value at position i and adds the current member to Extra. It is used for members for which the
// struct has no field.
func (d *Decoder) KeepUnknown(i int) (end int) {
	if d.overElementLimit() {
		return len(d.Data)
	}
	path := d.valuePath() // must precede the call of Skip, which invalidates d.name
	end = d.Skip(i)
	d.keepExtra(path, i, end)
	return end
}

// ReadObject calls read to read the object that is the value of the current member.
func ReadObject[T any](d *Decoder, v *T, i int, read func(*Decoder, *T, int) int) (end int) {
	d.path = append(d.path, step{d.current, inMember})
	end = read(d, v, i)
	d.path = d.path[:len(d.path)-1]
	return end
}

// ReadList reads the list that is the current member's value. The list may be wrapped in an object. ReadList returns
// nil for an empty list. An element that cannot be read becomes a zero value.
func ReadList[T any](d *Decoder, i int, read func(*Decoder, *T, int) int) (items []T, end int) {
	member, depth := d.current, len(d.path)
	d.path = append(d.path, step{member, inMember})
	if d.At(i) == '{' {
		items, end = readWrapped(d, i, member, read)
	} else {
		items, end = readElements(d, i, member, read)
	}
	d.path = d.path[:depth]
	return items, end
}

func readWrapped[T any](d *Decoder, i int, member uint8, read func(*Decoder, *T, int) int) (items []T, end int) {
	key, last := d.Members[member].WrapKey, len(d.path)-1
	if d.Has(i, key) { // usually, the list is the only member of the wrapper
		extra, problems, elements := len(d.extra), len(d.problems), d.elements
		d.path[last].index = inWrapper
		items, end = readElements(d, d.SkipSpace(i+len(key)), member, read)
		at, more := d.Next(end, '}')
		if !more {
			return items, at
		}
		// If the wrapper contains the list twice, the last list counts, so discard the earlier list.
		d.extra, d.problems, d.elements = d.extra[:extra], d.problems[:problems], elements
	}
	list := 0
	end, more := d.Open(i)
	for more {
		name, at := d.Name(end)
		if string(name) == keyName(key) {
			list, end = at, d.Skip(at)
		} else {
			d.path[last].index, d.current, d.name = inMember, unknown, name
			end = d.KeepUnknown(at)
		}
		end, more = d.Next(end, '}')
	}
	if list == 0 || d.Err != nil {
		return nil, end
	}
	d.path[last].index = inWrapper
	items, _ = readElements(d, list, member, read)
	return items, end
}

// readElements reads the elements of the array at position i. The last step of d.path must lead to the list.
func readElements[T any](d *Decoder, i int, member uint8, read func(*Decoder, *T, int) int) (items []T, end int) {
	d.current = member
	if d.At(i) != '[' {
		return nil, d.expectEmpty(i, errNotList)
	}
	last := len(d.path) - 1
	i, more := d.Open(i)
	for more {
		n := len(items)
		d.current, d.path[last].index = member, n
		if d.overElementLimit() {
			return nil, len(d.Data)
		}
		if n == 0 {
			items = newList[T](d, 1+int(d.learned.length[member]))
		}
		if n == cap(items) {
			items = slices.Grow(items, 1)
		}
		items = items[:n+1]
		i, more = d.Next(read(d, &items[n], i), ']')
	}
	if n := len(items); n > 0 {
		d.learned.length[member] = uint8(min(n-1, math.MaxUint8))
		if n < cap(items) {
			items = slices.Clone(items)
		}
	}
	return items, i
}

// newList returns an empty list with capacity n. The string lists read by one call of ReadRoot share an allocation.
func newList[T any](d *Decoder, n int) []T {
	free, ok := any(&d.lists).(*[]T)
	if !ok {
		return make([]T, 0, n)
	}
	d.listSize += n
	if len(*free) < n {
		*free = make([]T, max(n, d.nextArrayLen))
		d.nextArrayLen = 0
	}
	list := (*free)[:0:n]
	*free = (*free)[n:]
	return list
}

// IsEmptyValue reports whether the value at i means "not set": null, {} or "".
func (d *Decoder) IsEmptyValue(i int) bool {
	switch d.At(i) {
	case 'n':
		return true
	case '"':
		return d.At(i+1) == '"'
	case '{':
		_, more := d.Open(i)
		return !more
	default:
		return false
	}
}

// expectEmpty skips a value of the wrong type. It reports problem unless the value means "not set".
func (d *Decoder) expectEmpty(i int, problem error) (end int) {
	end = d.Skip(i)
	if !d.IsEmptyValue(i) {
		d.reject(i, end, problem)
	}
	return end
}

// These errors describe why a value is invalid. A complete error message begins with the path of the value.
var (
	errNotObject  = errors.New("the value is not an object")
	errNotList    = errors.New("the value is not a list")
	errNotString  = errors.New("the value is not a string")
	errNotInteger = errors.New("the value is not an integer")
	errNotNumber  = errors.New("the value is not a number")
	errTooLarge   = errors.New("the value is too large")
	errNotBoolean = errors.New("the value is not a boolean")
	errNotTime    = errors.New("the value is not a time")
)

// reject records that the current member's value cannot be read. It adds the value to the problems and the extra
// members.
func (d *Decoder) reject(i, end int, problem error) {
	if d.Err != nil || d.overElementLimit() {
		return
	}
	path := d.valuePath()
	d.problems = append(d.problems, Problem{Path: path, Err: problem, Begin: i, End: end})
	d.keepExtra(path, i, end)
}

func (d *Decoder) keepExtra(path string, i, end int) {
	d.compact.Reset()
	_ = json.Compact(&d.compact, d.Data[i:end]) // fails only if the document is invalid, which End reports
	d.extra = append(d.extra, Extra{path, bytes.Clone(d.compact.Bytes())})
}

// overElementLimit counts a list element, unknown member or unreadable value. If the count exceeds MaxElements,
// overElementLimit stops the decoder and returns true.
func (d *Decoder) overElementLimit() bool {
	if d.elements++; d.elements > MaxElements {
		d.Stop(fmt.Errorf("the response has more than %d list elements and unknown members", MaxElements))
	}
	return d.elements > MaxElements
}

// valuePath returns the path of the current value: the member names and list indexes from the root to the value, joined
// by dots. In a name, ~ is escaped as ~0, and a dot is escaped as ~1.
func (d *Decoder) valuePath() string {
	if d.current == root {
		return ""
	}
	var b []byte
	for _, s := range d.path {
		b = append(appendPathName(b, keyName(d.Members[s.member].Key)), '.')
		if s.index != inMember {
			b = append(appendPathName(b, keyName(d.Members[s.member].WrapKey)), '.')
		}
		if s.index >= 0 {
			b = append(strconv.AppendInt(b, int64(s.index), 10), '.')
		}
	}
	if n := len(d.path); n > 0 && d.path[n-1].member == d.current {
		return string(b[:len(b)-1])
	}
	if key := d.Members[d.current].Key; key != "" {
		return string(appendPathName(b, keyName(key)))
	}
	return string(appendPathName(b, string(d.name)))
}

func appendPathName(b []byte, name string) []byte {
	for i := range len(name) {
		switch c := name[i]; c {
		case '~':
			b = append(b, "~0"...)
		case '.':
			b = append(b, "~1"...)
		default:
			b = append(b, c)
		}
	}
	return b
}

// pathNames reverses the escaping of names in a path.
var pathNames = strings.NewReplacer("~0", "~", "~1", ".")
