package credentials

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFetchError checks the messages for failed requests, and which of them mean that there was no connection.
func TestFetchError(t *testing.T) {
	t.Parallel()
	call := func(number syscall.Errno) error { return os.NewSyscallError("call", number) }
	for name, c := range map[string]struct {
		err          error
		text         string
		is           error
		noConnection bool
	}{
		"refused":         {&net.OpError{Op: "dial", Err: call(syscall.ECONNREFUSED)}, "no connection: connection refused", syscall.ECONNREFUSED, true},
		"unreachable":     {&net.OpError{Op: "dial", Err: errors.New("planted")}, "no connection: the host cannot be reached", nil, true},
		"dial timeout":    {&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, "no connection: the host cannot be reached", nil, true},
		"unknown host":    {&net.DNSError{Err: "planted"}, "no connection: the host name cannot be resolved", nil, true},
		"reset":           {&net.OpError{Op: "read", Err: call(syscall.ECONNRESET)}, "the connection failed: connection reset by peer", syscall.ECONNRESET, false},
		"read timeout":    {&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, "no response within 1s", os.ErrDeadlineExceeded, false},
		"unknown issuer":  {x509.UnknownAuthorityError{}, "not trusted", nil, false},
		"another host":    {x509.HostnameError{Certificate: &x509.Certificate{}}, "not trusted", nil, false},
		"out of date":     {x509.CertificateInvalidError{Reason: x509.Expired}, "not trusted", nil, false},
		"end of file":     {io.EOF, "closed before", nil, false},
		"cut off":         {io.ErrUnexpectedEOF, "closed before", nil, false},
		"malformed":       {errors.New("planted"), "not valid HTTP", nil, false},
		"read, malformed": {&net.OpError{Op: "read", Err: errors.New("planted")}, "not valid HTTP", nil, false},
	} {
		err := fetchError(t.Context(), fmt.Errorf("wrapped: %w", c.err), time.Second)
		if !strings.Contains(err.Error(), c.text) || c.is != nil && !errors.Is(err, c.is) || errors.Is(err, errNoConnection) != c.noConnection {
			t.Errorf("%s: %v", name, err)
		}
		checkText(t, err)
	}
}
