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

// MaxElements bounds the list elements, unknown members and unreadable values that a Decoder reads from one document.
const MaxElements = 250_000

// Member describes a member of a JSON object that corresponds to a field of a Go struct. In the generated table,
// each struct has an empty entry followed by its members. A member is identified by the index of its entry.
type Member struct {
	Key     string // encoded name, from the comma before it to the colon: `,"Tags":`
	WrapKey string // if the value is a wrapped list, the wrapper up to the list: `{"Tag":`
}

// minTextRoom is the minimum size of the buffer allocated for the strings of a value.
const minTextRoom = 64

const (
	root    = 0 // member number of the value passed to ReadRoot
	unknown = 1 // number of a member without a field; also the index of the empty entry before the first struct
)

// Decoder reads the values of known structs. A method that reads a value takes the position of the first byte of
// the value, after any white space, and returns the position after the value. Values that mean "not set" (null, {}
// and "") become zero. A value of the wrong type also becomes zero; it is reported by Problems and kept in Extra.
//
// Strings are copied out of Data. The strings read by one ReadRoot share one buffer, except for those that are
// shared with earlier values; its lists of strings share one array. Keeping one result therefore does not keep Data or
// other results in memory.
type Decoder struct {
	Scanner
	Members *[256]Member

	learned learned
	path    []step
	// number of the current member; it belongs to the last step of path, which may also be a list element or the
	// object itself
	current  uint8
	name     []byte        // name of the current member, if it has no field
	previous [256]position // for each member, its most recent text in Data
	begin    int           // position of the value passed to ReadRoot
	elements int           // number of list elements, unknown members and unreadable values; see MaxElements

	texts    strings.Builder // buffer for the strings of the current ReadRoot
	textSize int             // total length of the strings in earlier buffers
	textRoom int             // minimum size of the next buffer

	lists    []string // allocated for the string lists of the current ReadRoot and not used yet
	listSize int      // number of elements of these lists so far
	listRoom int      // minimum number of elements of the next allocation

	extra    []Extra
	problems []Problem
	compact  bytes.Buffer
}

// Extra is a member that has no field or whose value could not be read.
type Extra struct {
	Path  string
	Value json.RawMessage // the JSON value, without white space
}

// Problem is a value that could not be read into its field.
type Problem struct {
	Path       string
	Err        error // does not contain the value, which may be private
	Begin, End int   // position of the value in Data
}

// position is the position of a text in Data.
type position struct{ begin, end int }

// step is one step of a path: a member, and the position inside its value where the path continues.
type step struct {
	member uint8
	index  int // index of a list element, or one of the constants below
}

const (
	inMember  = -1 // the path continues in the value of the member
	inWrapper = -2 // the path continues in the list inside its wrapper
)

// Release prepares d for reuse with another document: it drops all references to the previous one. It reports
// whether d is small enough to keep.
func (d *Decoder) Release() bool {
	d.Reset(nil)
	d.texts.Reset()
	clear(d.extra[:cap(d.extra)])
	clear(d.problems[:cap(d.problems)])
	d.previous = [256]position{}
	d.name, d.elements, d.path, d.extra, d.problems = nil, 0, d.path[:0], d.extra[:0], d.problems[:0]
	return cap(d.extra) < 1<<14 && cap(d.problems) < 1<<14 && d.compact.Cap() < 1<<20
}

// ReadRoot reads the value at i into v, which must be zero. Extra and Problems then describe this value.
func ReadRoot[T any](d *Decoder, v *T, i int, read func(*Decoder, *T, int) int) (end int) {
	d.extra, d.problems, d.current = d.extra[:0], d.problems[:0], root
	d.begin = i
	// may share memory with the strings of another value
	d.texts.Reset()
	// most values need about as much as the previous one
	d.textRoom, d.textSize = min(max(d.textSize, minTextRoom), 8<<10), 0
	d.listRoom, d.listSize = min(d.listSize, 64), 0
	end = read(d, v, i)
	d.textSize += d.texts.Len()
	d.texts.Reset()
	d.lists = nil
	return end
}

