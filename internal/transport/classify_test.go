package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// TestClassifyCodes checks the class of the most important documented error codes.
func TestClassifyCodes(t *testing.T) {
	t.Parallel()
	const clockOff, stale = Credentials | skew, Credentials | renewKey
	for code, want := range map[string]struct {
		statuses []int
		class    Class
	}{
		// These are errors of DescribeInstances.
		"InvalidTag.Mismatch":                         {[]int{400}, Invalid},
		"InvalidTagCount":                             {[]int{400}, Invalid},
		"InvalidHpcClusterId.NotFound":                {[]int{400}, NotFound},
		"InvalidHpcClusterId.Creating":                {[]int{400}, Invalid},
		"InternalError":                               {[]int{400, 500}, transient},
		"InvalidInstanceChargeType.NotFound":          {[]int{404}, Invalid},
		"InvalidInternetChargeType.ValueNotSupported": {[]int{404}, Invalid},
		"InvalidLockReason.NotFound":                  {[]int{404}, Invalid},
		"InvalidFilterKey.NotFound":                   {[]int{404}, Invalid},
		"InvalidFilterValue":                          {[]int{404}, Invalid},
		"InvalidNetworkType.NotFound":                 {[]int{404}, Invalid},
		"InvalidStatus.NotFound":                      {[]int{404}, Invalid},
		"DryRunOperation":                             {[]int{400}, 0},
		// These are errors that every operation can return.
		"Throttling":                                 {[]int{400, 403, 429, 503}, Throttled},
		"Throttling.User":                            {[]int{400}, Throttled},
		"Throttling.Api":                             {[]int{400}, Throttled},
		"Throttling.Api.Concurrency":                 {[]int{400}, Throttled},
		"Throttling.System":                          {[]int{400}, Throttled},
		"ServiceUnavailable":                         {[]int{503}, transient},
		"ServiceUnavailable.RegionMaintaining":       {[]int{503}, transient},
		"InternalError.Dispatch":                     {[]int{500}, transient},
		"UnknownError":                               {[]int{400}, transient},
		"LastTokenProcessing":                        {[]int{403}, 0},
		"OperationConflict":                          {[]int{409}, 0},
		"SignatureNonceUsed":                         {[]int{400}, transient},
		"SignatureDoesNotMatch":                      {[]int{400, 403}, Credentials},
		"IncompleteSignature":                        {[]int{400}, Credentials},
		"InvalidSignatureMethod":                     {[]int{400}, Invalid},
		"InvalidTimeStamp.Expired":                   {[]int{400}, clockOff},
		"InvalidTimeStamp.Format":                    {[]int{400}, Credentials},
		"IllegalTimestamp":                           {[]int{400}, clockOff},
		"InvalidAccessKeyId.NotFound":                {[]int{404, 400}, stale},
		"InvalidAccessKeyId.Inactive":                {[]int{400}, stale},
		"Forbidden.AccessKeyDisabled":                {[]int{403}, stale},
		"MissingSecurityToken":                       {[]int{400}, stale},
		"InvalidSecurityToken.Expired":               {[]int{400, 403}, stale},
		"InvalidSecurityToken.MismatchWithAccessKey": {[]int{400}, stale},
		"InvalidSecurityToken.Malformed":             {[]int{400}, stale},
		"Forbidden.RAM":                              {[]int{403}, Forbidden},
		"Forbidden":                                  {[]int{403}, Forbidden},
		"Forbidden.NoPermission":                     {[]int{403}, Forbidden},
		"NoPermission":                               {[]int{403}, Forbidden},
		"NoPermission.Tag":                           {[]int{403}, Forbidden},
		"InvalidAction.Unauthorized":                 {[]int{403}, Forbidden},
		"ActionUnauthorized":                         {[]int{403}, Forbidden},
		"InvalidUser.Unauthorized":                   {[]int{401, 403}, Forbidden},
		"Forbidden.NotSupportRAM":                    {[]int{403}, Forbidden},
		"Forbidden.SubUser":                          {[]int{403}, Forbidden},
		"Forbidden.Unauthorized":                     {[]int{403}, Forbidden},
		"Forbidden.RiskControl":                      {[]int{403}, Forbidden},
		"InvalidAccount.NotFound":                    {[]int{403}, Forbidden},
		"RealNameAuthenticationError":                {[]int{403}, Forbidden},
		"ChargeTypeViolation":                        {[]int{403}, Forbidden},
		"InsufficientBalance":                        {[]int{400}, Forbidden},
		"Unauthorized.EmptyRegion":                   {[]int{403}, Forbidden},
		"MissingParameter":                           {[]int{400, 403}, Invalid},
		"MissingParameter.RegionId":                  {[]int{400, 404}, Invalid},
		"MissingRegionId":                            {[]int{400}, Invalid},
		"InvalidParameter":                           {[]int{400}, Invalid},
		"InvalidParameter.IsNull":                    {[]int{400}, Invalid},
		"InvalidParameter.Format":                    {[]int{400}, Invalid},
		"InvalidParamater":                           {[]int{400}, Invalid},
		"InvalidParameter.OwnerAccount":              {[]int{400}, Invalid},
		"InvalidParameter.ResourceOwnerAccount":      {[]int{403}, Invalid},
		"InvalidOwner":                               {[]int{400}, Invalid},
		"InvalidOwnerId":                             {[]int{400}, Invalid},
		"InvalidOwnerAccount":                        {[]int{400}, Invalid},
		"UnsupportedParameter":                       {[]int{400}, Invalid},
		"UnsupportedHTTPMethod":                      {[]int{403, 400}, Invalid},
		"InvalidAction":                              {[]int{403}, Invalid},
		"InvalidApi.NotFound":                        {[]int{404}, Invalid},
		"InvalidProduct.NotFound":                    {[]int{404}, Invalid},
		"InvalidProtocol.NeedSsl":                    {[]int{400, 404}, Invalid},
		"InvalidRegionId.NotFound":                   {[]int{404}, Invalid},
		"InvalidRegion.NotFound":                     {[]int{404}, Invalid},
		"InvalidRegionId.MalFormed":                  {[]int{400}, Invalid},
		"RegionId.ApiNotSupported":                   {[]int{400}, Invalid},
		"InvalidOperation.NotSupportedEndpoint":      {[]int{400}, Invalid},
		"InvalidInstanceId.NotFound":                 {[]int{404}, NotFound},
		"InvalidImageId.NotFound":                    {[]int{404}, NotFound},
		"InvalidSecurityGroupId.NotFound":            {[]int{404}, NotFound},
		"NotSupported.PageNumberAndPageSize":         {[]int{400}, Invalid},
		"InValidParameter.NextToken":                 {[]int{400}, Invalid},
		"InvalidParameter.NextToken":                 {[]int{400}, Invalid},
		"InvalidParameter.MaxResults":                {[]int{400}, Invalid},
		"NumberExceed.ResourceIds":                   {[]int{400}, Invalid},
		"Duplicate.TagKey":                           {[]int{400}, Invalid},
		"InvalidTagKey.Malformed":                    {[]int{400}, Invalid},
	} {
		for _, status := range append(want.statuses, 200, 418) { // statuses that must not affect the class
			if got, _ := classify(code, "", status, false, false); got != want.class {
				t.Errorf("classify(%s, %d) = %b, want %b", code, status, got, want.class)
			}
		}
	}
	if got, _ := classify("InvalidParameter", "The specified SecurityToken.Expired is not valid", 400, false, false); got != stale {
		t.Errorf("InvalidParameter for an expired token has class %b", got)
	}
	if got, _ := classify("MissingParameter", "The specified SecurityToken.Expired is not valid", 400, false, false); got != Invalid {
		t.Errorf("MissingParameter with a message about an expired token has class %b", got)
	}
}

