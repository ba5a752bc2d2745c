package signer

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The functions below verify signatures as a server does. They do not use the code under test.

func referenceEscape(s string) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(url.QueryEscape(s))
}

func referenceQuery(params url.Values) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		list = append(list, referenceEscape(name)+"="+referenceEscape(params.Get(name)))
	}
	return strings.Join(list, "&")
}

func verifyV1(method, rawQuery, secret string) error {
	params, err := url.ParseQuery(rawQuery)
	if err != nil {
		return err
	}
	got := params.Get("Signature")
	params.Del("Signature")
	if want := hmacSHA1(secret+"&", method+"&%2F&"+referenceEscape(referenceQuery(params))); got != want {
		return fmt.Errorf("signature %s, want %s", got, want)
	}
	return nil
}

func verifyV3(method, host, rawQuery string, header http.Header, secret string) error {
	params, err := url.ParseQuery(rawQuery)
	if err != nil {
		return err
	}
	auth := header.Get("Authorization")
	names, got, _ := strings.Cut(auth[strings.LastIndex(auth, ",SignedHeaders=")+len(",SignedHeaders="):], ",Signature=")
	text := method + "\n/\n" + referenceQuery(params) + "\n"
	for name := range strings.SplitSeq(names, ";") {
		value := header.Get(name)
		if name == "host" {
			value = host
		}
		text += name + ":" + strings.TrimSpace(value) + "\n"
	}
	text += "\n" + names + "\n" + hashHex("")
	if want := hmacSHA256(secret, "ACS3-HMAC-SHA256\n"+hashHex(text)); got != want {
		return fmt.Errorf("signature %s, want %s", got, want)
	}
	return nil
}

var signers = map[string]Signer{"V1": V1{}, "V3": V3{}}

func verify(s Signer, r Request, c Credentials, signed Signed) error {
	if s == (V1{}) {
		return verifyV1(r.Method, signed.Query, c.AccessKeySecret)
	}
	return verifyV3(r.Method, r.Host, signed.Query, signed.Header, c.AccessKeySecret)
}

func signature(signed Signed) string {
	if auth := signed.Header.Get("Authorization"); auth != "" {
		return auth[strings.LastIndex(auth, "=")+1:]
	}
	params, _ := url.ParseQuery(signed.Query)
	return params.Get("Signature")
}

