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

// MaxElements is the maximum number of list elements, unknown members and unreadable values that a Decoder reads
// from one document.
const MaxElements = 250_000

// Member describes a member of a JSON object that corresponds to a field of a Go struct. In the generated table,
// the members of each struct follow an empty entry. The index of a member's entry is the member's number.
type Member struct {
	Key     string // encoded name with the comma before it and the colon after it: `,"Tags":`
	WrapKey string // for a wrapped list, the JSON between Key and the list: `{"Tag":`
}

// minTextRoom is the minimum size, in bytes, of the buffer for a value's strings.
const minTextRoom = 64

const (
	root    = 0 // number of the value passed to ReadRoot
	unknown = 1 // number of a member without a field; also the index of the first struct's empty entry
)

// Decoder reads JSON into known structs. A method that reads a value takes the position of the value's first
// byte, after any white space, and returns the position after the value. The values null, {} and "" mean "not
// set" and become the zero value. A value of the wrong type also becomes the zero value, is reported by Problems,
// and is kept in Extra.
//
// Strings are copied from Data. The strings that one ReadRoot reads share one buffer, except for strings shared
// with earlier values. Its lists of strings share one array. The result therefore does not keep Data or other
// results in memory.
type Decoder struct {
	Scanner
	Members *[256]Member

	learned learned
	path    []step
	// current is the number of the current member. The member is part of the object at the end of path, unless
	// the last step of path has the same number: then the current value is that object or list element itself.
	current  uint8
	name     []byte        // name of the current member, if it has no field
	previous [256]position // for each member, the position in Data of the last string that was read
	begin    int           // position of the value passed to ReadRoot
	elements int           // number of list elements, unknown members and unreadable values; see MaxElements

	texts    strings.Builder // buffer for the strings of the current ReadRoot
	textSize int             // total length of the strings in the previous buffers
	textRoom int             // minimum size of the next buffer

	lists    []string // unused rest of the array for the string lists of the current ReadRoot
	listSize int      // total length of the string lists of the current ReadRoot
	listRoom int      // minimum length of the next array

	extra    []Extra
	problems []Problem
	compact  bytes.Buffer
}

// Extra is a member that has no field, or whose value could not be read.
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

// step is one step of a path: a member and the place within the member's value where the path continues.
type step struct {
	member uint8
	index  int // index of a list element, inMember or inWrapper
}

const (
	inMember  = -1 // the path continues in the member's value
	inWrapper = -2 // the path continues in the list within the member's wrapper
)

// Release prepares d for use with another document. It removes all references to the previous document, and
// reports whether d is small enough to be kept for reuse.
func (d *Decoder) Release() bool {
	d.Reset(nil)
	d.texts.Reset()
	clear(d.extra[:cap(d.extra)])
	clear(d.problems[:cap(d.problems)])
	d.previous = [256]position{}
	d.name, d.elements, d.path, d.extra, d.problems = nil, 0, d.path[:0], d.extra[:0], d.problems[:0]
	return cap(d.extra) < 1<<14 && cap(d.problems) < 1<<14 && d.compact.Cap() < 1<<20
}

// ReadRoot reads the value at i into v. v must point to a zero value. Afterwards, Extra and Problems describe the
// value.
func ReadRoot[T any](d *Decoder, v *T, i int, read func(*Decoder, *T, int) int) (end int) {
	d.extra, d.problems, d.current = d.extra[:0], d.problems[:0], root
	d.begin = i
	// The buffer may share memory with the strings of the previous value.
	d.texts.Reset()
	// Most values need about as much memory as the previous value.
	d.textRoom, d.textSize = min(max(d.textSize, minTextRoom), 8<<10), 0
	d.listRoom, d.listSize = min(d.listSize, 64), 0
	end = read(d, v, i)
	d.textSize += d.texts.Len()
	d.texts.Reset()
	d.lists = nil
	return end
}

// Extra returns the members of the last ReadRoot that have no field or could not be read. The slice is valid
// until the next ReadRoot.
func (d *Decoder) Extra() []Extra { return d.extra }

