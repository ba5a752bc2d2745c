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

// Signer signs requests. Implementations must be safe for concurrent use and must not modify their arguments. Their
// errors must not contain parameters or credentials.
type Signer interface {
	Sign(Request, Credentials) (Signed, error)
}

// Request is an API request to sign. It contains no credentials.
type Request struct {
	// Method is the HTTP method in upper case. "" means POST. V1 and V3 sign the method, so the request must be sent
	// with the same method.
	Method string
	// Host is the host name of the endpoint, exactly as in the Host header. It includes the port, unless the port is
	// the default port. V3 requires Host, and V1 ignores it.
	Host string
	// Action is the operation, such as "DescribeInstances". It is required.
	Action string
	// Version is the version of the API, such as "2014-05-26". It is required.
	Version string
	// Params contains the operation's parameters, including RegionId. Each name must have a single value; the elements
	// of a list have numbered names (Name.1, Name.2). A name without values is not sent. Sign returns an error if
	// Params contains a parameter that the signer sets itself, such as Action or Timestamp. V1 permits the parameter
	// Format.
	Params url.Values
	// Time is the time of the request, with a precision of seconds. It is required.
	Time time.Time
	// Nonce is a string that no other request has used in the last 15 minutes, for example 32 random hexadecimal
	// digits. It is required.
	Nonce string
}

// Signed is a signed request for one attempt. It contains the signature and, for temporary credentials, the security
// token. Neither of them is printed, logged or marshaled.
type Signed struct {
	// Query is the encoded query string, without the question mark. The body of the request must be empty.
	Query string
	// Header contains the headers to set on the request, with canonical names, except Host. It may be nil.
	Header http.Header
}

// Credentials is an access key and, if the key is temporary, its security token. When Credentials is printed, logged
// with slog or marshaled to JSON, the output shows which fields are set and how the key id begins, but never a secret.
//
// Package fmt does not call the methods of values in unexported fields. If a struct has Credentials in an unexported
// field, store a pointer in that field, or implement String and Format for the struct. Package fmt does not call
// methods for the verbs %p and %w either, but go vet reports such calls.
type Credentials struct {
	AccessKeyID     string // the id of the access key; required
	AccessKeySecret string // the secret, which is never sent; required
	SecurityToken   string // the security token of a temporary key; "" for a permanent key
}

// String returns a description that shows which fields are set, without secrets.
func (c Credentials) String() string {
	return "signer.Credentials{AccessKeyID: " + maskID(c.AccessKeyID) +
		", AccessKeySecret: " + mask(c.AccessKeySecret) + ", SecurityToken: " + mask(c.SecurityToken) + "}"
}

// GoString returns the result of String.
func (c Credentials) GoString() string { return c.String() }

// Format writes the result of String, regardless of the verb and the flags.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue returns the result of String.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON returns the result of String as a JSON string.
func (c Credentials) MarshalJSON() ([]byte, error) { return quote(c.String()), nil }

// String returns a description with the sizes of Query and Header, without their contents.
func (s Signed) String() string {
	return "signer.Signed{Query: " + strconv.Itoa(len(s.Query)) + " bytes, Header: " + strconv.Itoa(len(s.Header)) + " fields}"
}

// GoString returns the result of String.
func (s Signed) GoString() string { return s.String() }

// Format writes the result of String, regardless of the verb and the flags.
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

// maskID masks all but the first four characters of a key id, which indicate the type of the key ("LTAI" or "STS."). It
// masks a short or unusual id completely, because it may be a secret that was entered in the wrong field.
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

// quote returns s as a JSON string. All characters of s must be printable ASCII.
func quote(s string) []byte { return strconv.AppendQuote(nil, s) }

// check returns an error if a required field is empty, if a header value of a V3 request contains a control character,
// or if a parameter is not allowed. The error contains names, but no values.
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
				return errors.New("signer: " + f.name + " contains a control character, which is not allowed in a header: check for a trailing line break")
			}
		}
	}
	return checkParams(r.Params, v3)
}

// methodOf returns the HTTP method to sign. The default is POST.
func methodOf(r Request) string { return cmp.Or(r.Method, http.MethodPost) }

func checkParams(params url.Values, v3 bool) error {
	var name, fault string
	for n, values := range params {
		var f string
		switch {
		case isOwn(n) || v3 && n == "Format":
			f = " is set by the signer itself: remove it from Request.Params"
		case len(values) > 1:
			f = " has more than one value: use numbered names such as Name.1 and Name.2"
		}
		if f != "" && (fault == "" || n < name) { // report the alphabetically first name, because maps have no order
			name, fault = n, f
		}
	}
	if fault != "" {
		return errors.New("signer: parameter " + strconv.Quote(name) + fault)
	}
	return nil
}

// isOwn reports whether the signer itself sets the parameter with the given name.
func isOwn(name string) bool {
	switch name {
	case "AccessKeyId", "Action", "BearerToken", "SecurityToken", "Timestamp", "Version":
		return true
	}
	return strings.HasPrefix(name, "Signature")
}
