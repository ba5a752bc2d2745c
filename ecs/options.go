package ecs

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/credentials"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// Options configures a [Client]. The zero value of Options and of each field is a usable default. Interfaces and
// functions in Options must be safe for concurrent use. NewClient makes a shallow copy.
type Options struct {
	// Credentials provides the access key that signs the requests. If nil, the client uses the default credential
	// chain, which tries in this order: environment variables (ALIBABA_CLOUD_ACCESS_KEY_ID,
	// ALIBABA_CLOUD_ACCESS_KEY_SECRET, ALIBABA_CLOUD_SECURITY_TOKEN), an OIDC role, the CLI profile, the profile file,
	// the instance RAM role, and a credentials URI.
	Credentials CredentialsProvider
	// Network selects the endpoint of the region: NetworkPublic (the zero value) or NetworkVPC. A client with
	// NetworkVPC never connects to a public host. Network cannot be combined with Endpoint.
	Network Network
	// Endpoint replaces the endpoint of every region. It is a host, host:port, or a URL without a path, in which
	// "{region}" is replaced by the region, as in "ecs.{region}.cloud.example". Requests use https, unless Endpoint is
	// an http URL of a loopback host.
	Endpoint string
	// HTTPClient sends the requests. NewClient copies the HTTPClient. If nil, the client creates an http.Client with
	// timeouts, the proxy from the environment, and HTTP/2 with pings. Redirects are never followed. A custom Transport
	// should implement CloseIdleConnections, which is called before a retry to discard dead connections.
	HTTPClient *http.Client
	// Signer signs the requests. If nil, signer.V1{} is used. With signer.V3{}, the signature is in a header and not in
	// the URL.
	Signer signer.Signer
	// Retry limits the retries of a call. NewClient returns an error if a field is negative.
	Retry RetryPolicy
	// Limiter, if not nil, delays every HTTP request, in addition to the client's own throttle control.
	Limiter Limiter
	// Poll sets how often WaitForStatus and WaitUntilGone poll. NewClient returns an error if a field is negative.
	Poll PollPolicy
	// AdditionalAttributes are added to every DescribeInstances request. The API accepts at most 20 attributes in one
	// request.
	AdditionalAttributes []AdditionalAttribute
	// TrustEmpty accepts an empty listing without verifying the permission. By default, the client sends a dry run if a
	// listing ends with an empty page, because the API may return an empty list to a caller without permission.
	TrustEmpty bool
	// Logger receives a record for each attempt at level Debug, a record for each retry at level Info, and a warning if
	// the last valid key is used because the credentials provider fails. No record contains a secret. If nil, nothing
	// is logged.
	Logger *slog.Logger
	// OnAttempt, if not nil, is called after every HTTP request, before the call continues, and also for requests that
	// are canceled because a loop over instances ended. It should return quickly, and must be safe for concurrent use
	// because requests may be sent in parallel.
	//
	// If OnAttempt panics, the call or listing ends, and its caller receives the panic; a stream of StreamInstances
	// panics in Stop and Err. If another goroutine sent the request, the panic value is an error that contains the
	// original value and the stack trace. The client can still be used afterwards.
	OnAttempt func(Attempt)
	// UserAgent is appended to this module's User-Agent header. It must be printable ASCII.
	UserAgent string
}

// RetryPolicy limits the retries of a call after a temporary failure: a connection error, an unreadable response, or an
// internal error of the service. A zero field means the default.
//
// By default, a call is retried for up to 4.5 s in at most 5 attempts, and each page of a listing is retried for up to
// 30 s. If only one of MaxAttempts and MaxElapsed is set, only that limit applies. The context's deadline always
// applies.
//
// Throttled attempts do not count toward these limits. A throttled call makes at most 14 attempts, and waits for at
// most MaxElapsed in total. If MaxElapsed is not set, it waits until the context's deadline or, without a deadline, for
// 2 minutes.
type RetryPolicy struct {
	// MaxAttempts is the maximum number of attempts, including the first one. 1 disables all retries, including retries
	// of throttled attempts.
	MaxAttempts int
	// MaxElapsed is the maximum time from the first failure to the start of the last retry.
	MaxElapsed time.Duration
	// MinDelay is the upper bound of the random delay before the first retry. The bound doubles with each further
	// retry. 0 means 300 ms, or MaxDelay if MaxDelay is shorter.
	MinDelay time.Duration
	// MaxDelay is the maximum delay. 0 means 3 s; a value below MinDelay is raised to MinDelay.
	MaxDelay time.Duration
	// AttemptTimeout limits the duration of one HTTP request, including connecting and reading the response. 0 means 10
	// s.
	AttemptTimeout time.Duration
}

// PollPolicy sets how often WaitForStatus and WaitUntilGone poll. The delay between polls grows from MinDelay to
// MaxDelay, with jitter.
type PollPolicy struct {
	MinDelay time.Duration // 0 means 2 s, or MaxDelay if that is less
	MaxDelay time.Duration // 0 means 15 s; a value below MinDelay is raised to MinDelay
}

// Limiter delays requests. Wait blocks until a request may be sent, and returns an error when ctx is done. It must be
// safe for concurrent use. The type *rate.Limiter of golang.org/x/time/rate implements Limiter.
type Limiter interface {
	Wait(ctx context.Context) error
}

// Attempt describes one HTTP request of a call.
type Attempt struct {
	Context    context.Context // the context of the call; it may contain the parent span of a trace
	Action     string          // the operation, such as "DescribeInstances"
	Region     string
	Host       string
	Number     int // 1 for the first attempt of a call
	Start      time.Time
	Duration   time.Duration // from Start until the response was decoded
	StatusCode int           // HTTP status, 0 if there was no response
	Code       string        // the API's error code, "" if there was none
	RequestID  string
	Err        error // an *Error; nil if the attempt succeeded or was a dry run that passed (Code "DryRunOperation")
}

// validate returns an error that names the first field with an invalid value.
func (o *Options) validate() error {
	if o.Network != NetworkPublic && o.Endpoint != "" {
		return invalid("Options.Network", "%.80q cannot be combined with Options.Endpoint: set only one of them", string(o.Network))
	}
	if fixed, ok := o.Credentials.(*credentials.Static); ok && fixed != nil {
		if err := fixed.Validate(); err != nil {
			return invalid("Options.Credentials", "cannot be used: %v", err)
		}
	}
	for _, number := range []struct {
		field string
		value int64
	}{
		{"Options.Retry.MaxAttempts", int64(o.Retry.MaxAttempts)},
		{"Options.Retry.MaxElapsed", int64(o.Retry.MaxElapsed)},
		{"Options.Retry.MinDelay", int64(o.Retry.MinDelay)},
		{"Options.Retry.MaxDelay", int64(o.Retry.MaxDelay)},
		{"Options.Retry.AttemptTimeout", int64(o.Retry.AttemptTimeout)},
		{"Options.Poll.MinDelay", int64(o.Poll.MinDelay)},
		{"Options.Poll.MaxDelay", int64(o.Poll.MaxDelay)},
	} {
		if number.value < 0 {
			return invalid(number.field, "must not be negative")
		}
	}
	if slices.Contains(o.AdditionalAttributes, "") {
		return invalid("Options.AdditionalAttributes", "must not contain an empty string")
	}
	if n := len(mergeAttributes(o.AdditionalAttributes)); n > maxAttributes {
		return invalid("Options.AdditionalAttributes", "has %d elements, but the API accepts at most %d", n, maxAttributes)
	}
	if strings.ContainsFunc(o.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }) {
		return invalid("Options.UserAgent", "must be printable ASCII")
	}
	return nil
}
