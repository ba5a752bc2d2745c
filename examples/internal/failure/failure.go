// Package failure classifies errors and converts them to messages, exit codes and metric labels for the example
// programs.
package failure

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

// A Kind is a class of errors. Programs use the kind as a metric label.
type Kind string

// The kinds of failure.
const (
	Incomplete  Kind = "incomplete"  // instances were unreadable, or the API's cap was reached
	Closed      Kind = "closed"      // the region is not enabled for the account
	Credentials Kind = "credentials" // the credentials are missing or were rejected
	Forbidden   Kind = "forbidden"   // the request is not permitted
	Throttled   Kind = "throttled"   // the API's quota was used up
	Endpoint    Kind = "endpoint"    // the host does not exist, is not trusted or does not use TLS
	Unavailable Kind = "unavailable" // the service or the network failed temporarily
	Invalid     Kind = "invalid"     // the request cannot succeed unless it is changed
	Timeout     Kind = "timeout"     // the program's timeout expired, or the program was interrupted
	Unconfirmed Kind = "unconfirmed" // the listing was empty, and the permission could not be verified
	Other       Kind = "other"
)

// These are the exit codes of the example programs. After ExitUnavailable, running the program again may succeed.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitForbidden   = 3
	ExitCredentials = 4
	ExitUnavailable = 5
	ExitIncomplete  = 6
	ExitNotFound    = 7
	ExitInterrupted = 130
)

// ExitCodes describes the exit codes that all example programs share. Help texts include this description.
const ExitCodes = `  0    success
  1    a failure that a retry does not resolve, such as an endpoint whose host name does not exist
  2    a usage error: a flag is invalid, or the API rejected a value
  3    the caller has no permission, or the region is not enabled for the account
  4    the credentials are missing or were rejected
  5    the API throttled the requests or was unavailable, even after retries: try again later
`

// isClosed reports whether the account has not enabled the region. The API reports a closed region with one of
// several error codes.
func isClosed(err error) bool {
	var api *ecs.Error
	if !errors.As(err, &api) {
		return false
	}
	return errors.Is(api, ecs.ErrForbidden) && strings.Contains(api.Code, "Region") ||
		api.Code == "InvalidRegion.NotSupport" || api.Code == "InvalidOperation.InvalidRegion"
}

// KindOf returns the kind of an error.
func KindOf(err error) Kind {
	var incomplete *ecs.IncompleteError
	var capped *ecs.CappedError
	var unconfirmed *ecs.UnconfirmedError
	switch {
	case errors.As(err, &incomplete), errors.As(err, &capped):
		return Incomplete
	case isClosed(err):
		return Closed
	case errors.Is(err, ecs.ErrCredentials):
		return Credentials
	case errors.Is(err, ecs.ErrForbidden):
		return Forbidden
	case errors.Is(err, ecs.ErrThrottled):
		return Throttled
	case isEndpoint(err):
		return Endpoint
	case errors.Is(err, ecs.ErrUnavailable):
		return Unavailable
	case errors.As(err, &unconfirmed) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
		return Unconfirmed
	case errors.Is(err, ecs.ErrInvalidParameter):
		return Invalid
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Timeout
	default:
		return Other
	}
}

// isEndpoint reports whether the endpoint's host does not exist, is not trusted or does not use TLS. Retrying does
// not help.
func isEndpoint(err error) bool {
	var dns *net.DNSError
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	return errors.As(err, &dns) && dns.IsNotFound ||
		errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &record)
}

// Lasting reports whether the failure persists until the user changes something.
func (k Kind) Lasting() bool {
	return k != Throttled && k != Unavailable && k != Timeout
}

// ExitCode returns the exit code for an error.
func ExitCode(err error) int {
	switch KindOf(err) {
	case Invalid:
		return ExitUsage
	case Forbidden, Closed:
		return ExitForbidden
	case Credentials:
		return ExitCredentials
	case Throttled, Unavailable, Timeout:
		return ExitUnavailable
	case Incomplete, Unconfirmed:
		return ExitIncomplete
	default:
		return ExitFailed
	}
}

// Text returns a one-line message about an error. The message begins with the account and the region if they are
// known.
func Text(err error) string {
	var account *AccountError
	var region *ecs.RegionError
	switch {
	case errors.As(err, &account):
		return account.Account + ": " + Text(account.Err)
	case errors.As(err, &region):
		return region.Region + ": " + strings.Replace(Text(region.Err), " in "+region.Region, "", 1)
	default:
		return wording.Plain(err)
	}
}