// TestAdvice checks the advice for error codes whose message does not tell the user what to do.
func TestAdvice(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"InvalidRegionId.NotFound":              "region id",
		"InvalidRegionId.MalFormed":             "region id",
		"InvalidRegion.NotFound":                "region id and the endpoint",
		"InvalidOperation.NotSupportedEndpoint": "endpoint",
		"InvalidApi.NotFound":                   "endpoint",
		"InvalidProduct.NotFound":               "endpoint",
		"InvalidProtocol.NeedSsl":               "https",
		"RegionId.ApiNotSupported":              "region",
		"InvalidTimeStamp.Expired":              "clock",
		"InvalidSecurityToken.Expired":          "temporary credentials",
		"MissingSecurityToken":                  "security token",
		"InvalidAccessKeyId.NotFound":           "access key id",
		"Forbidden.AccessKeyDisabled":           "enable",
		"SignatureDoesNotMatch":                 "secret",
		"IncompleteSignature":                   "secret",
		"InvalidAction.Unauthorized":            "not enabled",
		"RealNameAuthenticationError":           "real-name",
		"InsufficientBalance":                   "balance",
		"Forbidden.RiskControl":                 "risk control",
	} {
		if _, advice := classify(code, "", 400, false, false); !strings.Contains(advice, want) {
			t.Errorf("%s: the advice is %q, want a text that contains %q", code, advice, want)
		}
	}
}

func TestClassifyStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]Class{
		200: 0, 204: 0, 300: 0, 301: 0, 302: 0, 304: 0, 305: 0, 399: 0, 400: 0, 401: 0, 403: 0, 404: 0, 407: 0, 409: 0, 418: 0,
		408: transient, 429: Throttled, 500: transient, 502: transient, 503: transient, 504: transient, 501: Unavailable, 505: Unavailable, 600: Unavailable, 999: Unavailable,
	} {
		for _, code := range []string{"", "Novel", "throttling"} {
			if got, _ := classify(code, "", status, false, false); got != want {
				t.Errorf("classify(%q, %d) = %b, want %b", code, status, got, want)
			}
		}
	}
	for status, want := range map[int]string{200: "", 300: "redirects", 302: "redirects", 399: "redirects", 400: "", 404: "endpoint", 407: "proxy", 418: ""} {
		if _, advice := classify("", "", status, false, false); !strings.Contains(advice, want) || (advice == "") != (want == "") {
			t.Errorf("the advice for status %d is %q", status, advice)
		}
	}
	if _, advice := classify("Novel", "", 404, false, false); advice != "" { // this response comes from the API
		t.Errorf("the advice for status 404 with an error code is %q", advice)
	}
}

func TestClassifyNetwork(t *testing.T) {
	t.Parallel()
	wrap := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for name, c := range map[string]struct {
		err  error
		want Class
	}{
		"refused":            {wrap(syscall.ECONNREFUSED), transient},
		"reset":              {wrap(syscall.ECONNRESET), transient},
		"cut":                {io.ErrUnexpectedEOF, transient},
		"unknown host":       {wrap(&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}), Unavailable},
		"name server down":   {wrap(&net.DNSError{Err: "server misbehaving", Name: "x", IsTemporary: true}), transient},
		"certificate":        {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, Unavailable},
		"no TLS":             {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, Unavailable},
		"old TLS, told":      {&net.OpError{Op: "remote error", Err: errors.New("tls: protocol version not supported")}, Unavailable},
		"old TLS, seen":      {errors.New("tls: server selected unsupported protocol version 301"), Unavailable},
		"client certificate": {&net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}, Unavailable},
		"TLS, may pass":      {&net.OpError{Op: "remote error", Err: errors.New("tls: internal error")}, transient},
		"TLS timeout":        {errors.New("net/http: TLS handshake timeout"), transient},
		"too large":          {fmt.Errorf("%w: 1", errTooLarge), Unavailable},
		"proxy 407":          {proxyError(407), Unavailable},
		"proxy 407 as text":  {errors.New("Proxy Authentication Required"), Unavailable},
		"proxy 403":          {proxyError(403), Unavailable},
		"proxy 500":          {proxyError(500), transient},
		"proxy 503":          {proxyError(503), transient},
	} {
		if got := classifyNetwork(c.err).class; got != c.want {
			t.Errorf("%s: %b, want %b", name, got, c.want)
		}
	}
	if err := checkProxyResponse(context.Background(), nil, nil, &http.Response{StatusCode: 200}); err != nil { //nolint:usetesting // not used
		t.Error(err)
	}
}

