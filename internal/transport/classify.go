package transport

import (
	"net/http"
	"path"
	"strings"
)

// Class is the set of kinds that a failure belongs to. Its unexported bits tell the attempt loop how to react.
type Class uint16

// The kinds that callers can distinguish. A failure may belong to several kinds, or to none.
const (
	Throttled   Class = 1 << iota
	Forbidden         // permission denied, or the state of the account forbids the call
	Credentials       // no usable key, or the API rejects the key
	Invalid           // the request cannot succeed unless it is changed
	NotFound          // a resource named in the request does not exist
	Unavailable       // the service or the network failed

	retryable // temporary: retry after a backoff
	skew      // the clock is wrong: retry once the server's time is known
	renewKey  // the key is expired or unknown: retry with another key
)

const transient = Unavailable | retryable

const (
	// maxCode limits how many bytes of an error code are examined.
	maxCode = 256

	adviceNoRedirects = "redirects are not followed: check the endpoint"
)

// Classify returns the kinds of an error response; see classify.
func Classify(code, message string, status int, accessDenied, readOnly bool) Class {
	class, _ := classify(code, message, status, accessDenied, readOnly)
	return class
}

// classify returns the kinds of an error response, and advice if more is known than the kinds tell. A known code
// takes precedence, because the same code occurs with different statuses. Next come the details about permissions
// (accessDenied means that the response has an AccessDeniedDetail), and last the status. An unknown code with
// status 403 counts as a denial only if the operation is readOnly: for other operations it may also mean a wrong
// state, a quota or a limit.
func classify(code, message string, status int, accessDenied, readOnly bool) (Class, string) {
	code = code[:min(len(code), maxCode)]
	if code == "InvalidParameter" && strings.Contains(message, "SecurityToken.Expired") {
		code = "InvalidSecurityToken.Expired" // one of the phrases that ECS uses
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

// matches reports whether code matches pattern, in which "*" stands for any sequence of characters.
func matches(pattern, code string) bool {
	// For path.Match, "*" does not match a slash. No pattern has one, nor an underscore.
	ok, _ := path.Match(pattern, strings.ReplaceAll(code, "/", "_"))
	return ok
}
