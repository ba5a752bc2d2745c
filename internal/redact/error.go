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

// Error returns err in a form that is safe to show: on one line, without anything that looks like a secret. The
// result wraps err, unless something in err's chain would reveal a masked text. In that case, the result wraps
// only the well-known errors in the chain: the context's, end-of-file and connection errors, and a [*net.DNSError]
// or [*tls.CertificateVerificationError] that contains no secret itself.
func (r *Redactor) Error(err error) (safe error) {
	defer func() {
		if recover() != nil { // a nil pointer in an error, for instance
			safe = &redactedError{text: fmt.Sprintf("an error that cannot be printed (%T)", err)}
		}
	}()
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // net/http wraps every error in it
		err = u.Err // its own text is the signed URL
	}
	text := fmt.Sprint(err) // unlike err.Error(), it does not panic on a nil pointer
	line := r.Line(text, maxErrorText)
	switch {
	case !r.safe(err):
		return r.Replace(err, line)
	case line == text:
		return err
	}
	return &redactedError{text: line, timeout: isTimeout(err), wrapped: []error{err}}
}

// Replace returns an error with the given text, which wraps only the well-known errors in the chain of err: see
// Error.
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

// knownErrors stay in the chain if the error that wraps them must not be shown.
var knownErrors = []error{
	context.Canceled, context.DeadlineExceeded, os.ErrDeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNREFUSED, syscall.ECONNRESET,
}

// safe reports whether err, and everything that it wraps, may be printed.
func (r *Redactor) safe(err error) bool {
	if err == nil {
		return true
	}
	if text := fmt.Sprint(err); r.Mask(text) != text || r.forms.contains(fmt.Sprintf("%+v %#v", err, err)) {
		return false
	}
	var u *url.Error // also by a method As, without being wrapped
	if errors.As(err, &u) && r.Mask(u.URL) != u.URL {
		return false
	}
	switch e := err.(type) { //nolint:errorlint // only the links of the chain themselves count
	case interface{ Unwrap() error }:
		return r.safe(e.Unwrap())
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(err error) bool { return !r.safe(err) })
	}
	return true
}

// redactedError replaces an error whose text had to be changed.
type redactedError struct {
	text    string
	timeout bool
	wrapped []error // the error itself if only its layout was changed, otherwise the well-known ones
}

func (e *redactedError) Error() string   { return e.text }
func (e *redactedError) Timeout() bool   { return e.timeout }
func (e *redactedError) Temporary() bool { return e.timeout }
func (e *redactedError) Unwrap() []error { return e.wrapped }