// Problems returns the values that could not be read since the last ReadRoot began, in the order of the document.
// The slice is valid until the next ReadRoot.
func (d *Decoder) Problems() []Problem { return d.problems }

// OpenObject enters the object at i. first is the number of the empty entry before the object's members in
// Members. OpenObject returns the position of the first member's value and the member's number. The number is 0
// if the object is empty, and first if the member is unknown.
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

// NextMember continues after a member's value. It returns the same results as OpenObject, for the next member.
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

// findMember finds the member whose name begins at i. First, it tries the members that recently followed the
// previous member. If one of these matches, the learned order stays unchanged, so that a member that is often
// missing does not disturb the order.
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

// keyName returns the name of the member from its encoded Key or WrapKey.
func keyName(key string) string { return key[2 : len(key)-2] }

// Unknown adds the current member to Extra, because the member has no field.
func (d *Decoder) Unknown(i int) (end int) {
	if d.overElementLimit() {
		return len(d.Data)
	}
	path := d.valuePath() // must come before Skip, which invalidates d.name
	end = d.Skip(i)
	d.keepExtra(path, i, end)
	return end
}

// ReadObject reads the object that is the current member's value.
func ReadObject[T any](d *Decoder, v *T, i int, read func(*Decoder, *T, int) int) (end int) {
	d.path = append(d.path, step{d.current, inMember})
	end = read(d, v, i)
	d.path = d.path[:len(d.path)-1]
	return end
}

// ReadList reads the list that is the current member's value. The list may be in its wrapper, or be an array
// without the wrapper. An empty list becomes nil. An element that cannot be read becomes the zero value.
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
	if d.Has(i, key) { // in most cases, the list is the wrapper's only member
		extra, problems, elements := len(d.extra), len(d.problems), d.elements
		d.path[last].index = inWrapper
		items, end = readElements(d, d.SkipSpace(i+len(key)), member, read)
		at, more := d.Next(end, '}')
		if !more {
			return items, at
		}
		// If the wrapper contains the list twice, only the last one counts. Discard this list and start over.
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
			end = d.Unknown(at)
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

// readElements reads the array to which the path leads.
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

// newList returns an empty list with capacity n. The string lists of one ReadRoot share one allocation.
func newList[T any](d *Decoder, n int) []T {
	free, ok := any(&d.lists).(*[]T)
	if !ok {
		return make([]T, 0, n)
	}
	d.listSize += n
	if len(*free) < n {
		*free = make([]T, max(n, d.listRoom))
		d.listRoom = 0
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

// expectEmpty skips the value at i. If the value is not empty, its type is wrong, and expectEmpty reports
// problem.
func (d *Decoder) expectEmpty(i int, problem error) (end int) {
	end = d.Skip(i)
	if !d.IsEmptyValue(i) {
		d.reject(i, end, problem)
	}
	return end
}

// These errors describe invalid values. A complete error message contains the path of the value before the
// description.
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

// reject reports that the current member's value cannot be read, and adds the value to Extra.
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
	_ = json.Compact(&d.compact, d.Data[i:end]) // fails only if the document is invalid; in that case, End returns an error
	d.extra = append(d.extra, Extra{path, bytes.Clone(d.compact.Bytes())})
}

// overElementLimit counts a list element, an unknown member or an unreadable value. If the count exceeds
// MaxElements, it stops the decoder and returns true.
func (d *Decoder) overElementLimit() bool {
	if d.elements++; d.elements > MaxElements {
		d.Stop(fmt.Errorf("the response has more than %d list elements and unknown members", MaxElements))
	}
	return d.elements > MaxElements
}

// valuePath returns the path of the current value: the names and indexes that lead from the root to the value, in
// the JSON format of the API, joined by dots. In names, ~ becomes ~0 and a dot becomes ~1.
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

// pathNames reverses the escaping by appendPathName.
var pathNames = strings.NewReplacer("~0", "~", "~1", ".")