// mustSign signs the request and fails the test if Sign returns an error.
func mustSign(t *testing.T, s Signer, r Request, c Credentials) Signed {
	t.Helper()
	signed, err := s.Sign(r, c)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// valid returns a valid request and temporary credentials, with all fields set.
func valid() (Request, Credentials) {
	return Request{
		Method: "POST", Host: "ecs.aliyuncs.com", Action: "DescribeInstances", Version: "2014-05-26",
		Params: kv("RegionId", "cn-hangzhou"), Time: time.Date(2024, 2, 4, 12, 46, 24, 999, time.UTC), Nonce: "b9d4e3c2a1f0",
	}, Credentials{AccessKeyID: "LTAI5tPlantedKeyId00", AccessKeySecret: "PlantedSecret/+=", SecurityToken: "CAIS+Planted/Token="}
}

// text returns a random string in which many characters have to be escaped.
func text(rnd *rand.Rand) string {
	pieces := []string{"a", "Z", "0", "-", "_", ".", "~", " ", "+", "*", "/", "%", "%2A", "&", "=", ";", "?", "#", `"`, "环", "\xff", "\x00", "\n", "é"}
	var s strings.Builder
	for range rnd.IntN(12) {
		s.WriteString(pieces[rnd.IntN(len(pieces))])
	}
	return s.String()
}

// TestSignRandomRequests signs random requests and verifies the signatures. It also changes every part of a request in
// turn, and checks that the signature changes too.
func TestSignRandomRequests(t *testing.T) {
	t.Parallel()
	for name, s := range signers {
		for seed := range uint64(40) {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				t.Parallel()
				rnd := rand.New(rand.NewPCG(seed, 1))
				r, c := valid()
				for range rnd.IntN(30) {
					r.Params.Set("p"+text(rnd), text(rnd))
				}
				if rnd.IntN(2) == 0 {
					c.SecurityToken = ""
				}
				before := maps.Clone(r.Params)
				signed := mustSign(t, s, r, c)

				if err := verify(s, r, c, signed); err != nil {
					t.Error(err)
				}
				if !equalValues(r.Params, before) {
					t.Errorf("Sign changed Params to %v", r.Params)
				}
				sent, err := url.ParseQuery(signed.Query)
				if err != nil {
					t.Fatal(err)
				}
				maps.DeleteFunc(sent, func(name string, _ []string) bool { return isOwn(name) || name == "Format" })
				if !equalValues(sent, r.Params) { // the query contains all parameters unchanged
					t.Errorf("query decodes to\n%v, want\n%v", sent, r.Params)
				}

				reversed := url.Values{}
				for _, name := range slices.Backward(slices.Sorted(maps.Keys(r.Params))) {
					reversed[name] = r.Params[name]
				}
				same := r
				same.Params, same.Time = reversed, r.Time.In(time.FixedZone("", -3600))
				if again := mustSign(t, s, same, c); again.Query != signed.Query || signature(again) != signature(signed) {
					t.Error("the signature depends on the order of parameters, or on the time zone")
				}

				differ := func(what string, change func(*Request, *Credentials)) {
					t.Helper()
					r, c := r, c
					r.Params = maps.Clone(r.Params)
					change(&r, &c)
					if signature(mustSign(t, s, r, c)) == signature(signed) {
						t.Errorf("a different %s has the same signature", what)
					}
				}
				for name, values := range r.Params {
					differ("parameter value", func(r *Request, _ *Credentials) { r.Params[name] = []string{values[0] + "x"} })
					differ("parameter name", func(r *Request, _ *Credentials) { delete(r.Params, name); r.Params[name+"x"] = values })
					differ("number of parameters", func(r *Request, _ *Credentials) { delete(r.Params, name) })
				}
				differ("empty parameter", func(r *Request, _ *Credentials) { r.Params.Set("NewName", "") })
				differ("method", func(r *Request, _ *Credentials) { r.Method = "GET" })
				differ("action", func(r *Request, _ *Credentials) { r.Action += "x" })
				differ("version", func(r *Request, _ *Credentials) { r.Version += "x" })
				differ("time", func(r *Request, _ *Credentials) { r.Time = r.Time.Add(time.Second) })
				differ("nonce", func(r *Request, _ *Credentials) { r.Nonce += "x" })
				if s == (V1{}) || c.SecurityToken != "" { // without a security token, V3 sends the key id without signing it
					differ("key id", func(_ *Request, c *Credentials) { c.AccessKeyID += "x" })
				}
				differ("secret", func(_ *Request, c *Credentials) { c.AccessKeySecret += "x" })
				differ("token", func(_ *Request, c *Credentials) { c.SecurityToken += "x" })
				if s == (V3{}) {
					differ("host", func(r *Request, _ *Credentials) { r.Host += "x" })
				}
			})
		}
	}
}

// TestSignEdgeCases checks requests with missing or empty fields. It also checks that modifying the headers of one
// result does not affect other results.
func TestSignEdgeCases(t *testing.T) {
	t.Parallel()
	r, c := valid()
	r.Params = url.Values{"Absent": {}, "Empty": {""}}
	v1, err := url.ParseQuery(mustSign(t, V1{}, r, c).Query)
	if err != nil {
		t.Fatal(err)
	}
	if v1.Has("Absent") || !v1.Has("Empty") || v1.Get("Format") != "JSON" || v1.Get("SecurityToken") != c.SecurityToken {
		t.Errorf("V1 query: %v", v1)
	}
	r.Params = url.Values{"Format": {}}
	if q := mustSign(t, V1{}, r, c).Query; !strings.Contains(q, "Format=JSON&") {
		t.Errorf("a Format without a value: %s", q)
	}
	r.Params = nil
	c.SecurityToken, r.Method = "", ""
	if q := mustSign(t, V1{}, r, c).Query; strings.Contains(q, "SecurityToken") {
		t.Errorf("a token in the query without one in the credentials: %s", q)
	}
	v3 := mustSign(t, V3{}, r, c)
	if v3.Query != "" {
		t.Errorf("a query without parameters: %s", v3.Query)
	}
	v3.Header.Add("X-Acs-Action", "more")
	if got := v3.Header["X-Acs-Content-Sha256"]; !slices.Equal(got, []string{emptyHash}) {
		t.Errorf("appending to one header changed another: %v", got)
	}
	r.Method = "POST"
	if got := mustSign(t, V3{}, r, c); signature(got) != signature(v3) {
		t.Error("V3 does not sign an empty method as POST")
	}
}

