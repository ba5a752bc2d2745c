// Package signer signs requests to Alibaba Cloud's RPC-style APIs, such as ECS.
//
// Signing is a pure function: the time and the nonce are inputs, nothing is
// read from the clock, the environment or the network, and the same input gives
// the same output. [V1] and [V3] have no state and may be used by any number of
// goroutines. A request is signed for one attempt: a retry needs a fresh Nonce
// and Time, since the service refuses a nonce it has seen and a time more than
// 15 minutes away from its own.
//
// # V1 or V3
//
// Both are accepted by ECS and sign every parameter.
//
// [V1] (HMAC-SHA1) puts everything, the signature and a security token too, in
// the query string. It does not sign the host name, so it works through a
// tunnel or proxy that rewrites it; but whoever logs URLs logs the token.
//
// [V3] (ACS3-HMAC-SHA256) is the vendor's recommendation. Key id, token and
// signature travel in headers, so the URL holds nothing but API parameters. The
// host name is signed: the server must receive the very [Request.Host].
//
// Bearer tokens are not supported: they replace the signature.
//
// # Verifying
//
// [StringToSign] and [CanonicalRequest] give the text that V1 and V3 sign, of
// whatever they are given. A test server rebuilds it from what arrived, and a
// user compares it with the one that a SignatureDoesNotMatch error quotes.
//
// # Your own Signer
//
// A [Signer] may wrap another, or ask a signing service that alone holds the
// secret; it is then the one place that knows how, and the credentials it is
// given may be ignored:
//
//	type hostFixed struct{ host string }
//
//	func (s hostFixed) Sign(r signer.Request, c signer.Credentials) (signer.Signed, error) {
//		r.Host = s.host // what the server sees behind a rewriting proxy
//		return signer.V3{}.Sign(r, c)
//	}
//
// It must be safe for concurrent use and leave [Request.Params] as they are.
package signer
