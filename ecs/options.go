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

// Options configures a [Client]. The zero value of Options and of each field is a usable default. NewClient copies the
// struct, but not the values that its pointers and interfaces refer to. These values and the functions must be safe for
// concurrent use.
type Options struct {
	// Credentials provides the access key that signs the requests. If nil, the default credential chain looks for a
	// key when the first call is made. The chain tries the environment variables (ALIBABA_CLOUD_ACCESS_KEY_ID,
	// ALIBABA_CLOUD_ACCESS_KEY_SECRET, ALIBABA_CLOUD_SECURITY_TOKEN), an OIDC role, the CLI profile, the profile file,
	// the instance RAM role, and a credentials URI, in this order.
	Credentials CredentialsProvider
	// Network selects the endpoint of the region: NetworkPublic (the zero value) or NetworkVPC. A client with
	// NetworkVPC never connects to a public host. Network cannot be combined with Endpoint.
	Network Network
	// Endpoint replaces the endpoint of the region. It also applies to clients returned by InRegion. It is a host,
	// host:port, or a URL without a path. The placeholder "{region}" is replaced by the region, as in
	// "ecs.{region}.cloud.example". Requests use https, unless Endpoint is an http URL of a loopback host.
	Endpoint string
	// HTTPClient sends the requests. If nil, the client creates an http.Client with finite timeouts, the proxy from
	// the environment, at most 1 MiB of response headers, and HTTP/2 with pings. A non-nil HTTPClient is copied and
	// never modified. Redirects are never followed. A Transport that wraps an http.Transport should implement
	// CloseIdleConnections, which is called before a retry to discard dead connections.
	HTTPClient *http.Client
	// Signer signs the requests. If nil, signer.V1{} is used. With signer.V3{}, the signature is sent in a header
	// instead of the URL.
	Signer signer.Signer
	// Retry limits the retries of a call. NewClient returns an error if a field is negative.
	Retry RetryPolicy
	// Limiter, if not nil, delays every HTTP request, in addition to the built-in throttle control. The throttle
	// control learns the account's quota from the responses.
	Limiter Limiter
	// Poll sets how often WaitForStatus and WaitUntilGone poll. NewClient returns an error if a field is negative.
	Poll PollPolicy
	// AdditionalAttributes are added to the attributes of every DescribeInstances request. Duplicates are sent only
	// once. The API's limit of 20 applies to the combined list.
	AdditionalAttributes []AdditionalAttribute
	// TrustEmpty accepts an empty listing without a dry run. By default, a listing that ends with an empty page makes
	// one dry run, because the API may return an empty list to a caller without permission. If the dry run is denied,
	// the listing ends with ErrForbidden. If the dry run passes, the request for the empty page is sent once more.
	TrustEmpty bool
	// Logger receives one record per attempt at level Debug and one record per retry at level Info. It receives a
	// warning if the credentials provider fails and the last valid key is used instead. No record contains a secret. If
	// nil, nothing is logged.
	Logger *slog.Logger
	// OnAttempt, if not nil, is called after every HTTP request. The call continues only after OnAttempt has returned,
	// so OnAttempt should return quickly. OnAttempt must be safe for concurrent use, because a listing or Check may
	// send several requests in parallel.
	OnAttempt func(Attempt)
	// UserAgent is appended to this module's User-Agent header. It must be printable ASCII.
	UserAgent string
}

// RetryPolicy limits the retries of a call after a temporary failure: a connection error, an unreadable response, or
// an internal error of the service. A zero field has the default value.
//
// If neither MaxAttempts nor MaxElapsed is set, a call is retried for up to 4.5 s in at most 5 attempts. Each page of a
// listing is retried for up to 30 s, which is long enough for a restart of the service. If only one of the two fields
// is set, only that limit applies. The context's deadline always applies.
//
// Throttled attempts do not count toward these limits. A throttled call makes at most 14 attempts, and waits for quota
// for at most MaxElapsed in total. If MaxElapsed is not set, the total wait is limited by the context's deadline or, if
// there is no deadline, to 2 minutes.
type RetryPolicy struct {
	// MaxAttempts is the maximum number of attempts, including the first one. 1 disables all retries, including
	// those of throttled attempts.
	MaxAttempts int
	// MaxElapsed is the maximum time from the first failure to the start of the last retry.
	MaxElapsed time.Duration
	// MinDelay sets the backoff. The delay before the first retry is between half of MinDelay and MinDelay. The upper
	// bound doubles with each further retry. 0 means 300 ms, or MaxDelay if MaxDelay is shorter.
	MinDelay time.Duration
	// MaxDelay is the upper bound of the backoff. 0 means 3 s; a value below MinDelay is raised to MinDelay.
	MaxDelay time.Duration
	// AttemptTimeout limits the duration of one HTTP request, from connecting to reading the last byte of the
	// response. 0 means 10 s.
	AttemptTimeout time.Duration
}

// PollPolicy sets how often WaitForStatus and WaitUntilGone poll. The first poll is sent immediately. The delays
// before the following polls grow from MinDelay to MaxDelay, with jitter.
type PollPolicy struct {
	MinDelay time.Duration // 0 means 2 s, or MaxDelay if that is less
	MaxDelay time.Duration // 0 means 15 s; a value below MinDelay is raised to MinDelay
}

// Limiter delays requests. Wait blocks until a request may be sent. It must return an error when ctx is done, and
// must be safe for concurrent use. The type *rate.Limiter of golang.org/x/time/rate implements Limiter.
type Limiter interface {
	Wait(ctx context.Context) error
}

// Attempt describes one HTTP request of a call. It is passed to Options.OnAttempt after the request has ended.
type Attempt struct {
	Context    context.Context // the context of the call; it may contain the parent span of a trace
	Action     string          // the operation, such as "DescribeInstances"
	Region     string
	Host       string
	Number     int // 1 for the first attempt of a call
	Start      time.Time
	Duration   time.Duration // from Start until the response was read and decoded
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
