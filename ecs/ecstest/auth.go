package ecstest

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the older signature is defined with it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash/maphash"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

const (
	window     = 15 * time.Minute // how far a request's time may be off, and how long its nonce is remembered
	keptNonces = 1 << 17          // at most
	algorithm  = "ACS3-HMAC-SHA256"
)

// Key is an access key that the server accepts.
type Key struct {
	// Credentials with a SecurityToken are temporary: requests must carry this very token.
	Credentials signer.Credentials
	// Expires ends temporary credentials (InvalidSecurityToken.Expired). Zero is never.
	Expires time.Time
	// Disabled refuses the key with InvalidAccessKeyId.Inactive.
	Disabled bool
	// Deny names the operations that the key's user has no permission for; "*" is all. As the API does, a denied
	// DescribeInstances answers 200 with an empty list, and 403 Forbidden.RAM when it is a dry run. ListTagResources is
	// denied with 403 NoPermission.Tag, the others with 403 Forbidden.RAM.
	Deny []string
}

// AddKey makes the server accept a key. One with the same AccessKeyID is replaced.
func (s *Server) AddKey(k Key) {
	k.Deny = slices.Clone(k.Deny)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[k.Credentials.AccessKeyID] = k
}

// RevokeKey makes the server forget a key: InvalidAccessKeyId.NotFound.
func (s *Server) RevokeKey(accessKeyID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, accessKeyID)
}

