package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
)

// scan reads data as one document and returns the scanner and its error.
func scan(data []byte) (*Scanner, error) {
	s := &Scanner{}
	s.Reset(data)
	return s, s.End(s.Skip(s.SkipSpace(0)))
}

// tree decodes the value at position i to the Go types that encoding/json uses, with json.Number for numbers.
func tree(t *testing.T, s *Scanner, i int) (v any, end int) {
	t.Helper()
	switch c := s.At(i); c {
	case '"':
		value, asIs, at := s.String(i)
		if v, end = string(value), at; asIs != (string(s.Data[i:at]) == `"`+string(value)+`"`) {
			t.Fatalf("%q is as %q stands: %v", value, s.Data[i:at], asIs)
		}
	case '[':
		list := []any{}
		at, more := s.Open(i)
		for more {
			v, end := tree(t, s, at)
			list = append(list, v)
			at, more = s.Next(end, ']')
		}
		v, end = list, at
	case '{':
		members := map[string]any{}
		at, more := s.Open(i)
		for more {
			text, value := s.Name(at)
			name := string(text)
			v, end := tree(t, s, value)
			members[name] = v
			at, more = s.Next(end, '}')
		}
		v, end = members, at
	default:
		end = s.Skip(i)
		switch text := string(s.Data[i:end]); {
		case s.Err != nil, text == "null":
		case text == "true", text == "false":
			v = text == "true"
		case isNumber([]byte(text)):
			v = json.Number(text)
		default:
			t.Fatalf("%q is not a value", text)
		}
	}
	if skipped := s.Skip(i); skipped != end {
		t.Fatalf("%q: skipped to %d, read to %d", s.Data, skipped, end)
	}
	return v, end
}