// Extra returns the members without a field, and those that could not be read, of the last ReadRoot. The slice is valid
// until the next ReadRoot.
func (d *Decoder) Extra() []Extra { return d.extra }

// Problems returns the values that could not be read since the last ReadRoot began, in order. The slice is valid until the
// next ReadRoot.
func (d *Decoder) Problems() []Problem { return d.problems }

// OpenObject enters the object at i. It returns the position of the value of the first member, and the number of
// that member: 0 if the object is empty, first if the member is unknown. The members of the object are those after
// first in Members.
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

// NextMember continues after the value of a member. Its results are those of OpenObject.
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

// findMember finds the member whose name begins at i. It first tries the members that recently followed the
// previous one. If one of these matches, the learned order is left unchanged, so that a member that is often
// missing does not disturb it.
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

// keyName returns the name in an encoded key.
func keyName(key string) string { return key[2 : len(key)-2] }

// Unknown adds the current member, which has no field, to Extra.
func (d *Decoder) Unknown(i int) (end int) {
	if d.overElementLimit() {
		return len(d.Data)
	}
	path := d.valuePath() // before Skip, which invalidates d.name
	end = d.Skip(i)
	d.keepExtra(path, i, end)
	return end
}

// ReadObject reads the object that is the value of the current member.
func ReadObject[T any](d *Decoder, v *T, i int, read func(*Decoder, *T, int) int) (end int) {
	d.path = append(d.path, step{d.current, inMember})
	end = read(d, v, i)
	d.path = d.path[:len(d.path)-1]
	return end
}

// ReadList reads the value of the current member: a list in its wrapper, or the array without a wrapper. A list
// without elements becomes nil. An element that cannot be read becomes zero.
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
	if d.Has(i, key) { // usually the list is the only member of the wrapper
		extra, problems, elements := len(d.extra), len(d.problems), d.elements
		d.path[last].index = inWrapper
		items, end = readElements(d, d.SkipSpace(i+len(key)), member, read)
		at, more := d.Next(end, '}')
		if !more {
			return items, at
		}
		// If the list occurs twice, only the last one counts: discard this one and start over.
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

// readElements reads the array at the last step of the path.
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

// newList returns an empty list with room for n elements. The string lists of one ReadRoot share one allocation.
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

// IsEmptyValue reports whether the value at i is one that means "not set": null, {} or "".
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

// expectEmpty skips the value at i. If the value is not empty, it is of the wrong type, and is reported.
func (d *Decoder) expectEmpty(i int, problem error) (end int) {
	end = d.Skip(i)
	if !d.IsEmptyValue(i) {
		d.reject(i, end, problem)
	}
	return end
}

// Descriptions of invalid values. In an error, they follow the path of the value.
var (
	errNotObject  = errors.New("is not an object")
	errNotList    = errors.New("is not a list")
	errNotString  = errors.New("is not a string")
	errNotInteger = errors.New("is not an integer")
	errNotNumber  = errors.New("is not a number")
	errTooLarge   = errors.New("is too large")
	errNotBoolean = errors.New("is not a boolean")
	errNotTime    = errors.New("is not a time")
)

// reject reports the value of the current member as unreadable and adds it to Extra.
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

// overElementLimit counts a list element, unknown member or unreadable value. If there are too many of them, it
// stops the decoder and returns true.
func (d *Decoder) overElementLimit() bool {
	if d.elements++; d.elements > MaxElements {
		d.Stop(fmt.Errorf("more than %d list elements and unknown members in one response", MaxElements))
	}
	return d.elements > MaxElements
}

// valuePath returns the path of the current value: names and indexes from the root in the API's shape, joined by dots. In
// names, ~ is written as ~0 and a dot as ~1.
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

// pathNames restores the names that appendPathName has escaped.
var pathNames = strings.NewReplacer("~0", "~", "~1", ".")
