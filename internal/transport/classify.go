package transport

import (
	"net/http"
	"path"
	"strings"
)

// Class is a bit set that classifies a failure. The exported bits are for callers. The unexported bits control how the
// transport reacts.
type Class uint16

// The exported bits of a Class. A failure may have several of these bits, or none.
const (
	Throttled   Class = 1 << iota
	Forbidden         // permission denied, or the state of the account forbids the call
	Credentials       // no key is usable, or the API rejects the key
	Invalid           // the request cannot succeed unless it is changed
	NotFound          // a resource named in the request does not exist
	Unavailable       // the service or the network has failed

	retryable // temporary: retry after a backoff
	skew      // the local clock is wrong: retry after learning the server's time
	renewKey  // the key is expired or unknown: retry with another key
)

const transient = Unavailable | retryable

const (
	// maxCode is the maximum number of bytes of an error code that classify examines.
	maxCode = 256

	adviceNoRedirects = "redirects are not followed: check the endpoint"
)

// Classify returns the class of an error response. accessDenied must be true if the response has an AccessDeniedDetail.
// readOnly must be true if the operation changes nothing.
func Classify(code, message string, status int, accessDenied, readOnly bool) Class {
	class, _ := classify(code, message, status, accessDenied, readOnly)
	return class
}

// classify returns the class of an error response. For some codes, it also returns advice that is more specific than
// the advice for the class. accessDenied must be true if the response has an AccessDeniedDetail.
//
// A known code determines the class, because the API returns the same code with different statuses. For an unknown
// code, accessDenied and the status determine the class. Status 403 with an unknown code means "permission denied" only
// for read-only operations. For other operations, it may also be caused by the state of a resource, a quota or a limit.
func classify(code, message string, status int, accessDenied, readOnly bool) (Class, string) {
	code = code[:min(len(code), maxCode)]
	if code == "InvalidParameter" && strings.Contains(message, "SecurityToken.Expired") {
		code = "InvalidSecurityToken.Expired" // some ECS responses have this code and message for an expired token
	}
	for _, rule := range codeRules {
		for pattern := range strings.FieldsSeq(rule.patterns) {
			if matches(pattern, code) {
				return rule.class, rule.advice
			}
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
		return 0, adviceProxyAuth
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

// matches reports whether code matches pattern. "*" in pattern matches any sequence of characters.
func matches(pattern, code string) bool {
	// In path.Match, "*" does not match a slash, so replace slashes with underscores. No pattern contains either
	// character.
	ok, _ := path.Match(pattern, strings.ReplaceAll(code, "/", "_"))
	return ok
}
