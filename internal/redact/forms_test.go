package redact

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// transformations contains functions that encode a secret. The Redactor must find the secret in each of these
// encodings.
var transformations = map[string]func(string) string{
	"raw":                       func(s string) string { return s },
	"upper case":                strings.ToUpper,
	"percent-encoded":           url.QueryEscape,
	"percent-encoded for paths": url.PathEscape,
	"percent-encoded twice":     func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"percent, lower case":       func(s string) string { return strings.ToLower(url.QueryEscape(s)) },
	"every byte percent-encoded": func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			b.WriteString("%" + hex.EncodeToString([]byte{c}))
		}
		return b.String()
	},
	"hex":                    func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEX":                    func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"hex of percent-encoded": func(s string) string { return hex.EncodeToString([]byte(url.QueryEscape(s))) },
	"base64":                 func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64, no padding":     func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"base64 for URLs":        func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"base64 at offset 1":     func(s string) string { return base64.StdEncoding.EncodeToString([]byte("x" + s + "yz")) },
	"base64 at offset 2":     func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("id" + s + "y")) },
	"base64 of id:secret":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte("LTAIsomeone:" + s)) },
	"base64 of percent":      func(s string) string { return base64.StdEncoding.EncodeToString([]byte("k=" + url.QueryEscape(s))) },
	"JSON":                   func(s string) string { return strings.NewReplacer("+", `\u002b`, "/", `\/`, "=", `\u003d`).Replace(s) },
	"JSON in JSON":           func(s string) string { return strings.NewReplacer("+", `\\u002b`, "/", `\\/`).Replace(s) },
	"HTML":                   func(s string) string { return html.EscapeString(strings.ReplaceAll(s, "+", "&#43;")) },
	"wrapped at 64":          func(s string) string { return wrap(base64.StdEncoding.EncodeToString([]byte(s)), 64, "\n") },
	"wrapped at 76":          func(s string) string { return wrap(base64.StdEncoding.EncodeToString([]byte(s)), 76, "\r\n") },
	"wrapped, as JSON":       func(s string) string { return wrap(s, 64, `\r\n`) },
	"wrapped raw":            func(s string) string { return wrap(s, 64, "\n") },
	"hex, spaced":            func(s string) string { return wrap(hex.EncodeToString([]byte(s)), 2, " ") },
	"indented":               func(s string) string { return wrap(s, 10, "\n\t  ") },
	"blanks of HTML":         func(s string) string { return wrap(s, 5, "&nbsp;") },
	"blanks of JSON":         func(s string) string { return wrap(s, 5, `\u00a0`) },
	"blanks percent-encoded": func(s string) string { return wrap(s, 5, "%C2%A0") },
	"blanks without width":   func(s string) string { return wrap(s, 5, "\u200b") },
	"blanks of Latin 1":      func(s string) string { return wrap(s, 5, "\xa0") },
	"hyphens of HTML":        func(s string) string { return wrap(s, 5, "&shy;") },
	"UTF-16":                 func(s string) string { return wrap(s, 1, "\x00") },
	"first half":             func(s string) string { return s[:len(s)/2] },
	"second half":            func(s string) string { return s[len(s)/2:] },
	"hex of a half":          func(s string) string { return hex.EncodeToString([]byte(s[:len(s)/2])) },
	"base64 of a half":       func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s[len(s)/2:])) },
	"cut":                    func(s string) string { return s[1:16] },
}

func wrap(s string, width int, separator string) string {
	var lines []string
	for len(s) > width {
		lines, s = append(lines, s[:width]), s[width:]
	}
	return strings.Join(append(lines, s), separator)
}

