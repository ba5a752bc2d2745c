package jsonscan

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// scalar returns the value at position i as text: the content of a string, or the literal of a number or boolean. For
// null, {} and "", the text is empty. For any other object or array, scalar reports problem. The text is valid until
// the next call.
func (d *Decoder) scalar(i int, problem error) (text []byte, end int) {
	switch d.At(i) {
	case '"':
		text, _, end = d.String(i)
		return text, end
	case '{', '[', 'n':
		return nil, d.expectEmpty(i, problem)
	default:
		end = d.Skip(i)
		return d.Data[i:end], end
	}
}

// ReadString reads a string into to. A number or boolean is stored as its JSON literal.
func (d *Decoder) ReadString(to *string, i int) (end int) {
	var text []byte
	if d.At(i) != '"' {
		text, end = d.scalar(i, errNotString)
		*to = d.copyText(text)
		return end
	}
	last := d.learned.last[d.current]
	if end = i + 1 + len(last); d.At(end) == '"' && string(d.Data[i+1:end]) == last {
		*to = last
		return end + 1
	}
	end, verbatim := scanString(d.Data, i+1)
	if verbatim { // the usual case: no escapes
		text, end = d.Data[i+1:end], end+1
	} else {
		text, verbatim, end = d.String(i)
	}
	if verbatim && len(text) > 0 {
		previous := &d.previous[d.current]
		if string(text) != string(d.Data[previous.begin:previous.end]) {
			*previous = position{i + 1, end - 1}
		} else if previous.begin < d.begin { // the string occurred in two values, so it may occur again
			*to = string(text)
			d.learned.last[d.current] = *to
			return end
		}
	}
	*to = d.copyText(text)
	return end
}

// ReadText is like ReadString, but can be used outside ReadRoot. The returned string does not share memory with other
// strings.
func (d *Decoder) ReadText(i int) (text string, end int) {
	b, end := d.scalar(i, errNotString)
	return string(b), end
}

// copyText appends text to d.textBuffer and returns the copy as a string. The string remains valid, because a
// strings.Builder never changes the bytes it has written. If the Builder is full, copyText starts a new one instead of
// copying the earlier strings.
func (d *Decoder) copyText(text []byte) string {
	begin := d.textBuffer.Len()
	if begin+len(text) > d.textBuffer.Cap() {
		d.newTextBuffer(len(text))
		begin = 0
	}
	d.textBuffer.Write(text)
	return d.textBuffer.String()[begin:]
}

// newTextBuffer replaces d.textBuffer with a new buffer for at least n bytes.
func (d *Decoder) newTextBuffer(n int) {
	d.textSize += d.textBuffer.Len()
	d.textBuffer.Reset()
	d.textBuffer.Grow(max(d.nextBufferSize, n))
	d.nextBufferSize = minBufferSize
}

// number returns the literal of the number at position i, which may be in quotes. If the value is not a number, the
// literal is empty.
func (d *Decoder) number(i int, problem error) (number []byte, end int) {
	number, end = d.scalar(i, problem)
	if len(number) > 0 && !isNumber(number) {
		d.reject(i, end, problem)
		return nil, end
	}
	return number, end
}

// ReadInt64 reads an integer, which may be in quotes. It also accepts an integer with an exponent, or with a fraction
// of zeros.
func (d *Decoder) ReadInt64(i int) (v int64, end int) { return d.readInteger(i, 64) }

// ReadInt is like ReadInt64, for an int.
func (d *Decoder) ReadInt(i int) (v, end int) {
	n, end := d.readInteger(i, strconv.IntSize)
	return int(n), end
}

// ReadIntPtr is like ReadInt, but returns nil if the value is null, {} or "".
func (d *Decoder) ReadIntPtr(i int) (v *int, end int) {
	return readPtr(d, i, (*Decoder).ReadInt)
}

