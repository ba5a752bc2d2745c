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

// Signer signs requests. Implementations must be safe for concurrent use, must not modify their arguments, and must not
// include values of the request or the credentials in errors.
type Signer interface {
	Sign(Request, Credentials) (Signed, error)
}

// Request is an API request to be signed. It contains no credentials.
type Request struct {
	// Method is the HTTP method, in upper case. It is signed, so the request must be sent with the same method. An
	// empty method means POST.
	Method string
	// Host is the host name of the endpoint, with the port unless it is the standard one, exactly as in the Host header.
	// V3 requires it; V1 ignores it.
	Host string
	// Action is the operation, such as "DescribeInstances". It is required.
	Action string
	// Version is the version of the API, such as "2014-05-26". It is required.
	Version string
	// Params are the operation's own parameters, including RegionId; nil means none. Each name has one value;
	// lists are numbered (Name.1, Name.2). A name without values is not sent. Parameters that the signer sets
	// itself, such as Action or Timestamp, are refused, except for Format with V1.
	Params url.Values
	// Time is the time of the request, in any time zone. It is sent in UTC, with a precision of seconds. It is
	// required.
	Time time.Time
	// Nonce is a string that no other request has used in the last 15 minutes, for example 32 random hexadecimal digits.
	// It is required.
	Nonce string
}

// Signed is a signed request: what to send in one attempt. It contains the signature, and the security token if
// there is one; both are redacted when it is printed, logged or marshaled.
type Signed struct {
	// Query is the complete, encoded query string, without a question mark. The body of the request is empty.
	Query string
	// Header contains the headers to set on the request, with canonical names. It may be nil. It does not contain Host,
	// which belongs in the Host field of an http.Request.
	Header http.Header
}

// Credentials is an access key, with the security token if it is temporary. When Credentials is printed with fmt,
// logged with slog or marshaled to JSON, the output shows which parts are set, and the first four characters of a
// key id of the usual length, but no secret.
//
// Package fmt does not call methods of unexported fields. A struct with Credentials in an unexported field needs
// its own String and Format methods, or should hold a pointer. Package fmt does not call methods for %p and %w
// either; go vet reports both verbs.
type Credentials struct {
	AccessKeyID     string // identifies the key; required
	AccessKeySecret string // signs requests and is never sent; required
	SecurityToken   string // for temporary (STS) credentials; empty for a permanent key
}

// String returns a description that shows which parts are set, and no secret.
func (c Credentials) String() string {
	return "signer.Credentials{AccessKeyID: " + maskID(c.AccessKeyID) +
		", AccessKeySecret: " + mask(c.AccessKeySecret) + ", SecurityToken: " + mask(c.SecurityToken) + "}"
}

// GoString returns the result of String.
func (c Credentials) GoString() string { return c.String() }

// Format writes the result of String, for every verb and flag.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue returns the result of String.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON returns the result of String as a JSON string, so that credentials cannot be stored by accident.
func (c Credentials) MarshalJSON() ([]byte, error) { return quote(c.String()), nil }

// String returns a description with the sizes of the parts, without their contents.
func (s Signed) String() string {
	return "signer.Signed{Query: " + strconv.Itoa(len(s.Query)) + " bytes, Header: " + strconv.Itoa(len(s.Header)) + " fields}"
}

// GoString returns the result of String.
func (s Signed) GoString() string { return s.String() }

// Format writes the result of String, for every verb and flag.
func (s Signed) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue returns the result of String.
func (s Signed) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON returns the result of String as a JSON string.
func (s Signed) MarshalJSON() ([]byte, error) { return quote(s.String()), nil }

const masked = "****"

func mask(secret string) string {
	if secret == "" {
		return "unset"
	}
	return masked
}

// maskID masks a key id except for its first four characters, which indicate the kind of key (LTAI, STS.). It
// masks short ids, and ids with unusual characters, completely, because they may be something else that was
// entered by mistake.
func maskID(id string) string {
	if len(id) < 16 {
		return mask(id)
	}
	for i := range 4 {
		if !isUnreserved[id[i]] {
			return mask(id)
		}
	}
	return id[:4] + masked
}

// quote returns s as a JSON string. s must be plain ASCII, which Go and JSON quote in the same way.
func quote(s string) []byte { return strconv.AppendQuote(nil, s) }

// check returns an error if the request cannot be signed, or would have a different meaning after signing. The
// error names the field or parameter, but contains no value.
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
				return errors.New("signer: " + f.name + " contains a control character, such as a trailing line break, which is not allowed in a header")
			}
		}
	}
	return checkParams(r.Params, v3)
}

// methodOf returns the method that Sign signs.
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
		if f != "" && (fault == "" || n < name) { // report the first one by name, independent of the map's order
			name, fault = n, f
		}
	}
	if fault != "" {
		return errors.New("signer: parameter " + strconv.Quote(name) + fault)
	}
	return nil
}

// isOwn reports whether a parameter is set by the signer itself. V3 sends these values as headers, which a
// parameter with the same meaning could contradict.
func isOwn(name string) bool {
	switch name {
	case "AccessKeyId", "Action", "BearerToken", "SecurityToken", "Timestamp", "Version":
		return true
	}
	return strings.HasPrefix(name, "Signature")
}
