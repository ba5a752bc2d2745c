package credentials

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// role describes a RAM role to assume.
type role struct {
	arn         string
	sessionName string // "" means ALIBABA_CLOUD_ROLE_SESSION_NAME, or a default name
	seconds     int    // session duration in seconds; 0 means 3600
	policy      string
	externalID  string
	stsRegion   string // "" means ALIBABA_CLOUD_STS_REGION, or the central endpoint if that is empty too
	vpc         bool
}

// assumeRole returns a temporary key for the role r. The request is signed with the given key.
func (s *system) assumeRole(ctx context.Context, key signer.Credentials, r role) (foundKey, error) {
	if err := validateKey(key); err != nil {
		return foundKey{}, err
	}
	endpoint, params, err := s.roleRequest(r)
	if err != nil {
		return foundKey{}, err
	}
	if r.externalID != "" {
		params.Set("ExternalId", r.externalID)
	}
	signed, err := signer.V1{}.Sign(signer.Request{
		Method: http.MethodPost, Host: endpoint, Action: "AssumeRole", Version: "2015-04-01",
		Params: params, Time: time.Now(), Nonce: rand.Text(),
	}, key)
	if err != nil {
		return foundKey{}, fmt.Errorf("the AssumeRole request cannot be signed: %w", err)
	}
	return s.callSTS(ctx, endpoint, signed.Query, "RamRoleArn")
}

// assumeRoleWithOIDC returns a temporary key for the role r. The request contains an OIDC token instead of a signature.
// If token is empty, assumeRoleWithOIDC reads tokenFile on every call, because the file is updated regularly.
func (s *system) assumeRoleWithOIDC(ctx context.Context, r role, providerARN, token, tokenFile string) (foundKey, error) {
	switch {
	case providerARN == "":
		return foundKey{}, errors.New("the ARN of the OIDC identity provider is empty")
	case token == "" && tokenFile == "":
		return foundKey{}, errors.New("the OIDC token file is not set")
	case token == "":
		data, err := readFile(tokenFile, maxTokenFile)
		if err != nil {
			return foundKey{}, fmt.Errorf("the OIDC token file: %w", err)
		}
		token = string(bytes.TrimSpace(data))
	}
	endpoint, params, err := s.roleRequest(r)
	if err != nil {
		return foundKey{}, err
	}
	params.Set("Action", "AssumeRoleWithOIDC")
	params.Set("Version", "2015-04-01")
	params.Set("Format", "JSON")
	params.Set("Timestamp", time.Now().UTC().Format(time.RFC3339))
	params.Set("OIDCProviderArn", providerARN)
	params.Set("OIDCToken", token)
	return s.callSTS(ctx, endpoint, params.Encode(), "OIDC")
}

// roleRequest returns the STS endpoint and the parameters shared by AssumeRole and AssumeRoleWithOIDC.
func (s *system) roleRequest(r role) (endpoint string, params url.Values, err error) {
	region := cmp.Or(r.stsRegion, s.getenv("ALIBABA_CLOUD_STS_REGION"))
	seconds := r.seconds
	if seconds == 0 {
		seconds = 3600
	}
	switch {
	case r.arn == "":
		return "", nil, errors.New("the role ARN is empty")
	case seconds < 900:
		return "", nil, errors.New("the session duration is less than 900 seconds")
	case strings.ContainsFunc(region, func(c rune) bool { return c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') }):
		return "", nil, errors.New("the STS region is not a region id such as cn-hangzhou")
	case region == "":
		endpoint = "sts.aliyuncs.com"
	case r.vpc || s.enabled("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED"):
		endpoint = "sts-vpc." + region + ".aliyuncs.com"
	default:
		endpoint = "sts." + region + ".aliyuncs.com"
	}
	params = url.Values{
		"RoleArn":         {r.arn},
		"RoleSessionName": {cmp.Or(r.sessionName, s.getenv("ALIBABA_CLOUD_ROLE_SESSION_NAME"), "aliyun-ecs-sdk-go")},
		"DurationSeconds": {strconv.Itoa(seconds)},
	}
	if r.policy != "" {
		params.Set("Policy", r.policy)
	}
	return endpoint, params, nil
}

// callSTS sends the parameters to STS and returns the temporary key in the response. The parameters are in the body,
// because proxies and servers often log URLs.
func (s *system) callSTS(ctx context.Context, endpoint, form, kind string) (foundKey, error) {
	service := "STS (" + endpoint + ")"
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	var out struct {
		Code        string
		Credentials issuedKey
	}
	err := s.call(ctx, request{service, http.MethodPost, "https://" + endpoint + "/", header, []byte(form)}, &out,
		func(int) string { return stsAdvice(out.Code) })
	if err != nil {
		return foundKey{}, err
	}
	return out.Credentials.key(service, kind)
}

// stsAdvice returns advice for an STS error code, or "" for an unknown code. Error messages contain the advice instead
// of the code, because a proxy may have put arbitrary text into the code.
func stsAdvice(code string) string {
	for _, advice := range []struct{ prefix, text string }{
		{"NoPermission", "permission to assume the role was denied: allow sts:AssumeRole, and check the role's trust policy"},
		{"EntityNotExist.Role", "the role does not exist: check its ARN"},
		{"InvalidAccessKeyId", "the key that assumes the role is unknown or inactive"},
		{"SignatureDoesNotMatch", "check the secret of the key that assumes the role"},
		{"InvalidSecurityToken", "the token of the key that assumes the role is invalid or has expired"},
		{"AuthenticationFail.OIDCToken", "the OIDC token was rejected: it has expired, or the identity provider does not accept it"},
		{"AuthenticationFail", "the identity provider did not accept the token"},
		{"InvalidParameter", "a parameter is invalid: check the role ARN, session name, duration and policy"},
		{"InvalidTimeStamp", "set this machine's clock"},
		{"Throttling", "STS throttled the request: try again later"},
	} {
		if strings.HasPrefix(code, advice.prefix) {
			return ": " + advice.text
		}
	}
	return ""
}
