package redact

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"syscall"
)

// Error returns an error that is safe to show. Its message is the message of err on one line, with everything that
// looks like a secret masked. If err and the errors that it wraps contain no secret, the returned error wraps err.
// Otherwise, it wraps only well-known errors from the chain of err, such as the errors of package context.
func (r *Redactor) Error(err error) (safe error) {
	defer func() {
		if recover() != nil { // a method of err may panic, for example because of a nil pointer
			safe = &redactedError{text: fmt.Sprintf("an error of type %T that cannot be printed", err)}
		}
	}()
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // net/http wraps every error in it
		err = u.Err // the message of a url.Error contains the signed URL
	}
	text := fmt.Sprint(err) // fmt.Sprint does not panic if err is a nil pointer
	line := r.Line(text, maxErrorText)
	switch {
	case !r.safe(err):
		return r.Replace(err, line)
	case line == text:
		return err
	}
	return &redactedError{text: line, timeout: isTimeout(err), wrapped: []error{err}}
}

// Replace returns an error with the given message. It wraps only well-known errors from the chain of err; see Error.
func (r *Redactor) Replace(err error, text string) error {
	e := &redactedError{text: text, timeout: isTimeout(err)}
	for _, known := range knownErrors {
		if errors.Is(err, known) {
			e.wrapped = append(e.wrapped, known)
		}
	}
	var dns *net.DNSError
	if errors.As(err, &dns) && r.safe(dns) {
		e.wrapped = append(e.wrapped, dns)
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) && r.safe(certificate) {
		e.wrapped = append(e.wrapped, certificate)
	}
	return e
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// knownErrors lists errors that contain no secrets. A redacted error still wraps them.
var knownErrors = []error{
	context.Canceled, context.DeadlineExceeded, os.ErrDeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNREFUSED, syscall.ECONNRESET,
}

// safe reports whether err and all errors that it wraps have messages without secrets.
func (r *Redactor) safe(err error) bool {
	if err == nil {
		return true
	}
	if text := fmt.Sprint(err); r.Mask(text) != text || r.secrets.contains(fmt.Sprintf("%+v %#v", err, err)) {
		return false
	}
	var u *url.Error // an As method may return a url.Error that is not in the chain of err
	if errors.As(err, &u) && r.Mask(u.URL) != u.URL {
		return false
	}
	switch e := err.(type) { //nolint:errorlint // the errors that e wraps are checked by recursive calls
	case interface{ Unwrap() error }:
		return r.safe(e.Unwrap())
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(err error) bool { return !r.safe(err) })
	}
	return true
}

// redactedError replaces an error whose message contains a secret or more than one line.
type redactedError struct {
	text    string
	timeout bool
	wrapped []error // the original error if it contains no secret, otherwise well-known errors
}

func (e *redactedError) Error() string   { return e.text }
func (e *redactedError) Timeout() bool   { return e.timeout }
func (e *redactedError) Temporary() bool { return e.timeout }
func (e *redactedError) Unwrap() []error { return e.wrapped }