func nesting(data []byte) (deepest int) {
	depth, inside := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inside && c == '\\':
			i++
		case c == '"':
			inside = !inside
		case inside:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// check fails the test unless Scanner and encoding/json return the same result for data.
func check(t *testing.T, data []byte) {
	t.Helper()
	_, err := scan(data)
	s := &Scanner{}
	s.Reset(data)
	got, end := tree(t, s, s.SkipSpace(0))
	if again := s.End(end); fmt.Sprint(again) != fmt.Sprint(err) && nesting(data) <= MaxDepth {
		t.Fatalf("%q: read with error %v, skipped with %v", data, again, err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var want any
	valid := json.Valid(data)
	if valid {
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("json.Valid and Decode disagree on %q: %v", data, err)
		}
	}
	if nesting(data) > MaxDepth && err != nil {
		return
	}
	if valid != (err == nil) {
		t.Fatalf("%q: encoding/json accepts it: %v; here: %v", data, valid, err)
	}
	if err != nil {
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q:\ngot  %#v\nwant %#v", data, got, want)
	}
}

var seeds = []string{
	``, ` `, `null`, `true`, `false`, ` nul`, `nulll`, `tru`, `falze`, `"`, `""`, `{}`, `[]`, `[[]]`, `[{}]`, `{"a":{}}`, `{"a":[]}`,
	` { "a" : 1 , "b" : [ 1 , 2 ] } ` + "\r\n\t", `{"a":1}x`, `{"a":1}{}`, `[1,]`, `[,1]`, `[1 2]`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{a:1}`,
	`[}`, `{]`, `[1}`, `{"a":1]`, `[`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `[1`, `[1,`, `]`, `}`, `,`, `:`, "\v1", "\xef\xbb\xbf{}", "1\x00",
	`0`, `-0`, `-`, `01`, `1.`, `.1`, `1.5`, `-1.5e+3`, `1e`, `1e+`, `1E-2`, `1.e1`, `+1`, `0x1`, `1_0`, `NaN`, `Infinity`, `123456789012345678901234567890`, `1e999`,
	`"a\"b\\c\/d\b\f\n\r\t"`, `"\u0041\u00e9\u4e2d\u0000"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00"`, `"\ud83d\ud83d\ude00"`, `"\ud83dx"`, `"\ud83d\n"`, `"\ud83d\u0041"`,
	`"\uD83D\uDE00"`, `"\u12"`, `"\u12g4"`, `"\x"`, `"\`, `"\u`, `"a` + "\n" + `b"`, "\"\x1f\"", "\"\x7f\"", "\"12345678\x01\"", "\"1234567\x01", "\"\xff\"", "\"\xe4\xb8\"", "\"\xe4\xb8\xad\xe6\x96\x87 12345678\"",
	"\"\xed\xa0\x80\"", "\"\xc0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\u2028\ufffd\"", "{\"\xff\\u0041\":1}", "\"1234567\xff\"", "\"\xff1234567\\\"\"", `"1234567\"90123456\\"`, `"12345678`, `"1234567`,
	`{"a":1,"a":2}`, `{"":""}`,
}

func TestAgainstEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, text := range seeds {
		check(t, []byte(text))
	}
	// The scanner reads strings eight bytes at a time, so every byte is tested at each of the eight positions.
	for c := range 256 {
		for at := range 17 {
			text := []byte(`"` + strings.Repeat("a", 17) + `"`)
			text[1+at] = byte(c)
			check(t, text)
		}
		check(t, []byte{byte(c)})
		check(t, []byte{'1', byte(c)})
		check(t, []byte{'[', byte(c), ']'})
		check(t, []byte{'"', '\\', byte(c), '"'})
		check(t, []byte{'"', '\\', 'u', '0', '0', 'a', byte(c), '"'})
	}
	for n := range 40 { // truncate the document at every position
		check(t, []byte(`{"a":[1,"b\u00e9",null],"c":{"d":-1.5e3}}`)[:n])
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	nested := func(n int) []byte { return []byte(strings.Repeat(`[`, n) + strings.Repeat(`]`, n)) }
	if _, err := scan(nested(MaxDepth)); err != nil {
		t.Error(err)
	}
	for _, text := range []string{string(nested(MaxDepth + 2)), strings.Repeat(`{"a":`, 50_000), strings.Repeat(`[`, 5_000_000)} {
		if _, err := scan([]byte(text)); err == nil || !strings.Contains(err.Error(), "nested more than 100") {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}

func TestTooManyValues(t *testing.T) {
	t.Parallel()
	list := func(n int) []byte { return []byte("[0" + strings.Repeat(",0", n-1) + "]") }
	if _, err := scan(list(MaxValues - 1)); err != nil {
		t.Error(err)
	}
	if _, err := scan(list(MaxValues)); err == nil || !strings.Contains(err.Error(), "more than 1048576 values") {
		t.Error(err)
	}
}

func TestErrorsSayWhere(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":1,"b"`:   "the JSON document is truncated after 10 bytes",
		`{"a":secret}`: "invalid JSON at byte 5 of 12",
		`{"a":1}{`:     "invalid JSON at byte 7 of 8",
		`"a\qb"`:       "invalid JSON at byte 3 of 6",
	} {
		_, err := scan([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
		if cut := strings.HasPrefix(want, "the JSON document is truncated"); errors.Is(err, io.ErrUnexpectedEOF) != cut {
			t.Errorf("%s: %v is io.ErrUnexpectedEOF: %v", text, err, !cut)
		}
	}
}

// TestPieces reads a document with each method of Scanner.
func TestPieces(t *testing.T) {
	t.Parallel()
	s := &Scanner{}
	s.Reset([]byte(` [ {"a": 1} , "b" ] `))
	if s.At(s.SkipSpace(0)) != '[' || s.Has(1, "{") || !s.Has(1, "[ {") || s.Has(19, "  ") {
		t.Fatal("At or Has is wrong")
	}
	var got []string
	i, more := s.Open(s.SkipSpace(0))
	for more {
		end := s.Skip(i)
		got = append(got, string(s.Data[i:end]))
		i, more = s.Next(end, ']')
	}
	if err := s.End(i); err != nil || s.At(i) != ' ' {
		t.Errorf("ends at %d: %v", i, err)
	}
	if want := []string{`{"a": 1}`, `"b"`}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if i = s.Skip(s.SkipSpace(i)); i != len(s.Data) || !errors.Is(s.Err, io.ErrUnexpectedEOF) {
		t.Errorf("after the end: %v", s.Err)
	}
	if s.Fail(0) != len(s.Data) || s.Stop(io.EOF) != len(s.Data) || !errors.Is(s.Err, io.ErrUnexpectedEOF) {
		t.Errorf("the first error was replaced by %v", s.Err)
	}
}

func TestIsNumber(t *testing.T) {
	t.Parallel()
	for _, text := range append(seeds, " 1", "1 ", "-1", "10", "0.5", "1e5") {
		want := json.Valid([]byte(text)) && text != "" && strings.Trim(text, "-+.eE0123456789") == ""
		if got := isNumber([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func checkString(t *testing.T, text string) {
	t.Helper()
	b := AppendString([]byte("x"), text)[1:]
	var got, want string
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatalf("%q: %q: %v", text, b, err)
	}
	std, _ := json.Marshal(text)
	if err := json.Unmarshal(std, &want); err != nil || got != want {
		t.Fatalf("%q: got %q, want %q", text, got, want)
	}
}

func TestAppendString(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		checkString(t, string([]byte{byte(c)}))
		checkString(t, string([]byte{'a', byte(c), 'b', byte(c)}))
	}
	for _, text := range append(seeds, "中文\xe4\xb8 \xff<&>\u2028") {
		checkString(t, text)
	}
	if got, want := string(AppendString(nil, "a<b>\"\\\n\x01é\xff")), `"a<b>\"\\\n\u0001é`+"\ufffd"+`"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzScan(f *testing.F) {
	for _, text := range seeds {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		check(t, data)
		checkString(t, string(data))
	})
}

func ExampleScanner() {
	s := &Scanner{}
	s.Reset([]byte(`{"Cpu": 4, "Tags": ["a"]}`))
	i, more := s.Open(s.SkipSpace(0))
	for more {
		name, at := s.Name(i)
		end := s.Skip(at)
		fmt.Printf("%s is %s\n", name, s.Data[at:end])
		i, more = s.Next(end, '}')
	}
	if err := s.End(i); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Cpu is 4
	// Tags is ["a"]
}
