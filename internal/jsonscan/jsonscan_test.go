package jsonscan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/internal/jsonscan"
)

// scan reads data as one document.
func scan(data []byte) (*jsonscan.Scanner, error) {
	s := &jsonscan.Scanner{}
	s.Reset(data)
	if err := s.Value(); err != nil {
		return nil, err
	}
	if !s.End() {
		return nil, s.Here()
	}
	return s, nil
}

// tree builds what encoding/json would decode into an any with UseNumber, and checks that the tokens fit together.
func tree(t *testing.T, s *jsonscan.Scanner, i int) any {
	t.Helper()
	tok := s.Tokens[i]
	text := string(s.AppendText(nil, i))
	if !json.Valid(s.Raw(i)) {
		t.Fatalf("the raw text of token %d is %q", i, s.Raw(i))
	}
	next := i + 1
	var v any
	switch tok.Kind {
	case jsonscan.Null:
		v = nil
	case jsonscan.True, jsonscan.False:
		v = tok.Kind == jsonscan.True
		if text != strconv.FormatBool(tok.Kind == jsonscan.True) {
			t.Fatalf("text of a boolean: %q", text)
		}
	case jsonscan.Number:
		v = json.Number(text)
	case jsonscan.String:
		v = text
	case jsonscan.Array:
		list := []any{}
		for next < int(tok.Next) {
			list = append(list, tree(t, s, next))
			next = int(s.Tokens[next].Next)
		}
		v = list
	case jsonscan.Object:
		members := map[string]any{}
		for next < int(tok.Next) {
			if s.Tokens[next].Kind != jsonscan.Name {
				t.Fatalf("token %d is no name", next)
			}
			members[string(s.AppendText(nil, next))] = tree(t, s, next+1)
			next = int(s.Tokens[next+1].Next)
		}
		v = members
	default:
		t.Fatalf("kind %d", tok.Kind)
	}
	if next != int(tok.Next) {
		t.Fatalf("token %d ends at %d, not at %d", i, next, tok.Next)
	}
	return v
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

// check compares with encoding/json.
func check(t *testing.T, data []byte) {
	t.Helper()
	s, err := scan(data)
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var want any
	valid := json.Valid(data)
	if valid {
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("encoding/json accepts and refuses %q: %v", data, err)
		}
	}
	if nesting(data) > jsonscan.MaxDepth && err != nil {
		return
	}
	if valid != (err == nil) {
		t.Fatalf("%q: encoding/json accepts it: %v; here: %v", data, valid, err)
	}
	if err != nil {
		return
	}
	if got := tree(t, s, 0); !reflect.DeepEqual(got, want) {
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
	// Every byte at every place of the eight that are looked at together, in a string and as a value.
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
	for n := range 40 { // cut everywhere
		check(t, []byte(`{"a":[1,"b\u00e9",null],"c":{"d":-1.5e3}}`)[:n])
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	nested := func(n int) []byte { return []byte(strings.Repeat(`[`, n) + strings.Repeat(`]`, n)) }
	if _, err := scan(nested(jsonscan.MaxDepth)); err != nil {
		t.Error(err)
	}
	for _, text := range []string{string(nested(jsonscan.MaxDepth + 2)), strings.Repeat(`{"a":`, 50_000), strings.Repeat(`[`, 5_000_000)} {
		if _, err := scan([]byte(text)); err == nil || !strings.Contains(err.Error(), "nested deeper than 100") {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}

func TestTooManyTokens(t *testing.T) {
	t.Parallel()
	list := func(n int) []byte { return []byte("[0" + strings.Repeat(",0", n-1) + "]") }
	if _, err := scan(list(jsonscan.MaxTokens - 1)); err != nil {
		t.Error(err)
	}
	if _, err := scan(list(jsonscan.MaxTokens)); err == nil || !strings.Contains(err.Error(), "more than 1048576 JSON values") {
		t.Error(err)
	}
}

func TestErrorsSayWhere(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":1,"b"`:   "JSON ends early, after 10 bytes",
		`{"a":secret}`: "invalid JSON at byte 5 of 12",
		`{"a":1}{`:     "invalid JSON at byte 7 of 8",
		`"a\qb"`:       "invalid JSON at byte 3 of 6",
	} {
		_, err := scan([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
		if cut := strings.HasPrefix(want, "JSON ends early"); errors.Is(err, io.ErrUnexpectedEOF) != cut {
			t.Errorf("%s: %v is io.ErrUnexpectedEOF: %v", text, err, !cut)
		}
	}
}

// TestPieces reads a document piece by piece, as a caller does that need not hold all its tokens at once.
func TestPieces(t *testing.T) {
	t.Parallel()
	s := &jsonscan.Scanner{}
	s.Reset([]byte(` [ {"a": 1} , "b" ] `))
	if s.Next('{') || !s.Next('[') {
		t.Fatal("does not begin with [")
	}
	var got []string
	for {
		if err := s.Value(); err != nil {
			t.Fatal(err)
		}
		got = append(got, string(s.Raw(0)))
		if !s.Next(',') {
			break
		}
	}
	if !s.Next(']') || s.Next(']') || !s.End() {
		t.Error("does not end with ]")
	}
	if want := []string{`{"a": 1}`, `"b"`}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := s.Value(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("after the end: %v", err)
	}
}

func TestIsNumber(t *testing.T) {
	t.Parallel()
	for _, text := range append(seeds, " 1", "1 ", "-1", "10", "0.5", "1e5") {
		want := json.Valid([]byte(text)) && text != "" && strings.Trim(text, "-+.eE0123456789") == ""
		if got := jsonscan.IsNumber([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func checkString(t *testing.T, text string) {
	t.Helper()
	b := jsonscan.AppendString([]byte("x"), text)[1:]
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
	if got, want := string(jsonscan.AppendString(nil, "a<b>\"\\\n\x01é\xff")), `"a<b>\"\\\n\u0001é`+"\ufffd"+`"`; got != want {
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
	s := &jsonscan.Scanner{}
	s.Reset([]byte(`{"Cpu": 4, "Tags": ["a"]}`))
	if err := s.Value(); err != nil {
		fmt.Println(err)
	}
	for i := 1; i < int(s.Tokens[0].Next); i = int(s.Tokens[i+1].Next) {
		fmt.Printf("%s is %s\n", s.AppendText(nil, i), s.Raw(i+1))
	}
	// Output:
	// Cpu is 4
	// Tags is ["a"]
}
