package signer

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

func FuzzEscape(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string) {
		got := string(appendEscaped(nil, s))
		if want := referenceEscape(s); got != want {
			t.Errorf("%q is escaped as %s, want %s", s, got, want)
		}
		if back, err := url.PathUnescape(got); err != nil || back != s {
			t.Errorf("%s decodes to %q (%v), want %q", got, back, err, s)
		}
	})
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

func FuzzSignVerify(f *testing.F) {
	f.Fuzz(func(t *testing.T, name, value, host, nonce, id, secret, token string, seconds int64) {
		if isOwn(name) || name == "Format" || host == "" || nonce == "" || id == "" || secret == "" {
			t.Skip("rejected by Sign, see TestSignErrors")
		}
		at := time.Unix(seconds%1e10, 0) // limited to the year 2286, because the layout has no years after 9999
		r := Request{
			Method: "POST", Host: host, Action: "DescribeInstances", Version: "2014-05-26",
			Params: url.Values{name: {value}, "RegionId": {"cn-hangzhou"}}, Time: at, Nonce: nonce,
		}
		c := Credentials{AccessKeyID: id, AccessKeySecret: secret, SecurityToken: token}
		if err := verify(V1{}, r, c, mustSign(t, V1{}, r, c)); err != nil {
			t.Error("V1:", err)
		}
		signed, err := V3{}.Sign(r, c)
		if slices.ContainsFunc([]string{host, nonce, id, token}, hasControl) {
			if err == nil {
				t.Error("V3 puts a control character in a header")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(V3{}, r, c, signed); err != nil {
			t.Error("V3:", err)
		}
	})
}
