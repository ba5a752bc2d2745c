package signer

import (
	"crypto/sha1" //nolint:gosec // The V1 mechanism is defined with HMAC-SHA1.
	"encoding/base64"
	"net/url"
	"slices"
)

// V1 signs with HMAC-SHA1 in the query string (SignatureMethod HMAC-SHA1,
// SignatureVersion 1.0). The zero value is ready. With GODEBUG=fips140=only the
// standard library panics at SHA-1: use [V3] there.
type V1 struct{}

// Sign adds to the parameters Action, Version, AccessKeyId, SignatureMethod,
// SignatureVersion, SignatureNonce, Timestamp, SecurityToken if there is one,
// Format=JSON unless [Request.Params] has a Format, and Signature. [Signed.Header]
// is nil. It fails if something needed is missing (of [Request] and [Credentials]
// all but Method, Host, Params and SecurityToken), or if a parameter has more than
// one value or belongs to signing, as all of the above do but Format.
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
	sorted(list)
	text := stringToSign(methodOf(r), list)
	signature := base64.StdEncoding.EncodeToString(mac(sha1.New, c.AccessKeySecret+"&", text))
	list = append(list, param{"Signature", signature})
	return Signed{Query: string(appendQuery(text[:0], list, false))}, nil
}

// StringToSign returns the text that V1 signs: the method and the encoded
// parameters, those of a form body included. Signature itself is left out, so a
// server can pass what it received. The method is taken as it is, an empty one
// too; all values of a name count, in their order.
func StringToSign(method string, params url.Values) string {
	list := slices.DeleteFunc(sorted(flatten(params, 0)), func(p param) bool { return p.name == "Signature" })
	return string(stringToSign(method, list))
}

func stringToSign(method string, list []param) []byte {
	return appendQuery([]byte(method+"&%2F&"), list, true) // the path is always "/"
}
