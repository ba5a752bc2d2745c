// Package signer signs requests to RPC-style Alibaba Cloud APIs, such as ECS.
//
// Signing is a pure function. The time and the nonce are inputs, and equal inputs have equal results. The signers
// read neither the clock, nor the environment, nor the network. [V1] and [V3] have no state and may be used by
// any number of goroutines.
//
// A signature is valid for one attempt. A retry needs a new Nonce and a new Time, because the service rejects a
// nonce that it has already received, and a time that differs from its own clock by more than 15 minutes.
//
// # Choosing a signature version
//
// ECS accepts both versions. Each version signs every parameter.
//
// [V1] (HMAC-SHA1) puts everything into the query string, including the signature and the security token. It does
// not sign the host name, so it also works through a tunnel or proxy that changes the host name. On the other
// hand, a log of URLs contains the token.
//
// [V3] (ACS3-HMAC-SHA256) is the version that the vendor recommends. It puts the key id, the token and the
// signature into headers, and the URL contains API parameters only. It signs the host name, so the server must
// receive exactly [Request.Host].
//
// Bearer tokens are not supported: a request with a bearer token has no signature.
//
// # Verifying a signature
//
// [StringToSign] and [CanonicalRequest] return the strings that V1 and V3 sign. A test server computes the string
// from a received request to verify the signature. If a request fails with SignatureDoesNotMatch, compare the
// string with the one quoted in the error message.
//
// # Implementing a Signer
//
// A [Signer] can wrap another Signer. It can also call a signing service that keeps the secret to itself; such a
// Signer ignores the credentials passed to it:
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
