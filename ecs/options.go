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

// Options configures a [Client]. The zero value of Options, and of every field, is a usable default. NewClient
// copies the struct; the values that its pointers, interfaces and functions refer to are shared with the caller
// and must be safe for concurrent use.
type Options struct {
	// Credentials provides the access key that signs the requests. If nil, the default chain looks for a key when the first
	// call is made: environment variables (ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET,
	// ALIBABA_CLOUD_SECURITY_TOKEN), OIDC role, CLI profile, profile file, instance RAM role, credentials URI.
	Credentials CredentialsProvider
	// Network selects the endpoint of the region: NetworkPublic (the zero value) or NetworkVPC. A client with
	// NetworkVPC never connects to a public host. Network cannot be combined with Endpoint.
	Network Network
	// Endpoint replaces the endpoint of the region, also in clients made by InRegion. It is a host, host:port, or
	// a URL without a path; "{region}" is replaced by the region, as in "ecs.{region}.cloud.example". Requests use
	// https, unless Endpoint is an http URL of a loopback host.
	Endpoint string
	// HTTPClient sends the requests. If nil, the client creates one, with finite timeouts, the proxy from the
	// environment, at most 1 MiB of response headers, and HTTP/2 with pings. The caller's client is copied and
	// never modified; redirects are never followed. If its Transport wraps an http.Transport, it should implement
	// CloseIdleConnections, which a retry calls to discard dead connections.
	HTTPClient *http.Client
	// Signer signs the requests. If nil, it is signer.V1{}. With signer.V3{}, the signature is sent in a header instead of
	// the URL.
	Signer signer.Signer
	// Retry limits the retries of a call. Negative values are refused.
	Retry RetryPolicy
	// Limiter, if not nil, is waited for before every HTTP request, in addition to the built-in throttle control, which
	// learns the account's quota from the responses.
	Limiter Limiter
	// Poll sets how often WaitForStatus and WaitUntilGone poll. Negative values are refused.
	Poll PollPolicy
	// AdditionalAttributes are requested by every DescribeInstances request, in addition to those of the request
	// itself. Duplicates are sent once; the API's limit of 20 applies to the combined list.
	AdditionalAttributes []AdditionalAttribute
	// TrustEmpty accepts an empty listing without a dry run. By default, a listing that found no instance makes
	// one dry run, because the API may return an empty list to a caller who lacks the permission; if the dry run
	// is denied, the listing ends with ErrForbidden, and if it passes, the request that found nothing is sent
	// once more.
	TrustEmpty bool
	// Logger receives one record per attempt at level Debug, one per retry at Info, and a warning when an older key is used
	// because the provider fails. No record contains a secret. If nil, nothing is logged.
	Logger *slog.Logger
	// OnAttempt, if not nil, is called after every HTTP request. The call waits for it to return, so it should be
	// quick. It must be safe for concurrent use, because a single listing or Check may send several requests at once.
	OnAttempt func(Attempt)
	// UserAgent is appended to the User-Agent header of this module. It must be printable ASCII.
	UserAgent string
}

// RetryPolicy limits the retries of a call after a temporary failure: a connection error, a response that cannot
// be read, or an internal error of the service. A zero field means the default.
//
// If neither MaxAttempts nor MaxElapsed is set, a call is retried for up to 4.5 s in at most 5 attempts, and each
// page of a listing for up to 30 s, long enough for a restart of the service. If one of them is set, only that
// limit applies. The context's deadline applies in any case.
//
// Throttled attempts are not counted here. They have their own limits: 14 attempts, and a total wait up to
// MaxElapsed if that is set, otherwise up to the context's deadline or, without a deadline, 2 minutes.
type RetryPolicy struct {
	// MaxAttempts is the maximum number of attempts, including the first one. 1 disables all retries, including
	// those of throttled attempts.
	MaxAttempts int
	// MaxElapsed is the maximum time from the first failure to the start of a retry.
	MaxElapsed time.Duration
	// MinDelay sets the backoff: the first retry waits between half of MinDelay and MinDelay, and the upper bound doubles
	// with each further retry. 0 means 300 ms, or MaxDelay if that is less.
	MinDelay time.Duration
	// MaxDelay is the upper bound of the backoff. 0 means 3 s; a value below MinDelay is raised to MinDelay.
	MaxDelay time.Duration
	// AttemptTimeout limits one HTTP request, from connecting to the last byte of the response. 0 means 10 s.
	AttemptTimeout time.Duration
}

// PollPolicy sets how often WaitForStatus and WaitUntilGone poll. The first request is sent at once, the others after
// delays that grow from MinDelay to MaxDelay, with jitter.
type PollPolicy struct {
	MinDelay time.Duration // 0 means 2 s, or MaxDelay if that is less
	MaxDelay time.Duration // 0 means 15 s; a value below MinDelay is raised to MinDelay
}

// Limiter delays requests. Wait blocks until a request may be sent; it must return an error when ctx is done, and must be
// safe for concurrent use. *rate.Limiter of golang.org/x/time/rate implements it.
type Limiter interface {
	Wait(ctx context.Context) error
}

// Attempt describes one HTTP request of a call. It is passed to Options.OnAttempt when the request has ended.
type Attempt struct {
	Context    context.Context // the context of the call, for instance to find the parent span of a trace
	Action     string          // the operation, such as "DescribeInstances"
	Region     string
	Host       string
	Number     int // 1 for the first attempt of a call
	Start      time.Time
	Duration   time.Duration // until the response was read and decoded
	StatusCode int           // HTTP status, 0 if there was no response
	Code       string        // the API's error code, "" if there was none
	RequestID  string
	Err        error // an *Error; nil if the attempt succeeded, or was a dry run that passed (then Code is "DryRunOperation")
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
		return invalid("Options.AdditionalAttributes", "has %d elements, the API accepts at most %d", n, maxAttributes)
	}
	if strings.ContainsFunc(o.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }) {
		return invalid("Options.UserAgent", "must be printable ASCII")
	}
	return nil
}
