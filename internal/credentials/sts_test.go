package credentials

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
)

// TestSTSEndpoints checks the STS endpoint of each region.
func TestSTSEndpoints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		region, vpc, want string // vpc is ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED; want is "" if the region is not valid
	}{
		{"", "", "sts.aliyuncs.com"},
		{"", "true", "sts.aliyuncs.com"},
		{"az-09", "", "sts.az-09.aliyuncs.com"},
		{"az-09", "true", "sts-vpc.az-09.aliyuncs.com"},
		{"CN", "", ""},
		{"cn:1", "", ""},
		{"cn/1", "", ""},
		{"cn`1", "", ""},
		{"cn{1", "", ""},
	} {
		w := newWorld(t, "ALIBABA_CLOUD_STS_REGION", c.region, "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", c.vpc)
		if got, _, err := w.roleRequest(role{arn: "r"}); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
}

// TestOIDCRequest checks the parameters of an AssumeRoleWithOIDC request, which must not be signed.
func TestOIDCRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var form url.Values
	w.servers.RegisterResponder(http.MethodPost, stsURL, func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			form, err = url.ParseQuery(string(body))
		}
		if err != nil {
			return nil, err
		}
		return httpmock.NewJsonResponse(200, stsKey(1))
	})
	if key, err := w.assumeRoleWithOIDC(t.Context(), role{arn: "arn"}, "provider", "", w.write(" oidc-token\n", "token")); key.Credentials != keyOf(1) || err != nil {
		t.Fatal(key.AccessKeyID, err)
	}
	if _, err := time.Parse(time.RFC3339, form.Get("Timestamp")); err != nil {
		t.Error(err)
	}
	form.Del("Timestamp")
	want := url.Values{
		"Action": {"AssumeRoleWithOIDC"}, "Version": {"2015-04-01"}, "Format": {"JSON"}, "RoleArn": {"arn"}, "OIDCProviderArn": {"provider"},
		"OIDCToken": {"oidc-token"}, "DurationSeconds": {"3600"}, "RoleSessionName": {"aliyun-ecs-sdk-go"},
	}
	if !maps.EqualFunc(form, want, slices.Equal) {
		t.Errorf("%v, want %v", form, want)
	}
	// A profile with a security token signs AssumeRole with the token.
	w.config(profilesJSON(`{"name":"p","mode":"RamRoleArn","access_key_id":"i","access_key_secret":"s","sts_token":"sts-token","ram_role_arn":"r"}`))
	if _, err := newProfile(w.system, "p").Credentials(t.Context()); err != nil || form.Get("SecurityToken") != "sts-token" {
		t.Errorf("%v, %v", form, err)
	}
}