// TestSignOverHTTP verifies the signature of a request after net/http has sent and received the request.
func TestSignOverHTTP(t *testing.T) {
	t.Parallel()
	r, c := valid()
	r.Params.Set("InstanceName", "a b*~+/=&%;环")
	for name, s := range signers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			received := make(chan error, 1)
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				at, arrived := r, Signed{Query: req.URL.RawQuery, Header: req.Header}
				at.Host = req.Host
				want := hmacSHA1(c.AccessKeySecret+"&", StringToSign(req.Method, req.URL.Query()))
				if name == "V3" {
					as := Request{Method: req.Method, Host: req.Host, Params: req.URL.Query()}
					want = hmacSHA256(c.AccessKeySecret, algorithm+"\n"+hashHex(CanonicalRequest(as, req.Header)))
				}
				err := verify(s, at, c, arrived)
				if got := signature(arrived); got != want {
					err = errors.Join(err, fmt.Errorf("signature %s, but %s for the received request", got, want))
				}
				received <- err
			}))
			defer server.Close()
			signed := mustSign(t, s, r, c)
			req, err := http.NewRequestWithContext(t.Context(), r.Method, server.URL+"/?"+signed.Query, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = r.Host
			maps.Copy(req.Header, signed.Header)
			resp, err := server.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
			select {
			case err := <-received:
				if err != nil {
					t.Error(err)
				}
			default:
				t.Errorf("status %s without calling the handler", resp.Status)
			}
		})
	}
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	r, c := valid()
	for _, s := range signers {
		want := signature(mustSign(t, s, r, c))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if signed, err := s.Sign(r, c); err != nil || signature(signed) != want {
					t.Errorf("%v, signature equal: %t", err, signature(signed) == want)
				}
			})
		}
		wg.Wait()
	}
}