func (c *call) denied() bool {
	return c.fault != nil && c.fault.Denied || slices.Contains(c.key.Deny, c.action) || slices.Contains(c.key.Deny, "*")
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

// parse finds the parameters and the names of the call in query, form and headers.
func (c *call) parse() {
	h := c.r.Header
	note := func(err error) {
		if c.parseErr == nil {
			c.parseErr = err
		}
	}
	var err error
	c.query, err = url.ParseQuery(c.r.URL.RawQuery)
	note(err)
	c.params = c.query
	if kind, _, _ := mime.ParseMediaType(h.Get("Content-Type")); kind == "application/x-www-form-urlencoded" && len(c.body) > 0 {
		form, err := url.ParseQuery(string(c.body))
		note(err)
		c.params = url.Values{}
		for _, part := range []url.Values{c.query, form} {
			for name, values := range part {
				c.params[name] = append(c.params[name], values...)
			}
		}
	}
	// The vendor's older clients send X-Acs-Action with V1 too.
	c.v3 = strings.HasPrefix(h.Get("Authorization"), "ACS3-") || h.Get("X-Acs-Action") != "" && !c.params.Has("SignatureMethod")
	if c.v3 {
		c.action, c.version = h.Get("X-Acs-Action"), h.Get("X-Acs-Version")
		c.xml = strings.Contains(h.Get("Accept"), "xml")
	} else {
		c.action, c.version = c.params.Get("Action"), c.params.Get("Version")
		c.xml = !strings.EqualFold(c.params.Get("Format"), "JSON")
	}
	c.region = c.params.Get("RegionId")
}

func noSuchAPI() *failure {
	return failed(404, "InvalidApi.NotFound", "Specified api is not found, please check your url and method.")
}

// authenticate checks everything that the API's gateway checks before it looks at the operation.
func (s *Server) authenticate(c *call) *failure {
	c.now = time.Now().Add(c.ClockSkew)
	switch {
	case c.parseErr != nil:
		return failed(400, "InvalidParameter", "The request cannot be read.")
	case c.r.URL.Path != "/" && c.r.URL.Path != "":
		return noSuchAPI()
	case c.r.Method != http.MethodGet && c.r.Method != http.MethodPost:
		return failed(400, "UnsupportedHTTPMethod", "This http method is not supported.")
	case c.NeedTLS && c.r.TLS == nil:
		return failed(400, "InvalidProtocol.NeedSsl", "Your request is denied as lack of ssl protect.")
	case c.action == "":
		return missing("Action")
	case c.version == "":
		return missing("Version")
	}
	p, err := c.proofV1()
	if c.v3 {
		p, err = c.proofV3()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.record.SignatureVersion, c.record.AccessKeyID, c.record.Nonce = p.version, p.keyID, p.nonce
	if err != nil {
		return err
	}
	return s.verify(c, p)
}

// proof is what a request brings to show who sent it.
type proof struct {
	version, keyID, token, time, nonce string
	signature                          []byte
	text                               string                     // what must have been signed
	sign                               func(secret string) []byte // signs it
}

// verify is called with s.mu held. It remembers the nonces of genuine requests alone: others must not use them up.
func (s *Server) verify(c *call, p proof) *failure {
	key, known := s.keys[p.keyID]
	if !known {
		return failed(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
	}
	at, err := time.Parse("2006-01-02T15:04:05Z", p.time)
	if err != nil {
		return failed(400, "IllegalTimestamp", "The specified Timestamp is not well formed.")
	}
	if off := c.now.Sub(at); off > window || off < -window {
		return failed(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
	}
	if !hmac.Equal(p.signature, p.sign(key.Credentials.AccessKeySecret)) {
		return failed(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation. server string to sign is:%s", p.text)
	}
	switch token := key.Credentials.SecurityToken; {
	case key.Disabled:
		return failed(400, "InvalidAccessKeyId.Inactive", "Specified access key is disabled.")
	case token != "" && p.token == "":
		return failed(400, "MissingSecurityToken", "SecurityToken is required for this action.")
	case token == "" && p.token != "":
		return failed(400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed.")
	case !hmac.Equal([]byte(token), []byte(p.token)):
		return failed(400, "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey.")
	case !key.Expires.IsZero() && c.now.After(key.Expires):
		return failed(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
	}
	if !s.nonces.add(p.nonce, time.Now()) { // a server with a wrong clock still counts the minutes right
		return failed(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
	}
	c.key = key
	return nil
}

// proofV1 is the older mechanism: everything is a parameter, and all parameters are signed.
func (c *call) proofV1() (proof, *failure) {
	get := c.params.Get
	p := proof{version: get("SignatureVersion"), keyID: get("AccessKeyId"), token: get("SecurityToken"), time: get("Timestamp"), nonce: get("SignatureNonce")}
	if p.time == "" {
		p.time = get("TimeStamp") // as old documents spell it
	}
	for _, needed := range [][2]string{{"AccessKeyId", p.keyID}, {"SignatureMethod", get("SignatureMethod")}, {"SignatureVersion", p.version}, {"SignatureNonce", p.nonce}, {"Timestamp", p.time}} {
		if needed[1] == "" {
			return p, missing(needed[0])
		}
	}
	p.text = c.r.Method + "&%2F&" + escape(canonicalQuery(c.params))
	switch {
	case get("SignatureMethod") != "HMAC-SHA1":
		return p, failed(400, "InvalidSignatureMethod", "Specified signature method is not valid.")
	case p.version != "1.0":
		return p, failed(400, "InvalidParamater", "The specified parameter \"SignatureVersion\" is not valid.") // the API's spelling
	case get("Signature") == "":
		return p, failed(400, "IncompleteSignature", "The request signature does not conform to Aliyun standards. server string to sign is:%s", p.text)
	}
	p.signature, _ = base64.StdEncoding.DecodeString(get("Signature")) // what is none matches none
	p.sign = func(secret string) []byte {
		m := hmac.New(sha1.New, []byte(secret+"&"))
		_, _ = io.WriteString(m, p.text)
		return m.Sum(nil)
	}
	return p, nil
}

// proofV3 is the newer mechanism: the signature covers query, headers and body.
func (c *call) proofV3() (proof, *failure) {
	h := c.r.Header
	p := proof{version: algorithm, token: h.Get("X-Acs-Security-Token"), time: h.Get("X-Acs-Date"), nonce: h.Get("X-Acs-Signature-Nonce")}
	incomplete := func(what string) (proof, *failure) {
		return p, failed(400, "IncompleteSignature", "The request signature does not conform to Aliyun standards: %s.", what)
	}
	method, rest, _ := strings.Cut(h.Get("Authorization"), " ")
	if method != algorithm {
		return incomplete("want Authorization with " + algorithm)
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(part, "=")
		fields[strings.TrimSpace(name)] = value
	}
	p.keyID = fields["Credential"]
	names := strings.Split(fields["SignedHeaders"], ";")
	for _, needed := range [][2]string{{"Credential", p.keyID}, {"x-acs-date", p.time}, {"x-acs-signature-nonce", p.nonce}} {
		if needed[1] == "" {
			return p, missing(needed[0])
		}
	}
	must := []string{"host"}
	for name := range h {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-acs-") || name == "content-type" {
			must = append(must, name)
		}
	}
	slices.Sort(must)
	if !slices.Equal(names, must) {
		return incomplete("SignedHeaders must be " + strings.Join(must, ";"))
	}
	hash := hexHash(c.body)
	if h.Get("X-Acs-Content-Sha256") != hash {
		return incomplete("x-acs-content-sha256 is not the hash of the body")
	}
	var b strings.Builder
	for _, name := range names {
		values := []string{c.r.Host}
		if name != "host" {
			values = slices.Sorted(slices.Values(h.Values(name)))
		}
		b.WriteString(name + ":" + strings.Join(values, ",") + "\n")
	}
	p.text = strings.Join([]string{c.r.Method, "/", canonicalQuery(c.query), b.String(), strings.Join(names, ";"), hash}, "\n")
	p.signature, _ = hex.DecodeString(fields["Signature"])
	p.sign = func(secret string) []byte {
		m := hmac.New(sha256.New, []byte(secret))
		_, _ = io.WriteString(m, algorithm+"\n"+hexHash([]byte(p.text)))
		return m.Sum(nil)
	}
	return p, nil
}

func hexHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// canonicalQuery shares no code with package signer: a mistake there must not be confirmed here.
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

// escape makes the API's percent encoding of the standard library's.
func escape(s string) string { return escaper.Replace(url.QueryEscape(s)) }

var escaper = strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~")

// nonces remembers the hashes of those it saw in the last 15 minutes, or of the last 131,072 if there were more.
type nonces struct {
	seed  maphash.Seed
	seen  map[uint64]time.Time
	order []uint64
}

// add reports whether the nonce is new.
func (n *nonces) add(nonce string, now time.Time) bool {
	if n.seen == nil {
		n.seed, n.seen = maphash.MakeSeed(), map[uint64]time.Time{}
	}
	forget := func() {
		delete(n.seen, n.order[0])
		n.order = n.order[1:]
	}
	for len(n.order) > 0 && now.Sub(n.seen[n.order[0]]) > window {
		forget()
	}
	hash := maphash.String(n.seed, nonce)
	if _, used := n.seen[hash]; used {
		return false
	}
	if len(n.order) == keptNonces {
		forget()
	}
	n.seen[hash] = now
	n.order = append(n.order, hash)
	return true
}
