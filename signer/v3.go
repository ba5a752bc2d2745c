package signer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

const (
	algorithm = "ACS3-HMAC-SHA256"
	// emptyHash is the SHA-256 hash of an empty body.
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// V3 signs with HMAC-SHA256 and puts the signature into the Authorization header. The zero value is ready to use.
type V3 struct{}

// Sign returns a query with [Request.Params] and a set of headers: Accept, Authorization, and x-acs-* headers for the
// Action, Version, Time, Nonce and security token. The signature covers the query, the host, the hash of the empty body
// and every x-acs-* header.
//
// Sign returns an error if a required field is empty, if a header value contains a control character, or if Params is
// invalid; see [Request.Params]. All fields of [Request] and [Credentials] are required except Method, Params and
// SecurityToken.
func (V3) Sign(r Request, c Credentials) (Signed, error) {
	if err := check(r, c, true); err != nil {
		return Signed{}, err
	}
	header := make(http.Header, 9)
	values := make([]string, 0, 9) // all header values share one allocation
	set := func(name, value string) {
		values = append(values, value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	set("Accept", "application/json")
	set("X-Acs-Action", r.Action)
	set("X-Acs-Content-Sha256", emptyHash)
	set("X-Acs-Date", wireTime(r.Time))
	set("X-Acs-Signature-Nonce", r.Nonce)
	set("X-Acs-Version", r.Version)
	if c.SecurityToken != "" {
		set("X-Acs-Accesskey-Id", c.AccessKeyID)
		set("X-Acs-Security-Token", c.SecurityToken)
	}
	query := queryOf(r.Params)
	canonical, names := canonicalRequest(methodOf(r), r.Host, query, header)
	hash := sha256.Sum256(canonical)
	signature := mac(sha256.New, c.AccessKeySecret, hex.AppendEncode([]byte(algorithm+"\n"), hash[:]))
	set("Authorization", algorithm+" Credential="+c.AccessKeyID+",SignedHeaders="+names+",Signature="+hex.EncodeToString(signature))
	return Signed{Query: query, Header: header}, nil
}

// CanonicalRequest returns the string whose hash V3 signs. It uses the method and the parameters of r, and the host of
// r unless header contains Host. Unlike Sign, it does not replace an empty method with POST. The signed headers are
// Host, Content-Type and every x-acs-* header, ignoring case. The values of a header are trimmed, sorted and joined
// with commas, as in the vendor's SDKs. The hash of the body is the value of the x-acs-content-sha256 header or,
// without this header, the hash of an empty body.
func CanonicalRequest(r Request, header http.Header) string {
	b, _ := canonicalRequest(r.Method, r.Host, queryOf(r.Params), header)
	return string(b)
}

// canonicalRequest returns the canonical request and the names of the signed headers, separated by semicolons.
func canonicalRequest(method, host, query string, header http.Header) (canonical []byte, names string) {
	fields := make([]param, 0, len(header)+1)
	for name, values := range header {
		name = strings.ToLower(name)
		if name != "host" && name != "content-type" && !strings.HasPrefix(name, "x-acs-") {
			continue
		}
		for _, value := range values {
			fields = append(fields, param{name, strings.TrimSpace(value)})
			if name == "host" {
				host = ""
			}
		}
	}
	if host != "" {
		fields = append(fields, param{"host", strings.TrimSpace(host)})
	}
	slices.SortFunc(fields, func(a, b param) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
	})

	b := make([]byte, 0, len(query)+2048) // a security token may take 1 kB
	b = append(b, method...)
	b = append(b, "\n/\n"...) // the path is always "/"
	b = append(b, query...)
	b = append(b, '\n')
	signed := make([]string, 0, len(fields))
	hash := emptyHash
	for i, f := range fields {
		if f.name == "x-acs-content-sha256" {
			hash = f.value
		}
		if i > 0 && f.name == fields[i-1].name {
			b[len(b)-1] = ',' // replace the line break after the previous value
		} else {
			signed = append(signed, f.name)
			b = append(b, f.name...)
			b = append(b, ':')
		}
		b = append(b, f.value...)
		b = append(b, '\n')
	}
	names = strings.Join(signed, ";")
	return append(b, "\n"+names+"\n"+hash...), names
}
