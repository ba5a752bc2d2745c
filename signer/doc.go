// Package signer signs requests to RPC-style Alibaba Cloud APIs, such as ECS.
//
// Signing is a pure function: equal inputs have equal results. The time and the nonce are part of the input. [V1] and
// [V3] have no state and are safe for concurrent use.
//
// A signature is valid for one attempt. A retry needs a new Nonce and a new Time, because the service rejects a nonce
// that it has already received, and a time that differs from its own clock by more than 15 minutes.
//
// # Choosing a signature version
//
// ECS accepts both versions. Each version signs every parameter.
//
// [V1] (HMAC-SHA1) puts everything into the query string, including the signature and the security token. It does not
// sign the host name, so it also works through a proxy that changes the host name. A disadvantage is that logs of URLs
// contain the security token.
//
// [V3] (ACS3-HMAC-SHA256) is the version that the vendor recommends. It puts the key id, the security token and the
// signature into headers. It signs the host name, so the Host header that the server receives must be equal to
// [Request.Host].
//
// Bearer tokens are not supported.
//
// # Verifying a signature
//
// [StringToSign] and [CanonicalRequest] return the strings that V1 and V3 sign. A test server can compute these strings
// from a received request to verify its signature. If a request fails with SignatureDoesNotMatch, compare the string
// with the string that is quoted in the error message.
//
// # Implementing a Signer
//
// A [Signer] can call a signing service that stores the secret, and ignore the credentials that are passed to Sign. A
// Signer can also wrap another Signer, as in this example:
//
//	type fixedHost struct{ host string }
//
//	func (s fixedHost) Sign(r signer.Request, c signer.Credentials) (signer.Signed, error) {
//		r.Host = s.host // the name that the server sees behind a proxy
//		return signer.V3{}.Sign(r, c)
//	}
//
// A Signer must be safe for concurrent use, and must not modify [Request.Params].
package signer