func TestParseErrorResponse(t *testing.T) {
	t.Parallel()
	const id = "7B6F0A2D-0000-4000-8000-000000000001"
	for name, c := range map[string]struct {
		body string
		want ErrorResponse
		ok   bool
	}{
		"json": {
			`{"RequestId":"R","HostId":"H","Code":"C","Message":"M","Recommend":"https://r"}`,
			ErrorResponse{Code: "C", Message: "M", RequestID: "R", HostID: "H", Recommend: "https://r"},
			true,
		},
		"blanks around":     {" \r\n{\"Code\":\"C\"}\n", ErrorResponse{Code: "C", RequestID: id}, true},
		"lower camel":       {`{"requestId":"R","code":"C","message":"M","hostId":"H"}`, ErrorResponse{Code: "C", Message: "M", RequestID: "R", HostID: "H"}, true},
		"numbers":           {`{"Code":500,"RequestId":12345678901234567890,"Message":true}`, ErrorResponse{Code: "500", Message: "true", RequestID: "12345678901234567890"}, true},
		"odd kinds":         {`{"Code":"C","Message":{"a":1},"HostId":[1],"Recommend":null}`, ErrorResponse{Code: "C", RequestID: id}, true},
		"description":       {`{"Code":"C","Description":"D"}`, ErrorResponse{Code: "C", Message: "D", RequestID: id}, true},
		"code of success":   {`{"Code":"OK","Message":"M"}`, ErrorResponse{Code: "OK", Message: "M", RequestID: id}, true}, // the status is 400
		"no code":           {`{"Message":"M"}`, ErrorResponse{Message: "M", RequestID: id}, true},
		"xml":               {`<?xml version="1.0"?><Error><RequestId>R</RequestId><HostId>H</HostId><Code>C</Code><Message>a &lt; b</Message></Error>`, ErrorResponse{Code: "C", Message: "a < b", RequestID: "R", HostID: "H"}, true},
		"xml of success":    {`<DescribeInstancesResponse><RequestId>R</RequestId></DescribeInstancesResponse>`, ErrorResponse{RequestID: id}, false},
		"html":              {`<html><body>502 Bad Gateway</body></html>`, ErrorResponse{RequestID: id}, false},
		"cut":               {`{"Code":"C","Mess`, ErrorResponse{RequestID: id}, false},
		"two documents":     {`{"Code":"C"}{"Code":"D"}`, ErrorResponse{RequestID: id}, false},
		"nothing named":     {`{"RequestId":"R","Instances":{}}`, ErrorResponse{RequestID: id}, false},
		"empty":             {``, ErrorResponse{RequestID: id}, false},
		"text":              {`overloaded`, ErrorResponse{RequestID: id}, false},
		"deep":              {strings.Repeat(`{"a":`, 20000), ErrorResponse{RequestID: id}, false},
		"deep xml":          {strings.Repeat(`<Error>`, 20000), ErrorResponse{RequestID: id}, false},
		"denied, no object": {`{"Code":"C","AccessDeniedDetail":"none"}`, ErrorResponse{Code: "C", RequestID: id}, true},
		"denied, empty":     {`{"Code":"C","AccessDeniedDetail":{}}`, ErrorResponse{Code: "C", RequestID: id}, true},
	} {
		c.want.Status = 400
		got, ok := parseErrorResponse(400, http.Header{"X-Acs-Request-Id": {id}}, []byte(c.body))
		if got != c.want || ok != c.ok {
			t.Errorf("%s:\n got %+v %v\nwant %+v %v", name, got, ok, c.want, c.ok)
		}
	}
	got, _ := parseErrorResponse(403, nil, []byte(`{"Code":"Forbidden.RAM","accessDeniedDetail":{"AuthAction":"ecs:DescribeInstances","AuthPrincipalOwnerId":"1","PolicyType":"x"}}`))
	if want := (AccessDenied{AuthAction: "ecs:DescribeInstances", AuthPrincipalOwnerID: "1", PolicyType: "x"}); got.AccessDenied == nil || *got.AccessDenied != want {
		t.Errorf("access denied: %+v", got.AccessDenied)
	}
}

func TestDescribeBody(t *testing.T) {
	t.Parallel()
	s := newRedactor(secretSigned, secretKey)
	for name, c := range map[string]struct {
		status     int
		body, want string
	}{
		"html":          {502, "<html>\r\n <b>Bad\x1b[31m</b>\x00\xff", "Bad Gateway, body begins: <html> <b>Bad [31m</b>"},
		"no body":       {503, "", "Service Unavailable, empty body"},
		"odd status":    {999, "x", "unknown status, body begins: x"},
		"success":       {200, "<html>", "the response did not come from this API, body begins: <html>"},
		"long":          {500, strings.Repeat("é", 200), "Internal Server Error, body begins: " + strings.Repeat("é", 78) + "…"},
		"secret at cut": {500, strings.Repeat("x", 150) + secretKey.SecurityToken, "Internal Server Error, body begins: " + strings.Repeat("x", 150) + "***"},
		"secret beyond": {500, strings.Repeat(" ", 8<<10-20) + secretKey.SecurityToken, "Internal Server Error, body begins: (message removed because it contains credentials)"},
	} {
		if got := describeBody(c.status, []byte(c.body), s); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestSignatureAdvice(t *testing.T) {
	t.Parallel()
	const query = "AccessKeyId=id&Action=A&Signature=s%3D"
	const ours = "POST&%2F&AccessKeyId%3Did%26Action%3DA"
	for message, want := range map[string]string{
		"server string to sign is:" + ours:             "secret is wrong",
		"server string to sign is:" + ours + "%26B%3D": "secret is wrong", // the server signed more parameters
		"server string to sign is:POST&%2F&Action%3DB": "changed in transit",
		"no string": "otherwise",
	} {
		if got := signatureAdvice(message, query, "otherwise"); !strings.Contains(got, want) {
			t.Errorf("%s: %q", message, got)
		}
	}
	for _, code := range []string{"SignatureDoesNotMatch", "IncompleteSignature"} {
		g := newRig(func(_ int, r *http.Request) (*http.Response, error) {
			params := r.URL.Query()
			params.Del("Signature")
			return respond(400, fmt.Sprintf(`{"Code":%q,"Message":%q}`, code, signer.StringToSign(http.MethodPost, params))), nil
		}, nil)
		_, err := g.Do(t.Context(), call())
		if f, ok := asFailure(err); !ok || !strings.Contains(f.Advice, "secret is wrong") {
			t.Errorf("%s: %+v", code, f)
		}
	}
	if _, err := url.ParseQuery("%zz"); err == nil {
		t.Fatal("the query is not malformed")
	}
	if got := signatureAdvice(ours, "%zz", "otherwise"); got != "otherwise" {
		t.Error(got)
	}
}
