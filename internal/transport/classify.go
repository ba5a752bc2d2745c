package transport

import (
	"net/http"
	"strings"
)

// Class says of which kinds a failure is and, in its unexported bits, what the attempt loop does about it.
type Class uint16

// The kinds that callers tell apart. A failure may be of several kinds, or of none.
const (
	Throttled   Class = 1 << iota
	Forbidden         // no permission, or an account in a state that forbids it
	Credentials       // no usable key, or one that the API refuses
	Invalid           // the request cannot succeed as it is
	NotFound          // a resource that the request names does not exist
	Unavailable       // the service, or the way to it, failed
	Permanent         // with Unavailable: waiting does not help, something has to be changed first

	retryable // it may pass: retry after a backoff
	skew      // the clock is wrong: retry once the right time is known
	renewKey  // the key is expired or unknown: retry with another one
)

const transient = Unavailable | retryable

const (
	// maxCode is how much of an error code is looked at.
	maxCode = 256

	adviceNoRedirects = "redirects are not followed: check the endpoint"
)

// Classify returns the kinds of an error response: see classify.
func Classify(code, message string, status int, accessDenied, readOnly bool) Class {
	class, _ := classify(code, message, status, accessDenied, readOnly)
	return class
}

// classify returns the kinds of an error response, and advice where there is more to say than the kinds. The code decides
// where it is known, because the same code comes with different statuses. Next comes what the response says about
// permissions (accessDenied: it has an AccessDeniedDetail), and last the status. An unknown code with status 403 is a denial
// only if the operation is readOnly: for others it may as well be a state, a quota or a limit.
func classify(code, message string, status int, accessDenied, readOnly bool) (Class, string) {
	code = code[:min(len(code), maxCode)]
	if code == "InvalidParameter" && strings.Contains(message, "SecurityToken.Expired") {
		code = "InvalidSecurityToken.Expired" // one of the ways ECS words it
	}
	for _, rule := range codeRules {
		if matches(rule.pattern, code) {
			return rule.class, rule.advice
		}
	}
	if accessDenied {
		return Forbidden, ""
	}
	switch status {
	case http.StatusTooManyRequests:
		return Throttled, ""
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return transient, ""
	case http.StatusProxyAuthRequired:
		return 0, "the proxy requires authentication: put user and password into its URL"
	}
	switch {
	case status == http.StatusForbidden && code != "" && readOnly:
		return Forbidden, ""
	case status >= 500:
		return Unavailable, ""
	case status >= 300 && status < 400:
		return 0, adviceNoRedirects
	case status == http.StatusNotFound && code == "":
		return 0, "check the endpoint"
	}
	return 0, ""
}

// matches reports whether code matches pattern, in which "*" stands for any text.
func matches(pattern, code string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return code == pattern
	}
	code, ok := strings.CutPrefix(code, first)
	for ok {
		var part string
		part, rest, wild = strings.Cut(rest, "*")
		if !wild {
			return strings.HasSuffix(code, part)
		}
		_, code, ok = strings.Cut(code, part)
	}
	return false
}
