package signer

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Signer turns a request into what goes on the wire. It is safe for concurrent
// use, does not modify its arguments, and names no value in its errors.
type Signer interface {
	Sign(Request, Credentials) (Signed, error)
}

// Request is one API call to be signed. It holds no credentials.
type Request struct {
	// Method is the HTTP method in capitals; it is signed, so the request must
	// be sent with it. Sign reads an empty one as POST.
	Method string
	// Host is the endpoint's name, with its port unless it is the standard one,
	// as the Host header will show it. V3 needs it; V1 does not look at it.
	Host string
	// Action is the operation, such as DescribeInstances. Needed.
	Action string
	// Version is the API's version, such as 2014-05-26. Needed.
	Version string
	// Params are the operation's own parameters, RegionId among them; nil means
	// none. Each has one value, repeats are numbered (Name.1, Name.2), and a
	// name without any value is not sent. What the signer itself sets, such as
	// Action or Timestamp, must not be among them, but for V1's Format.
	Params url.Values
	// Time is when the request is made, in any zone; it is sent in UTC, to the
	// second. Needed.
	Time time.Time
	// Nonce is a text that no other request of the last 15 minutes has used, 32
	// random hex digits for example. Needed.
	Nonce string
}

// Signed is what to put on the wire for one attempt. It carries the signature
// and perhaps a security token; printed, logged or marshaled it shows neither.
type Signed struct {
	// Query is the complete, encoded query string, without a question mark. The
	// body is empty.
	Query string
	// Header holds the headers to set on the request, canonically spelled. It
	// may be nil. Host is not among them: it goes into http.Request's Host.
	Header http.Header
}

// Credentials are an access key, and the token that comes with a temporary one.
// Printed with fmt, logged with slog or marshaled to JSON they tell which parts
// are set, and the first four characters of a key id of usual length.
//
// There are two holes in fmt itself. It calls no methods on unexported fields: a
// struct that keeps Credentials in one needs its own String and Format, or must
// keep a pointer. And it asks nobody about %p and %w, which go vet refuses here.
type Credentials struct {
	AccessKeyID     string // the key's public name; needed
	AccessKeySecret string // the key that signs; never sent; needed
	SecurityToken   string // of temporary (STS) credentials; empty for a permanent key
}

// String tells which parts are set; it shows no secret. So do the other four.
func (c Credentials) String() string {
	return "signer.Credentials{AccessKeyID: " + maskID(c.AccessKeyID) +
		", AccessKeySecret: " + mask(c.AccessKeySecret) + ", SecurityToken: " + mask(c.SecurityToken) + "}"
}

// GoString is String, for %#v.
func (c Credentials) GoString() string { return c.String() }

// Format writes String, whatever the verb and its flags.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue is String, for slog.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON gives String as a JSON string: credentials are not stored by accident.
func (c Credentials) MarshalJSON() ([]byte, error) { return quote(c.String()), nil }

// String tells the sizes; it shows neither parameters nor headers. So do the other four.
func (s Signed) String() string {
	return "signer.Signed{Query: " + strconv.Itoa(len(s.Query)) + " bytes, Header: " + strconv.Itoa(len(s.Header)) + " fields}"
}

// GoString is String, for %#v.
func (s Signed) GoString() string { return s.String() }

// Format writes String, whatever the verb and its flags.
func (s Signed) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is String, for slog.
func (s Signed) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON gives String as a JSON string.
func (s Signed) MarshalJSON() ([]byte, error) { return quote(s.String()), nil }

const masked = "****"

func mask(secret string) string {
	if secret == "" {
		return "unset"
	}
	return masked
}

// maskID keeps the part of a key id that tells its kind (LTAI, STS.). Of a short
// id that would give away too much, and an odd one may be something else.
func maskID(id string) string {
	if len(id) < 16 {
		return mask(id)
	}
	for i := range 4 {
		if !unreserved(id[i]) {
			return mask(id)
		}
	}
	return id[:4] + masked
}

// quote serves for the texts above: plain ASCII, which Go and JSON quote alike.
func quote(s string) []byte { return strconv.AppendQuote(nil, s) }

// check refuses what cannot be signed, or would be signed to another meaning. It
// names the field or parameter at fault, never a value.
func check(r Request, c Credentials, v3 bool) error {
	fields := [...]param{
		{"Credentials.AccessKeySecret", c.AccessKeySecret},
		{"Credentials.AccessKeyID", c.AccessKeyID},
		{"Request.Action", r.Action},
		{"Request.Version", r.Version},
		{"Request.Nonce", r.Nonce},
		{"Request.Host", r.Host},
		{"Credentials.SecurityToken", c.SecurityToken},
	}
	var missing []string
	for _, f := range fields[:5] {
		if f.value == "" {
			missing = append(missing, f.name)
		}
	}
	if v3 && r.Host == "" {
		missing = append(missing, "Request.Host")
	}
	if r.Time.IsZero() {
		missing = append(missing, "Request.Time")
	}
	if missing != nil {
		return errors.New("signer: cannot sign without " + strings.Join(missing, ", "))
	}
	if v3 {
		for _, f := range fields[1:] {
			if strings.ContainsFunc(f.value, unicode.IsControl) {
				return errors.New("signer: " + f.name + " has a control character, perhaps a line break at its end, which no header can carry")
			}
		}
	}
	return checkParams(r.Params, v3)
}

// methodOf is the method that Sign signs.
func methodOf(r Request) string { return cmp.Or(r.Method, http.MethodPost) }

func checkParams(params url.Values, v3 bool) error {
	var name, fault string
	for n, values := range params {
		var f string
		switch {
		case isOwn(n) || v3 && n == "Format":
			f = " is set by the signer itself: remove it from Request.Params"
		case len(values) > 1:
			f = " has more than one value: number them as Name.1, Name.2"
		}
		if f != "" && (fault == "" || n < name) { // the same one each time, though maps have no order
			name, fault = n, f
		}
	}
	if fault != "" {
		return errors.New("signer: parameter " + strconv.Quote(name) + fault)
	}
	return nil
}

// isOwn tells the names that belong to signing itself, as query parameters of V1;
// in V3 they are headers, and as parameters would contradict them.
func isOwn(name string) bool {
	switch name {
	case "AccessKeyId", "Action", "BearerToken", "SecurityToken", "Timestamp", "Version":
		return true
	}
	return strings.HasPrefix(name, "Signature")
}