func TestSignErrors(t *testing.T) {
	t.Parallel()
	const reserved, several = "is set by the signer itself", "more than one value"
	type test struct {
		name   string
		change func(*Request, *Credentials)
		v1, v3 string // substring of the error message; "" means no error
	}
	set := func(name string) func(*Request, *Credentials) {
		return func(r *Request, _ *Credentials) { r.Params.Set(name, "PlantedValue") }
	}
	tests := []test{
		{"key id", func(_ *Request, c *Credentials) { c.AccessKeyID = "" }, "without Credentials.AccessKeyID", "without Credentials.AccessKeyID"},
		{"secret", func(_ *Request, c *Credentials) { c.AccessKeySecret = "" }, "without Credentials.AccessKeySecret", "without Credentials.AccessKeySecret"},
		{"action", func(r *Request, _ *Credentials) { r.Action = "" }, "without Request.Action", "without Request.Action"},
		{"version", func(r *Request, _ *Credentials) { r.Version = "" }, "without Request.Version", "without Request.Version"},
		{"nonce", func(r *Request, _ *Credentials) { r.Nonce = "" }, "without Request.Nonce", "without Request.Nonce"},
		{"time", func(r *Request, _ *Credentials) { r.Time = time.Time{} }, "without Request.Time", "without Request.Time"},
		{"host", func(r *Request, _ *Credentials) { r.Host = "" }, "", "without Request.Host"},
		{
			"everything", func(r *Request, c *Credentials) { *r, *c = Request{}, Credentials{} },
			"signer: cannot sign without Credentials.AccessKeySecret, Credentials.AccessKeyID, Request.Action, Request.Version, Request.Nonce, Request.Time",
			"signer: cannot sign without Credentials.AccessKeySecret, Credentials.AccessKeyID, Request.Action, Request.Version, Request.Nonce, Request.Host, Request.Time",
		},
		{"two values", func(r *Request, _ *Credentials) { r.Params["Tag"] = []string{"PlantedValue", "b"} }, `"Tag" has ` + several, `"Tag" has ` + several},
		{"two Formats", func(r *Request, _ *Credentials) { r.Params["Format"] = []string{"JSON", "XML"} }, several, reserved},
		{"Format", set("Format"), "", `"Format" ` + reserved},
		{"two invalid parameters", func(r *Request, _ *Credentials) {
			r.Params["B"], r.Params["A\n"], r.Params["Version"] = []string{"PlantedValue", "b"}, []string{"", ""}, []string{""}
		}, `parameter "A\n" has`, `parameter "A\n" has`},
		{"line break in id", func(_ *Request, c *Credentials) { c.AccessKeyID += "\n" }, "", "Credentials.AccessKeyID contains a control character"},
		{"line break in token", func(_ *Request, c *Credentials) { c.SecurityToken += "\r\n" }, "", "Credentials.SecurityToken contains a control character"},
		{"line break in host", func(r *Request, _ *Credentials) { r.Host += "\nx-acs-action:Other" }, "", "Request.Host contains a control character"},
		{"similar name", set("signature"), "", ""},
	}
	for _, name := range []string{
		"AccessKeyId", "Action", "BearerToken", "SecurityToken", "Signature", "SignatureMethod",
		"SignatureNonce", "SignatureType", "SignatureVersion", "Timestamp", "Version",
	} {
		want := fmt.Sprintf("signer: parameter %q %s: remove it from Request.Params", name, reserved)
		tests = append(tests, test{name, set(name), want, want})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for name, want := range map[string]string{"V1": tt.v1, "V3": tt.v3} {
				r, c := valid()
				tt.change(&r, &c)
				signed, err := signers[name].Sign(r, c)
				if want == "" {
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
					continue
				}
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Fatalf("%s: error %v, want %q", name, err, want)
				}
				if signed.Query != "" || signed.Header != nil {
					t.Errorf("%s: Sign returned both an error and a signed request", name)
				}
				values := []string{c.AccessKeyID, c.AccessKeySecret, c.SecurityToken, r.Nonce, r.Host, r.Action, r.Version, "PlantedValue"}
				for _, v := range values {
					if v != "" && strings.Contains(err.Error(), v) {
						t.Errorf("%s: the error contains %q", name, v)
					}
				}
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: more than one line", name)
				}
			}
		})
	}
}

// TestRedactedStrings checks the strings that String, Format, LogValue and MarshalJSON return for values with secrets.
func TestRedactedStrings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		c    Credentials
		want string
	}{
		{Credentials{}, "signer.Credentials{AccessKeyID: unset, AccessKeySecret: unset, SecurityToken: unset}"},
		{Credentials{"LTAI5tAbCdEfGhIj", "s", "t"}, "signer.Credentials{AccessKeyID: LTAI****, AccessKeySecret: ****, SecurityToken: ****}"},
		{Credentials{"LTAI5tAbCdEfGhI", "s", ""}, "signer.Credentials{AccessKeyID: ****, AccessKeySecret: ****, SecurityToken: unset}"},
		{Credentials{"LT\nAI5tAbCdEfGhIjk", "", "t"}, "signer.Credentials{AccessKeyID: ****, AccessKeySecret: unset, SecurityToken: ****}"},
	} {
		sameText(t, tt.c, tt.want)
	}
	s := Signed{Query: "a=b", Header: http.Header{"Authorization": {"x"}}}
	sameText(t, s, "signer.Signed{Query: 3 bytes, Header: 1 fields}")
}

