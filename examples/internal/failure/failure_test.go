package failure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

func api(code string, status int) error {
	return &ecs.Error{Code: code, StatusCode: status, Action: "DescribeInstances", Message: "x"}
}

// wrapped wraps an error in the same way as the client wraps network errors.
func wrapped(err error) error { return fmt.Errorf("ecs: %w: %w", err, ecs.ErrUnavailable) }

// TestMatrix verifies the kind, the exit code and the advice for each type of error.
func TestMatrix(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err    error
		kind   Kind
		code   int
		advice string // a part of the advice; "" means that there is no advice
	}{
		{api("Throttling", 400), Throttled, 5, ""},
		{api("Throttling.User", 400), Throttled, 5, ""},
		{api("", 429), Throttled, 5, ""},
		{api("ServiceUnavailable", 503), Unavailable, 5, "check the network"},
		{api("InternalError", 500), Unavailable, 5, "check the network"},
		{api("", 502), Unavailable, 5, "check the network"},
		{wrapped(&net.OpError{Op: "dial", Err: errors.New("connection refused")}), Unavailable, 5, "-network vpc"},
		{wrapped(&net.DNSError{Err: "server misbehaving", IsTemporary: true}), Unavailable, 5, "check the network"},
		{wrapped(&net.DNSError{Err: "i/o timeout", IsTimeout: true}), Unavailable, 5, "check the network"},
		{wrapped(&net.DNSError{Err: "no such host", Name: "ecs.cn-hangzou.aliyuncs.com", IsNotFound: true}), Endpoint, 1, "check the region id"},
		{wrapped(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), Endpoint, 1, "certificates"},
		{wrapped(x509.UnknownAuthorityError{}), Endpoint, 1, "certificates"},
		{wrapped(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}), Endpoint, 1, "certificates"},
		{wrapped(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}), Endpoint, 1, "-endpoint"},
		{context.DeadlineExceeded, Timeout, 5, ""},
		{api("Forbidden.RAM", 403), Forbidden, 3, "AliyunECSReadOnlyAccess"},
		{api("NoPermission.Ecs", 403), Forbidden, 3, "AliyunECSReadOnlyAccess"},
		{&ecs.Error{Code: "SomethingNew.Forbidden", Action: "DescribeInstances", StatusCode: 403}, Forbidden, 3, ""},
		{api("Forbidden.NotSupportRAM", 403), Forbidden, 3, ""},
		{api("Forbidden.SubUser", 403), Forbidden, 3, ""},
		{api("InvalidAction.Unauthorized", 403), Forbidden, 3, ""},
		{api("PermissionDenied", 403), Forbidden, 3, "AliyunECSReadOnlyAccess"},
		{api("NoPermisson", 403), Forbidden, 3, ""},
		{api("Forbidden.RiskControl", 403), Forbidden, 3, ""},
		{api("InsufficientBalance", 400), Forbidden, 3, ""},
		{&ecs.Error{Code: "Forbidden.RAM", StatusCode: 403, AccessDenied: &ecs.AccessDeniedDetail{AuthAction: "ecs:DescribeInstances", NoPermissionType: "ExplicitDeny"}}, Forbidden, 3, "explicitly denies this request"},
		{&ecs.Error{Code: "Forbidden.Other", StatusCode: 403, AccessDenied: &ecs.AccessDeniedDetail{AuthAction: "ecs:DescribeInstances", NoPermissionType: "ImplicitDeny"}}, Forbidden, 3, "AliyunECSReadOnlyAccess"},
		{api("UnauthorizedRegion", 403), Closed, 3, "-exclude-region"},
		{api("Forbidden.RegionId", 403), Closed, 3, "-exclude-region"},
		{api("RegionUnauthorized", 403), Closed, 3, "-exclude-region"},
		{api("Unauthorized.EmptyRegion", 403), Closed, 3, "-exclude-region"},
		{api("InvalidOperation.InvalidRegion", 403), Closed, 3, "-exclude-region"},
		{api("InvalidRegion.NotSupport", 403), Closed, 3, "-exclude-region"},
		{api("InvalidAccessKeyId.NotFound", 404), Credentials, 4, ""},
		{api("SignatureDoesNotMatch", 400), Credentials, 4, ""},
		{api("InvalidSecurityToken.Expired", 403), Credentials, 4, ""},
		{api("Forbidden.AccessKeyDisabled", 403), Credentials, 4, ""},
		{ecs.ErrCredentials, Credentials, 4, ""},
		{api("InvalidParameter", 400), Invalid, 2, ""},
		{api("InvalidRegionId.NotFound", 404), Invalid, 2, "lists all regions"},
		{api("MissingParameter", 400), Invalid, 2, ""},
		{api("", 302), Other, 1, ""},
		{api("", 404), Other, 1, ""},
		{api("", 407), Other, 1, ""},
		{api("SomethingNew", 400), Other, 1, ""},
		{io.ErrUnexpectedEOF, Other, 1, ""},
		{&ecs.IncompleteError{}, Incomplete, 6, ""},
		{&ecs.CappedError{Err: ecs.ErrForbidden}, Incomplete, 6, ""},
		{&ecs.UnconfirmedError{Err: api("ServiceUnavailable", 503)}, Unavailable, 5, "check the network"},
		{&ecs.UnconfirmedError{Err: api("Throttling.User", 400)}, Throttled, 5, ""},
		{&ecs.UnconfirmedError{Err: api("InvalidAccessKeyId.NotFound", 404)}, Credentials, 4, ""},
		{&ecs.UnconfirmedError{Err: api("SomethingNew", 400)}, Unconfirmed, 6, "could not be verified"},
		{&ecs.UnconfirmedError{Err: api("InvalidParameter", 400)}, Unconfirmed, 6, "could not be verified"},
		{&ecs.UnconfirmedError{Err: context.DeadlineExceeded}, Timeout, 5, ""},
		{&ecs.RegionError{Region: "cn-a", Err: api("Throttling", 400)}, Throttled, 5, ""},
		{&AccountError{"prod", &ecs.RegionError{Region: "cn-a", Err: api("Forbidden.RAM", 403)}}, Forbidden, 3, "AliyunECSReadOnlyAccess"},
	} {
		if got := KindOf(tt.err); got != tt.kind {
			t.Errorf("%v is %s, want %s", tt.err, got, tt.kind)
		}
		if got := ExitCode(tt.err); got != tt.code {
			t.Errorf("%v: exit code %d, want %d", tt.err, got, tt.code)
		}
		if retry := tt.code == 5; retry == tt.kind.Lasting() {
			t.Errorf("%v: %s is lasting: %v", tt.err, tt.kind, tt.kind.Lasting())
		}
		if got := (Setup{}).Advice(tt.err); !strings.Contains(got, tt.advice) || tt.advice == "" && got != "" {
			t.Errorf("%v: advice %q, want %q", tt.err, got, tt.advice)
		}
	}
}