func (d *Decoder) readInteger(i, bits int) (v int64, end int) {
	end = i
	for c := d.At(end) - '0'; c <= 9 && end < i+9; c = d.At(end) - '0' {
		v = v*10 + int64(c)
		end++
	}
	if c := d.At(end); (c == ',' || c == '}') && end > i && (end == i+1 || d.Data[i] != '0') {
		return v, end // usually, the number is short and has no quotes, sign, fraction or exponent
	}
	b, end := d.number(i, errNotInteger)
	if len(b) == 0 {
		return 0, end
	}
	v, ok := parseInteger(b, bits)
	if !ok {
		d.reject(i, end, fmt.Errorf("the value is not an integer of %d bits", bits))
		return 0, end
	}
	return v, end
}

// parseInteger returns the value of a JSON number, which may have a fraction or an exponent. It returns false if the
// value is not an integer of the given size in bits.
func parseInteger(b []byte, bits int) (v int64, ok bool) {
	v, err := strconv.ParseInt(string(b), 10, bits)
	if err == nil {
		return v, true
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(string(b)), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits, negative := strings.CutPrefix(whole+fraction, "-")
	significant := strings.TrimRight(digits, "0")
	if significant == "" {
		return 0, true
	}
	zeros := 0 // number of zeros to append to the significant digits
	if exponent != "" {
		if zeros, err = strconv.Atoi(exponent); err != nil {
			return 0, false
		}
	}
	if zeros += len(digits) - len(significant) - len(fraction); zeros < 0 || zeros > 20 {
		return 0, false
	}
	if significant += strings.Repeat("0", zeros); negative {
		significant = "-" + significant
	}
	v, err = strconv.ParseInt(significant, 10, bits)
	return v, err == nil
}

// ReadFloat64 reads a number, which may be in quotes.
func (d *Decoder) ReadFloat64(i int) (v float64, end int) {
	b, end := d.number(i, errNotNumber)
	if len(b) == 0 {
		return 0, end
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		d.reject(i, end, errTooLarge)
		return 0, end
	}
	return v, end
}

// ReadBool reads a boolean: true, false, 1 or 0, with or without quotes. The case of a quoted boolean is ignored.
func (d *Decoder) ReadBool(i int) (v bool, end int) {
	if d.Has(i, "true") {
		return true, i + len("true")
	}
	if d.Has(i, "false") {
		return false, i + len("false")
	}
	b, end := d.scalar(i, errNotBoolean)
	switch {
	case string(b) == "1", bytes.EqualFold(b, []byte("true")):
		return true, end
	case len(b) > 0 && string(b) != "0" && !bytes.EqualFold(b, []byte("false")):
		d.reject(i, end, errNotBoolean)
	}
	return false, end
}

// ReadBoolPtr is like ReadBool, but returns nil if the value is null, {} or "".
func (d *Decoder) ReadBoolPtr(i int) (v *bool, end int) {
	return readPtr(d, i, (*Decoder).ReadBool)
}

// readPtr returns a pointer to the value that read returns. It returns nil if the JSON value means "not set", or if
// read reports a problem.
func readPtr[T any](d *Decoder, i int, read func(*Decoder, int) (T, int)) (v *T, end int) {
	if d.IsEmptyValue(i) {
		return nil, d.Skip(i)
	}
	problems := len(d.problems)
	value, end := read(d, i)
	if len(d.problems) > problems {
		return nil, end
	}
	return &value, end
}

// ReadTime reads a time in one of the formats that ParseTime accepts.
func (d *Decoder) ReadTime(i int) (v time.Time, end int) {
	b, end := d.scalar(i, errNotTime)
	if len(b) == len("2006-01-02T15:04Z") && b[16] == 'Z' { // the usual layout; package time has a fast path only for RFC 3339
		var seconds [20]byte
		copy(seconds[:], b[:16])
		copy(seconds[16:], ":00Z")
		if t, err := time.Parse(time.RFC3339, string(seconds[:])); err == nil {
			return t, end
		}
	}
	t, err := ParseTime(string(b))
	if err != nil {
		d.reject(i, end, errNotTime)
	}
	return t, end
}