// sameText checks that all formatting methods of v, such as String and LogValue, return want.
func sameText(t *testing.T, v interface {
	fmt.Stringer
	fmt.GoStringer
	slog.LogValuer
	json.Marshaler
}, want string,
) {
	t.Helper()
	text, err := v.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var fromJSON string
	if err := json.Unmarshal(text, &fromJSON); err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{v.String(), v.GoString(), v.LogValue().String(), fromJSON, fmt.Sprintf("%+v", v)} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestNoSecretPrinted prints credentials and signed requests with every verb and flag of package fmt. The verbs %T, %p
// and %w are omitted, because fmt calls no method for them.
func TestNoSecretPrinted(t *testing.T) {
	t.Parallel()
	r, c := valid()
	v1, v3 := mustSign(t, V1{}, r, c), mustSign(t, V3{}, r, c)
	secrets := []string{
		c.AccessKeyID[4:], c.AccessKeySecret, c.SecurityToken, url.QueryEscape(c.SecurityToken),
		v1.Query, signature(v1), url.QueryEscape(signature(v1)), signature(v3),
	}
	for _, s := range slices.Clone(secrets) {
		secrets = append(secrets, hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s))),
			fmt.Sprintf("% x", s), fmt.Sprint([]byte(s)), fmt.Sprintf("%b", []byte(s)), fmt.Sprintf("%o", []byte(s)))
	}
	type holder struct {
		Credentials Credentials
		Signed      Signed
	}
	values := map[string]any{
		"credentials": c, "pointer": &c, "slice": []Credentials{c}, "map": map[string]Credentials{"a": c},
		"signed V1": v1, "signed V3": v3, "signed pointer": &v3,
		"holder": holder{c, v3}, "holder pointer": &holder{c, v1}, "any": []any{c, &c, v1, v3},
	}
	for name, value := range values {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check := func(how, text string) {
				t.Helper()
				if text == "" {
					t.Errorf("%s: nothing printed", how)
				}
				for _, s := range secrets {
					if strings.Contains(text, s) {
						t.Errorf("%s: %q in %q", how, s, text)
						return
					}
				}
			}
			for _, verb := range "vsqxXdboOcUeEfFgGtz" {
				for _, flags := range []string{"", "+", "#", "+#", " ", "0", "-", "40", ".3", "-40.3"} {
					format := "%" + flags + string(verb)
					check(format, fmt.Sprintf(format, value))
				}
			}
			check("Print", fmt.Sprint(value))
			check("error", fmt.Errorf("wrapped: %v", value).Error())
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			check("json", string(text))
			var log bytes.Buffer
			slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", value)
			slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", value)
			check("slog", log.String())
		})
	}
}

// benchmarkRequest returns a request with 8 parameters. If large is true, the request also has 100 ids and 20 tags.
func benchmarkRequest(large bool) (Request, Credentials) {
	r, c := valid()
	r.Params = kv("RegionId", "cn-hangzhou", "VpcId", "vpc-bp67acfmxazb4ph5m6fg", "Status", "Running", "MaxResults", "100",
		"NextToken", "caeba0bbb2be03f84eb48b699f0a4883", "Tag.1.Key", "env", "Tag.1.Value", "prod", "InstanceName", "web-*")
	if large {
		ids := make([]string, 100)
		for i := range ids {
			ids[i] = fmt.Sprintf("i-bp67acfmxazb4p%06d", i)
		}
		list, err := json.Marshal(ids)
		if err != nil {
			panic(err)
		}
		r.Params.Set("InstanceIds", string(list))
		for i := range 20 {
			r.Params.Set(fmt.Sprintf("Tag.%d.Key", i+1), fmt.Sprintf("key/%d", i))
			r.Params.Set(fmt.Sprintf("Tag.%d.Value", i+1), fmt.Sprintf("值 %d", i))
		}
	}
	return r, c
}

func BenchmarkSign(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(signers)) {
		for _, size := range []string{"typical", "large"} {
			b.Run(name+"/"+size, func(b *testing.B) {
				r, c := benchmarkRequest(size == "large")
				b.ReportAllocs()
				for b.Loop() {
					if _, err := signers[name].Sign(r, c); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
