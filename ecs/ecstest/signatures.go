package ecstest

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // V1 is defined with SHA-1
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// This file shares no code with package signer, so that tests detect mistakes in package signer.

const algorithmV3 = "ACS3-HMAC-SHA256"

const timeLayout = "2006-01-02T15:04:05Z"

// maxClockDifference is the maximum difference between a request's timestamp and the server's clock. Nonces are
// remembered for the same time.
const maxClockDifference = 15 * time.Minute

// authenticate performs the checks that the API's gateway performs before an operation runs. It checks the path and the
// method, and then the signature, the time, the key and the nonce.
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

// readV1 reads the authentication of a request with a V1 signature, which covers all parameters.
func (x *exchange) readV1() (authentication, *apiError) {
	get := x.params.Get
	a := authentication{
		version: get("SignatureVersion"), keyID: get("AccessKeyId"), token: get("SecurityToken"), time: get("Timestamp"), nonce: get("SignatureNonce"),
	}
	if a.keyID == "" {
		return a, newError(400, "MissingAccessKeyId", "AccessKeyId is mandatory for this action.")
	}
	for _, name := range []string{"SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"} {
		if get(name) == "" {
			return a, missingParameter(name)
		}
	}
	stringToSign := x.r.Method + "&%2F&" + escape(canonicalQuery(x.params))
	switch {
	case get("SignatureMethod") != "HMAC-SHA1":
		return a, newError(400, "InvalidSignatureMethod", "Specified signature method is not valid.")
	case a.version != "1.0":
		// InvalidParamater is the API's own spelling.
		return a, newError(400, "InvalidParamater", "The specified parameter \"SignatureVersion\" is not valid.")
	case get("Signature") == "":
		return a, newError(400, "IncompleteSignature", "The request signature does not conform to Aliyun standards. server string to sign is:%s", stringToSign)
	}
	a.mismatch = "Specified signature is not matched with our calculation. server string to sign is:" + stringToSign
	a.signature, _ = base64.StdEncoding.DecodeString(get("Signature")) // if malformed, the result matches no signature
	a.sign = func(secret string) []byte { return mac(sha1.New, secret+"&", stringToSign) }
	return a, nil
}

// readV3 reads the authentication of a request with a V3 signature, which covers the query, some headers and the body.
func (x *exchange) readV3() (authentication, *apiError) {
	h := x.r.Header
	a := authentication{version: algorithmV3, token: h.Get("X-Acs-Security-Token"), time: h.Get("X-Acs-Date"), nonce: h.Get("X-Acs-Signature-Nonce")}
	incomplete := func(why string) (authentication, *apiError) {
		return a, newError(400, "IncompleteSignature", "The request signature does not conform to Aliyun standards: %s.", why)
	}
	method, rest, _ := strings.Cut(h.Get("Authorization"), " ")
	if method != algorithmV3 {
		return incomplete("the Authorization header must begin with " + algorithmV3)
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(part, "=")
		fields[strings.TrimSpace(name)] = value
	}
	a.keyID = fields["Credential"]
	for _, required := range [][2]string{{"Credential", a.keyID}, {"x-acs-date", a.time}, {"x-acs-signature-nonce", a.nonce}} {
		if required[1] == "" {
			return a, missingParameter(required[0])
		}
	}
	names := strings.Join(x.headersToSign(), ";")
	if fields["SignedHeaders"] != names {
		return incomplete("SignedHeaders must be " + names)
	}
	bodyHash := hexHash(x.body)
	if h.Get("X-Acs-Content-Sha256") != bodyHash {
		return incomplete("x-acs-content-sha256 is not the hash of the body")
	}
	canonical := strings.Join([]string{x.r.Method, "/", canonicalQuery(x.query), x.canonicalHeaders(), names, bodyHash}, "\n")
	requestHash := hexHash([]byte(canonical))
	a.mismatch = "Specified signature does not match our calculation. server StringToSign is [" + algorithmV3 + " " + requestHash + "]"
	a.signature, _ = hex.DecodeString(fields["Signature"]) // if malformed, the result matches no signature
	a.sign = func(secret string) []byte { return mac(sha256.New, secret, algorithmV3+"\n"+requestHash) }
	return a, nil
}

// headersToSign returns the names of the headers that a V3 signature of the request must cover.
func (x *exchange) headersToSign() []string {
	names := []string{"host"}
	for name := range x.r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-acs-") || name == "content-type" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (x *exchange) canonicalHeaders() string {
	var b strings.Builder
	for _, name := range x.headersToSign() {
		values := []string{x.r.Host}
		if name != "host" {
			values = slices.Sorted(slices.Values(x.r.Header.Values(name)))
		}
		b.WriteString(name + ":" + strings.Join(values, ",") + "\n")
	}
	return b.String()
}

func mac(h func() hash.Hash, secret, text string) []byte {
	m := hmac.New(h, []byte(secret))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func hexHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func canonicalQuery(params url.Values) string {
	names := make([]string, 0, len(params))
	for name := range params {
		if name != "Signature" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var pairs []string
	for _, name := range names {
		for _, value := range params[name] {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	return strings.Join(pairs, "&")
}

// escape percent-encodes s as the API requires.
func escape(s string) string { return escaper.Replace(url.QueryEscape(s)) }

// escaper corrects the characters that url.QueryEscape encodes differently from the API.
var escaper = strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~")