// AccountError is an error that occurred while the program listed one of several accounts.
type AccountError struct {
	Account string
	Err     error
}

// Error returns the account followed by the message of the wrapped error.
func (e *AccountError) Error() string { return e.Account + ": " + e.Err.Error() }

// Unwrap returns the wrapped error.
func (e *AccountError) Unwrap() error { return e.Err }

// Setup contains the settings that affect the advice about a failure.
type Setup struct {
	VPC      bool
	Endpoint string
}

// Advice returns advice on how to resolve a failure, or "" if the message of the error is sufficient.
func (s Setup) Advice(err error) string {
	switch KindOf(err) {
	case Forbidden:
		return forbidden(err)
	case Closed:
		return "use -exclude-region to leave out regions that are not enabled for the account"
	case Unconfirmed:
		return "the API may hide instances from callers without permission, and the permission for this region could not be verified: run \"inventory doctor\" to find the cause"
	case Endpoint:
		return s.endpoint(err)
	case Invalid:
		return invalidRegion(err)
	case Unavailable:
		return s.network()
	default:
		return ""
	}
}

// grantable contains the error codes for missing permissions that a RAM policy can grant.
var grantable = []string{"Forbidden", "Forbidden.RAM", "Forbidden.Unauthorized", "PermissionDenied", "AccessDenied", "Unauthorized", "InvalidUser.Unauthorized"}

func forbidden(err error) string {
	var api *ecs.Error
	if !errors.As(err, &api) {
		return ""
	}
	switch d := api.AccessDenied; {
	case d != nil && strings.EqualFold(d.NoPermissionType, "ExplicitDeny"):
		return "a policy explicitly denies this request: change that policy, because granting a permission does not help"
	case d != nil && d.AuthAction != "", slices.Contains(grantable, api.Code), strings.HasPrefix(api.Code, "NoPermission"):
		return "attach the system policy AliyunECSReadOnlyAccess, which permits listing, or run \"inventory doctor\" to find the missing permissions"
	default:
		return ""
	}
}

// regionOf returns the region of a failed request, or "" if the region is unknown.
func regionOf(err error) string {
	var regional *ecs.RegionError
	var api *ecs.Error
	switch {
	case errors.As(err, &regional):
		return regional.Region
	case errors.As(err, &api):
		return api.Region
	default:
		return ""
	}
}

// invalidRegion returns advice if the API rejected the region id as invalid. Otherwise, invalidRegion returns "".
func invalidRegion(err error) string {
	var api *ecs.Error
	if !errors.As(err, &api) || !strings.HasPrefix(api.Code, "InvalidRegionId") {
		return ""
	}
	region := regionOf(err)
	return "check the region id " + region + SuggestRegion(region)
}

func (s Setup) endpoint(err error) string {
	var dns *net.DNSError
	checkRegion := "check the name server: "
	if region := regionOf(err); !KnownRegion(region) {
		checkRegion = "check the region id " + region + SuggestRegion(region) + "; "
	}
	switch {
	case !errors.As(err, &dns):
		return "check -endpoint, the proxy and the root certificates of this machine: retrying does not help"
	case s.Endpoint != "":
		return "check the host of -endpoint, and check the name server: retrying does not help"
	case s.VPC:
		return checkRegion + "the endpoints of -network vpc can be resolved only inside a VPC of that region: leave out -network vpc on other machines"
	default:
		return checkRegion + "retrying does not help"
	}
}

func (s Setup) network() string {
	switch {
	case s.Endpoint != "":
		return "check the network and -endpoint"
	case s.VPC:
		return "check the network; the endpoints of -network vpc are reachable only inside a VPC of that region"
	default:
		return "check the network; inside a VPC without public access, use -network vpc"
	}
}

// Report prints the failures and then the advice about them, without duplicates. It sorts the failures by message and
// returns the exit code of the first failure. There must be at least one failure.
func (s Setup) Report(say func(line string), failures ...error) int {
	failures = Sorted(failures)
	const most = 10
	for _, err := range failures[:min(most, len(failures))] {
		say(Text(err))
	}
	if n := len(failures) - most; n > 0 {
		say(fmt.Sprintf("and %d more failures", n))
	}
	var said []string
	for _, err := range failures {
		if a := s.Advice(err); a != "" && !slices.Contains(said, a) {
			said = append(said, a)
			say(a)
		}
	}
	return ExitCode(failures[0])
}

// Sorted returns the failures sorted by message.
func Sorted(failures []error) []error {
	return slices.SortedStableFunc(slices.Values(failures), func(a, b error) int { return cmp.Compare(Text(a), Text(b)) })
}
