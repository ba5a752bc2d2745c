// Package signer signs requests to RPC-style Alibaba Cloud APIs, such as ECS.
//
// Signing is a pure function. The time and the nonce are inputs; nothing is read from the clock, the environment or the
// network, and equal inputs have equal results. [V1] and [V3] have no state and may be used by any number of goroutines.
//
// A signature is valid for one attempt. A retry needs a new Nonce and a new Time, because the service refuses a nonce
// that it has seen before and a time that is more than 15 minutes from its own.
//
// # Choosing a signature version
//
// ECS accepts both versions. Both sign every parameter.
//
// [V1] (HMAC-SHA1) puts everything into the query string, including the signature and a security token. It does not sign
// the host name, so it works through a tunnel or proxy that changes it. On the other hand, whoever logs URLs logs the
// token.
//
// [V3] (ACS3-HMAC-SHA256) is recommended by the vendor. The key id, the token and the signature are in headers, and the
// URL contains API parameters only. It signs the host name, so the server must receive exactly [Request.Host].
//
// Bearer tokens are not supported; they replace the signature.
//
// # Verifying a signature
//
// [StringToSign] and [CanonicalRequest] return the text that V1 and V3 sign. A test server computes it from the request
// it received; a user compares it with the text that a SignatureDoesNotMatch error quotes.
//
// # Implementing a Signer
//
// A [Signer] can wrap another one, or call a signing service that alone holds the secret and ignores the credentials it
// is passed:
//
//	type fixedHost struct{ host string }
//
//	func (s fixedHost) Sign(r signer.Request, c signer.Credentials) (signer.Signed, error) {
//		r.Host = s.host // the name that the server sees behind a proxy
//		return signer.V3{}.Sign(r, c)
//	}
//
// It must be safe for concurrent use, and must not modify [Request.Params].
package signer
