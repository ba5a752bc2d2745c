package credentials

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	maxConfigFile   = 1 << 20  // maximum size of a configuration file in bytes
	maxTokenFile    = 64 << 10 // maximum size of an OIDC token file in bytes
	maxResponse     = 64 << 10 // maximum size of an HTTP response in bytes
	requestTimeout  = 10 * time.Second
	metadataTimeout = 2 * time.Second // short, because the metadata service is nearby
)

// system provides the environment variables and HTTP clients for this package. Tests replace some of its fields.
type system struct {
	getenv      func(string) string
	client      *http.Client // for STS, sign-in services and credentials URIs
	metadata    *http.Client // for the metadata service, never through a proxy
	metadataURL string
}

func newSystem() *system {
	newClient := func(proxy func(*http.Request) (*url.URL, error), dialTimeout time.Duration) *http.Client {
		return &http.Client{
			Transport: &http.Transport{
				Proxy:                  proxy,
				DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
				TLSHandshakeTimeout:    5 * time.Second,
				TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
				DisableKeepAlives:      true, // there is only about one request per hour
				MaxResponseHeaderBytes: maxResponse,
			},
			// Do not follow redirects, which would send a token or a signature to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return &system{
		getenv:      os.Getenv,
		client:      newClient(http.ProxyFromEnvironment, 5*time.Second),
		metadata:    newClient(nil, time.Second),
		metadataURL: "http://100.100.100.200",
	}
}

// enabled reports whether an environment variable has a value that strconv.ParseBool accepts as true.
func (s *system) enabled(name string) bool {
	on, _ := strconv.ParseBool(s.getenv(name))
	return on
}

// homeFile returns the path of a file in the user's home directory, or "" if there is no home directory.
func (s *system) homeFile(elem ...string) string {
	name := "HOME"
	if filepath.Separator == '\\' {
		name = "USERPROFILE"
	}
	home := s.getenv(name)
	if home == "" {
		return ""
	}
	return filepath.Join(append([]string{home}, elem...)...)
}

// response is a complete HTTP response of limited size.
type response struct {
	status int
	body   []byte
}

// fetch sends a request and reads the whole response within timeout. Its errors describe only the kind of failure,
// because net/http errors contain the URL and sometimes data from the server.
func fetch(ctx context.Context, client *http.Client, timeout time.Duration, method, address string, header http.Header, body []byte) (response, error) {
	within, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(within, method, address, bytes.NewReader(body))
	if err != nil {
		return response{}, errors.New("the URL is not valid")
	}
	maps.Copy(req.Header, header)
	res, err := client.Do(req)
	if err != nil {
		return response{}, fetchError(ctx, err, timeout)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxResponse+1))
	switch {
	case err != nil:
		return response{}, fetchError(ctx, err, timeout)
	case len(data) > maxResponse:
		return response{}, fmt.Errorf("the response is larger than %d KiB", maxResponse>>10)
	}
	return response{res.StatusCode, data}, nil
}

// request is an HTTP request to a service that returns keys.
type request struct {
	service     string // the name of the service in errors
	method, url string
	header      http.Header
	body        []byte
}

// call sends a request and decodes the JSON response into out. If the status is not 200, call returns an error that
// ends with the string returned by advice. The function advice may be nil, and may read the decoded response from out.
func (s *system) call(ctx context.Context, r request, out any, advice func(status int) string) error {
	res, err := fetch(ctx, s.client, requestTimeout, r.method, r.url, r.header, r.body)
	if err != nil {
		return fmt.Errorf("%s: %w", r.service, err)
	}
	err = decodeJSON(res.body, out)
	switch {
	case res.status != http.StatusOK && advice != nil:
		return fmt.Errorf("%s returned HTTP %d%s", r.service, res.status, advice(res.status))
	case res.status != http.StatusOK:
		return fmt.Errorf("%s returned HTTP %d", r.service, res.status)
	case err != nil:
		return fmt.Errorf("%s: the response is %w", r.service, err)
	}
	return nil
}

// errNoConnection is wrapped by an error from fetch if no connection to the server could be established.
var errNoConnection = errors.New("no connection")

// fetchError converts a net/http error to an error that describes only the kind of failure.
func fetchError(ctx context.Context, err error, timeout time.Duration) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var (
		timedOut interface{ Timeout() bool }
		network  *net.OpError
		dns      *net.DNSError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		system   *os.SyscallError
	)
	dialing := errors.As(err, &network) && network.Op == "dial"
	switch {
	case errors.As(err, &dns):
		return fmt.Errorf("%w: the host name cannot be resolved", errNoConnection)
	case dialing && errors.As(err, &system):
		return fmt.Errorf("%w: %w", errNoConnection, system.Err)
	case dialing:
		return fmt.Errorf("%w: the host cannot be reached", errNoConnection)
	case errors.As(err, &timedOut) && timedOut.Timeout():
		return fmt.Errorf("no response within %v: %w", timeout, os.ErrDeadlineExceeded)
	case errors.As(err, &unknown), errors.As(err, &hostname), errors.As(err, &invalid):
		return errors.New("the server's certificate is not trusted")
	case errors.As(err, &system):
		return fmt.Errorf("the connection failed: %w", system.Err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection was closed before the response was complete")
	}
	return errors.New("the request failed: the response is not valid HTTP, or the proxy rejected the request")
}

// readFile reads a regular, nonempty file of at most limit bytes. It rejects devices and pipes, because reading them
// may block forever. If the file does not exist or permission is denied, readFile returns a notConfiguredError.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, notConfigured("%s does not exist", show(path))
	case errors.Is(err, fs.ErrPermission):
		return nil, notConfigured("%s: permission denied", show(path))
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read: %w", show(path), osError(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", show(path))
	case info.Size() > limit:
		return nil, tooLarge(path, limit)
	}
	file, err := os.Open(path) //nolint:gosec // G304: the user's own configuration names it
	if errors.Is(err, fs.ErrPermission) {
		return nil, notConfigured("%s: permission denied", show(path))
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be opened: %w", show(path), osError(err))
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read: %w", show(path), osError(err))
	case int64(len(data)) > limit:
		return nil, tooLarge(path, limit)
	case len(bytes.TrimSpace(data)) == 0: // the file may be empty while it is being rewritten
		return nil, fmt.Errorf("%s is empty: write or remove it", show(path))
	}
	return data, nil
}

func tooLarge(path string, limit int64) error {
	return fmt.Errorf("%s is larger than %d KiB", show(path), limit>>10)
}

// osError returns the operating system's error wrapped by err, without the path that package os adds.
func osError(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return errors.New("input/output error")
}

// show returns a path or name for a one-line message. It quotes text that contains characters that are not printable.
func show(text string) string {
	if quoted := strconv.Quote(text); quoted[1:len(quoted)-1] != text {
		return quoted
	}
	return text
}