// showsAny searches text for at least half of the secret in each documented encoding. It returns the encoded text that
// it finds, or an empty string.
func showsAny(text, secret string) string {
	for range 4 {
		if plain, err := url.PathUnescape(text); err == nil {
			text = plain
		}
		text = html.UnescapeString(text)
		text = strings.NewReplacer(`\\`, `\`, `\u002b`, "+", `\u003d`, "=", `\/`, "/", `\r`, "", `\n`, "").Replace(text)
	}
	text = strings.ToLower(strings.Join(strings.Fields(text), ""))
	half := len(secret) / 2
	for _, part := range []string{secret, secret[:half], secret[half:]} {
		encoded := base64.StdEncoding.EncodeToString([]byte(part))
		for _, form := range []string{part, hex.EncodeToString([]byte(part)), encoded, base64.URLEncoding.EncodeToString([]byte(part))} {
			form = strings.ToLower(strings.TrimRight(form, "="))
			// Encoded secrets shorter than 8 bytes need not be found.
			if len(form) >= 8 && strings.Contains(text, form[:len(form)-1]) {
				return form
			}
		}
	}
	return ""
}

// TestTransformations checks that secrets of every usual format are masked in every documented encoding.
func TestTransformations(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{
		"abcdEFGH12345678", "LTAI5tQnXbV3kdGdmc7iTest", "h2Vb8/pQ+kd73jx9zM0sLw1f4RtYuI", "dGhpc2lzYVNpZ25hdHVyZT0+Lz0=",
		"a/b+c=d/k+f=g/h+i=", ">>>???>>>???>>>???", // these characters change in every encoding
		"00f1e2d3c4b5a6978877665544332211ffeeddccbbaa99887766554433221100", "CAIS" + strings.Repeat("Ab9/+xYz", 100) + "==",
	} {
		r := New("unrelated-other-secret", secret)
		for name, transform := range transformations {
			form := transform(secret)
			for _, text := range []string{"before " + form + " after", form, "x" + form + "y", "at https://h/?a=" + form + "&b=c"} {
				got := r.Mask(text)
				if shown := showsAny(got, secret); shown != "" || got == text {
					t.Errorf("%s of %.30s: masking\n%s\nreturned\n%s", name, secret, text, got)
				}
				if strings.HasPrefix(text, "before") && (!strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after")) {
					t.Errorf("%s of %.30s lost more than the secret: %s", name, secret, got)
				}
			}
		}
	}
}

// TestUnescapeOne checks that percent-encoding, JSON escapes and HTML escapes are decoded, and that other text is not
// changed.
func TestUnescapeOne(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		plain string
		n     int
	}{
		"%41":            {"A", 3},
		"%c3%a9":         {"\xc3", 3},
		"%4":             {},
		"%":              {},
		"%zz":            {},
		`\u00e9x`:        {"é", 6},
		`\u004`:          {},
		`\u004z`:         {},
		`\x41`:           {"A", 4},
		`\x4`:            {},
		`\x4z`:           {},
		`\n`:             {" ", 2},
		`\f`:             {" ", 2},
		`\/x`:            {"/", 2},
		`\'`:             {"'", 2},
		`\`:              {},
		`\q`:             {},
		"&amp;x":         {"&", 5},
		"&#43;":          {"+", 5},
		"&;":             {},
		"&amp":           {},
		"&unknown;":      {},
		"&             ": {},
		"a":              {},
	} {
		if plain, n := unescapeOne([]byte(text)); plain != want.plain || n != want.n {
			t.Errorf("%q: %q, %d, want %q, %d", text, plain, n, want.plain, want.n)
		}
	}
}

// TestShortSecrets checks that a short secret is masked only as a whole, and that a very short secret is not masked
// at all.
func TestShortSecrets(t *testing.T) {
	t.Parallel()
	if got := New("key1").Mask("a key1 b"); got != "a *** b" {
		t.Errorf("with only a short secret: %q", got)
	}
	r := New("id", "key1", "elevenchars", "8letters")
	for text, want := range map[string]string{
		"id":                   "id",
		"a key1 b":             "a *** b",
		"a KEY1 b":             "a KEY1 b",
		"a elevenchars b":      "a *** b",
		"a ElevenChars b":      "a *** b",
		"a elevencha b":        "a elevencha b",
		"a 8LETTERS b":         "a *** b",
		"a 386c657474657273 b": "a *** b",
		"a eleven\nchars b":    "a *** b",
		"key1key1elevenchars":  "***",
	} {
		if got := r.Mask(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// TestOtherTextStays checks that ordinary error messages are not changed.
func TestOtherTextStays(t *testing.T) {
	t.Parallel()
	r := New("LTAI5tQnXbV3kdGdmc7iTest", "h2Vb8/pQ+kd73jx9zM0sLw1f4RtYuI", "CAIS"+strings.Repeat("Ab9/+xYz", 100)+"==")
	for _, text := range []string{
		"", "User not authorized to operate on the specified resource, or this API doesn't support RAM.",
		"04F0F334-1335-436C-A1D7-6C044FE73368", "https://api.alibabacloud.com/troubleshoot?q=Forbidden.RAM&product=Ecs&requestId=04F0F334-1335-436C-A1D7-6C044FE73368",
		strings.Repeat("i-bp67acfmxazb4p**** ", 50), "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
	} {
		if got := r.Mask(text); got != text {
			t.Errorf("Mask changed %s to %s", text, got)
		}
	}
}

// FuzzMask checks that masking removes a secret from a text in every documented form.
func FuzzMask(f *testing.F) {
	names := slices.Sorted(maps.Keys(transformations))
	for i := range names {
		f.Add("h2Vb8/pQ+kd73jx9zM0sLw1f4RtYuI", "before ", " after", uint(i))
		f.Add("abcdEFGH12345678", "%", `\`, uint(i))
		f.Add("AAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAA", "AAAA&", uint(i))
	}
	f.Fuzz(func(t *testing.T, secret, before, after string, which uint) {
		if len(secret) < 16 || len(secret) > 2000 || strings.Trim(secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=.-_") != "" {
			t.Skip("not like a key")
		}
		name := names[which%uint(len(names))]
		r := New(secret)
		text := before + " " + transformations[name](secret) + " " + after
		got := r.Mask(text)
		if got == text {
			t.Errorf("%s of %q is not found in %q", name, secret, text)
		}
		if r.secrets.contains(got) {
			t.Errorf("%s of %q is still in %q", name, secret, got)
		}
		// The surrounding text may look like a part of the secret, so the result is compared with a text without the
		// secret.
		other := transformations[name](strings.Repeat("~", len(secret)))
		if shown := showsAny(got, secret); shown != "" && showsAny(before+" "+other+" "+after, secret) == "" && !strings.Contains(mask, shown) {
			t.Errorf("%s: %q is still in %q", name, shown, got)
		}
		if line := r.Line(text, 100); len(line) > 100 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("%q", line)
		}
	})
}
