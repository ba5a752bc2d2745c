package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// roundTripper simulates the server. n is the number of the request, counted from 1.
type roundTripper func(n int, r *http.Request) (*http.Response, error)

// rig is a Transport for tests. It sends its requests to a roundTripper and records the requests, the attempts and the
// log.
type rig struct {
	*Transport
	mu       sync.Mutex
	requests []*http.Request
	times    []time.Time
	attempts []Attempt
	log      bytes.Buffer
}

func newRig(serve roundTripper, edit func(*Config)) *rig {
	g := &rig{}
	cfg := Config{
		HTTPClient: &http.Client{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			g.mu.Lock()
			g.requests, g.times = append(g.requests, r), append(g.times, time.Now())
			n := len(g.requests)
			g.mu.Unlock()
			resp, err := serve(n, r)
			if resp != nil {
				resp.Request = r
			}
			return resp, err
		})},
		Signer: signer.V1{},
		Retry:  Policy{MaxAttempts: 3, MinDelay: 100 * time.Millisecond},
		Credentials: func(context.Context, signer.Credentials) (signer.Credentials, error, error) {
			return secretKey, nil, nil
		},
		OnAttempt: func(a Attempt) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.attempts = append(g.attempts, a)
		},
		Logger: slog.New(slog.NewTextHandler(&g.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if edit != nil {
		edit(&cfg)
	}
	g.Transport = New(cfg)
	return g
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func respond(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

func codeBody(code string) string {
	return `{"Code":"` + code + `","Message":"told","RequestId":"REQ","HostId":"host"}`
}

const good = `{"Instances":{}}`

// call returns a Call that accepts any valid response.
func call() Call {
	return Call{
		Region: "cn-test", Action: "DescribeInstances", Version: "2014-05-26", Scheme: "https", Host: "ecs.test",
		Params: url.Values{"RegionId": {"cn-test"}}, ReadOnly: true,
		Decode: func(body []byte) error {
			if string(body) != good {
				return errors.New("bad page")
			}
			return nil
		},
	}
}

// gaps returns the times between successive requests.
func (g *rig) gaps() (gaps []time.Duration) {
	for i := 1; i < len(g.times); i++ {
		gaps = append(gaps, g.times[i].Sub(g.times[i-1]))
	}
	return gaps
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

type limiter func(context.Context) error

func (l limiter) Wait(ctx context.Context) error { return l(ctx) }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

type closerFunc func() error

func (f closerFunc) Close() error { return f() }

func asTimeout(err error) (timeout timeoutError, ok bool) {
	ok = errors.As(err, &timeout)
	return timeout, ok
}

func asFailure(err error) (f *Failure, ok bool) {
	ok = errors.As(err, &f)
	return f, ok
}

// sleepUntil waits until the given time, as a rate.Limiter does. It returns an error immediately if the context's
// deadline is earlier.
func sleepUntil(ctx context.Context, at time.Time) error {
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(at) {
		return errPastDeadline
	}
	select {
	case <-time.After(time.Until(at)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// rotating returns a credentials function that returns a new key on every call and increments calls.
func rotating(calls *int) func(context.Context, signer.Credentials) (signer.Credentials, error, error) {
	return func(context.Context, signer.Credentials) (signer.Credentials, error, error) {
		*calls++
		return signer.Credentials{AccessKeyID: fmt.Sprint("key", *calls), AccessKeySecret: "x"}, nil, nil
	}
}