// TestAdviceFitsTheFlags verifies that the advice does not recommend a flag that the user has already set.
func TestAdviceFitsTheFlags(t *testing.T) {
	t.Parallel()
	unknown, refused := wrapped(&net.DNSError{Err: "no such host", IsNotFound: true}), wrapped(errors.New("connection refused"))
	for _, tt := range []struct {
		setup       Setup
		err         error
		want, never string
	}{
		{Setup{VPC: true}, unknown, "leave out -network vpc", "use -network vpc"},
		{Setup{VPC: true}, refused, "only inside a VPC", "use -network vpc"},
		{Setup{Endpoint: "x"}, unknown, "the host of -endpoint", "region id"},
		{Setup{Endpoint: "x"}, refused, "-endpoint", "vpc"},
		{Setup{}, unknown, "region id", "vpc"},
		{Setup{}, refused, "use -network vpc", ""},
	} {
		if got := tt.setup.Advice(tt.err); !strings.Contains(got, tt.want) || tt.never != "" && strings.Contains(got, tt.never) {
			t.Errorf("%+v, %v: %q", tt.setup, tt.err, got)
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	var lines []string
	say := func(line string) { lines = append(lines, line) }
	code := Setup{}.Report(say,
		&ecs.RegionError{Region: "cn-b", Err: &ecs.Error{Code: "Forbidden.RAM", StatusCode: 403, Action: "DescribeInstances", Region: "cn-b"}},
		&ecs.RegionError{Region: "cn-a", Err: fmt.Errorf("ecs: none: %w", ecs.ErrUnavailable)},
		&ecs.RegionError{Region: "cn-c", Err: fmt.Errorf("ecs: no: %w", ecs.ErrForbidden)},
	)
	if code != 5 || len(lines) != 5 || lines[0] != "cn-a: none: unavailable" || !strings.HasPrefix(lines[1], "cn-b: DescribeInstances: 403 Forbidden.RAM") || !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "attach the system policy") }) {
		t.Errorf("%d %q", code, lines)
	}

	lines = nil
	var many []error
	for i := range 30 {
		many = append(many, fmt.Errorf("failure %02d", i))
	}
	if code := (Setup{}).Report(say, many...); code != 1 || len(lines) != 11 || lines[10] != "and 20 more failures" {
		t.Errorf("%d %q", code, lines)
	}
}
