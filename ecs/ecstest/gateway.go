package ecstest

import (
	"crypto/hmac"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const timeLayout = "2006-01-02T15:04:05Z"

// maxClockDifference is the maximum difference between a request's timestamp and the server's clock. Nonces are
// remembered for the same time.
const maxClockDifference = 15 * time.Minute

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

// parse reads the operation, its version, its region and its parameters from the query, the form and the headers.
func (x *exchange) parse() {
	h := x.r.Header
	note := func(err error) {
		if x.parseErr == nil {
			x.parseErr = err
		}
	}
	var err error
	x.query, err = url.ParseQuery(x.r.URL.RawQuery)
	note(err)
	x.params = x.query
	if kind, _, _ := mime.ParseMediaType(h.Get("Content-Type")); kind == "application/x-www-form-urlencoded" && len(x.body) > 0 {
		form, err := url.ParseQuery(string(x.body))
		note(err)
		x.params = url.Values{}
		for _, part := range []url.Values{x.query, form} {
			for name, values := range part {
				x.params[name] = append(x.params[name], values...)
			}
		}
	}
	// The vendor's older clients send the header X-Acs-Action even with V1 signatures.
	x.v3 = strings.HasPrefix(h.Get("Authorization"), "ACS3-") || h.Get("X-Acs-Action") != "" && !x.params.Has("SignatureMethod")
	if x.v3 {
		x.action, x.version = h.Get("X-Acs-Action"), h.Get("X-Acs-Version")
		x.xml = strings.Contains(h.Get("Accept"), "xml")
	} else {
		x.action, x.version = x.params.Get("Action"), x.params.Get("Version")
		x.xml = !strings.EqualFold(x.params.Get("Format"), "JSON")
	}
	x.region = x.params.Get("RegionId")
}

// authenticate performs the checks that the API's gateway performs before an operation runs.
func (s *Server) authenticate(x *exchange) *apiError {
	x.now = time.Now().Add(x.ClockSkew)
	switch {
	case x.parseErr != nil:
		return newError(400, "InvalidParameter", "The request cannot be read.")
	case x.r.URL.Path != "/" && x.r.URL.Path != "":
		return noSuchAPI()
	case x.r.Method != http.MethodGet && x.r.Method != http.MethodPost:
		return newError(400, "UnsupportedHTTPMethod", "This http method is not supported.")
	case x.action == "":
		return missingParameter("Action")
	case x.version == "":
		return missingParameter("Version")
	}
	read := x.readV1
	if x.v3 {
		read = x.readV3
	}
	a, err := read()
	s.mu.Lock()
	defer s.mu.Unlock()
	x.record.SignatureVersion, x.record.AccessKeyID, x.record.Nonce = a.version, a.keyID, a.nonce
	if err != nil {
		return err
	}
	return s.verify(x, a)
}

// authentication contains the parts of a request that prove the sender's identity, such as the key id and the
// signature.
type authentication struct {
	version, keyID, token, time, nonce string
	signature                          []byte
	sign                               func(secret string) []byte // returns the expected signature
	mismatch                           string                     // the error message if the signature differs
}

// verify returns an error if an authentication is not valid. An invalid authentication does not use up its nonce. s.mu
// must be held.
func (s *Server) verify(x *exchange, a authentication) *apiError {
	key, known := s.keys[a.keyID]
	if !known {
		return newError(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
	}
	sent, err := time.Parse(timeLayout, a.time)
	if err != nil {
		return newError(400, "IllegalTimestamp", "The specified Timestamp is not well formed.")
	}
	if x.now.Sub(sent).Abs() > maxClockDifference {
		return newError(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
	}
	if !hmac.Equal(a.signature, a.sign(key.Credentials.AccessKeySecret)) {
		return newError(400, "SignatureDoesNotMatch", "%s", a.mismatch)
	}
	switch token := key.Credentials.SecurityToken; {
	case key.Disabled:
		return newError(400, "InvalidAccessKeyId.Inactive", "Specified access key is disabled.")
	case token != "" && a.token == "":
		return newError(400, "MissingSecurityToken", "SecurityToken is required for this action.")
	case token == "" && a.token != "":
		return newError(400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed.")
	case !hmac.Equal([]byte(token), []byte(a.token)):
		return newError(400, "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey.")
	case !key.Expires.IsZero() && x.now.After(key.Expires):
		return newError(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
	}
	if !s.nonces.add(a.nonce, time.Now()) { // not x.now: ClockSkew must not affect the nonces
		return newError(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
	}
	x.keyID = a.keyID
	return nil
}
