package signer

import (
	"crypto/sha1" //nolint:gosec // V1 is defined with HMAC-SHA1.
	"encoding/base64"
	"net/url"
	"slices"
)

// V1 signs with HMAC-SHA1 and puts the signature into the query string. The zero value is ready to use. With
// GODEBUG=fips140=only, use [V3], because SHA-1 then causes a panic in the standard library.
type V1 struct{}

// Sign returns a query string that contains the parameters of [Request.Params] and the parameters Action, Version,
// AccessKeyId, SignatureMethod, SignatureVersion, SignatureNonce, Timestamp and Signature. It also contains
// SecurityToken if there is a token, and Format=JSON unless Params contains Format. [Signed.Header] is nil.
//
// Sign returns an error if a required field is empty, or if Params is invalid; see [Request.Params]. All fields of
// [Request] and [Credentials] are required except Method, Host, Params and SecurityToken.
func (V1) Sign(r Request, c Credentials) (Signed, error) {
	if err := check(r, c, false); err != nil {
		return Signed{}, err
	}
	list := append(flatten(r.Params, 10),
		param{"AccessKeyId", c.AccessKeyID},
		param{"Action", r.Action},
		param{"SignatureMethod", "HMAC-SHA1"},
		param{"SignatureNonce", r.Nonce},
		param{"SignatureVersion", "1.0"},
		param{"Timestamp", wireTime(r.Time)},
		param{"Version", r.Version},
	)
	if len(r.Params["Format"]) == 0 {
		list = append(list, param{"Format", "JSON"})
	}
	if c.SecurityToken != "" {
		list = append(list, param{"SecurityToken", c.SecurityToken})
	}
	slices.SortFunc(list, byName) // check has verified that names are unique
	query := encodeQuery(list)
	signature := base64.StdEncoding.EncodeToString(mac(sha1.New, c.AccessKeySecret+"&", stringToSign(methodOf(r), query)))
	return Signed{Query: string(appendEscaped(append(query, "&Signature="...), signature))}, nil
}

// StringToSign returns the string that V1 signs. A server can pass all parameters that it received, from the query and
// from a form, because the Signature parameter is ignored. Unlike Sign, StringToSign does not replace an empty method
// with POST. If a name has several values, the string contains every value.
func StringToSign(method string, params url.Values) string {
	list := slices.DeleteFunc(sorted(flatten(params, 0)), func(p param) bool { return p.name == "Signature" })
	return string(stringToSign(method, encodeQuery(list)))
}

// stringToSign returns the string to sign for an encoded query.
func stringToSign(method string, query []byte) []byte {
	b := make([]byte, 0, len(method)+len(query)*4/3)
	b = append(b, method...)
	b = append(b, "&%2F&"...) // the path is always "/"
	return appendEscaped(b, query)
}
