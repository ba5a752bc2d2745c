package credentials

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// instanceRole returns the key of a RAM role from the metadata service of the instance. If name is empty, it uses the
// role named by ALIBABA_CLOUD_ECS_METADATA, or else the role attached to the instance. If there is no role or no
// metadata service, instanceRole returns a notConfiguredError.
func (s *system) instanceRole(ctx context.Context, name string) (foundKey, error) {
	if s.enabled("ALIBABA_CLOUD_ECS_METADATA_DISABLED") {
		return foundKey{}, notConfigured("disabled by ALIBABA_CLOUD_ECS_METADATA_DISABLED")
	}
	name = cmp.Or(name, s.getenv("ALIBABA_CLOUD_ECS_METADATA"))
	header, err := s.metadataToken(ctx)
	if err != nil {
		return foundKey{}, err
	}
	const path = "/latest/meta-data/ram/security-credentials/"
	var body []byte
	if name == "" {
		if body, err = s.getMetadata(ctx, path, header); err != nil {
			return foundKey{}, err
		}
		name = strings.TrimSpace(string(body))
		if name == "" || len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return foundKey{}, notConfigured("the metadata service reported no RAM role: attach a RAM role to the instance")
		}
	}
	if body, err = s.getMetadata(ctx, path+url.PathEscape(name), header); err != nil {
		return foundKey{}, err
	}
	var out issuedKey
	if err = decodeJSON(body, &out); err != nil {
		return foundKey{}, notConfigured("the metadata service's response is %v", err)
	}
	key, err := out.key("the metadata service", "EcsRamRole")
	if err != nil || out.Code != "Success" {
		return foundKey{}, notConfigured("the metadata service returned no key for the instance's role")
	}
	return key, nil
}

// metadataToken requests a token from the metadata service and returns it as a header. The hardened mode of the service
// (IMDSv2) requires this token. If the service does not support tokens, metadataToken returns no header, or an error if
// ALIBABA_CLOUD_IMDSV1_DISABLED is set.
func (s *system) metadataToken(ctx context.Context) (http.Header, error) {
	ttl := http.Header{"X-Aliyun-Ecs-Metadata-Token-Ttl-Seconds": {"60"}}
	res, err := fetch(ctx, s.metadata, metadataTimeout, http.MethodPut, s.metadataURL+"/latest/api/token", ttl, nil)
	token := strings.TrimSpace(string(res.body))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case res.status == http.StatusOK && token != "" && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return http.Header{"X-Aliyun-Ecs-Metadata-Token": {token}}, nil
	case errors.Is(err, errNoConnection), err != nil && s.enabled("ALIBABA_CLOUD_IMDSV1_DISABLED"):
		return nil, notConfigured("the metadata service cannot be reached (is this an ECS instance?): %v", err)
	case s.enabled("ALIBABA_CLOUD_IMDSV1_DISABLED"):
		return nil, notConfigured("the metadata service returned no token (HTTP %d)", res.status)
	}
	return nil, nil
}

func (s *system) getMetadata(ctx context.Context, path string, header http.Header) ([]byte, error) {
	res, err := fetch(ctx, s.metadata, metadataTimeout, http.MethodGet, s.metadataURL+path, header, nil)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, notConfigured("the metadata service: %v", err)
	case res.status == http.StatusNotFound:
		return nil, notConfigured("the instance has no RAM role, or its role has another name (HTTP 404)")
	case res.status >= http.StatusInternalServerError:
		return nil, fmt.Errorf("the metadata service returned HTTP %d: try again later", res.status)
	case res.status != http.StatusOK:
		return nil, notConfigured("the metadata service returned HTTP %d", res.status)
	}
	return res.body, nil
}

// credentialsURI requests a key from the given URL. The server is usually a helper process on the same machine.
func (s *system) credentialsURI(ctx context.Context, address string) (foundKey, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return foundKey{}, errors.New("the credentials URI is not an http or https URL")
	}
	service := "the credentials URI (host " + show(u.Host) + ")"
	var out issuedKey
	if err = s.call(ctx, request{service: service, method: http.MethodGet, url: address}, &out, nil); err != nil {
		return foundKey{}, err
	}
	if key, err := out.key(service, "CredentialsURI"); err != nil || out.Code == "" || out.Code == "Success" {
		return key, err
	}
	return foundKey{}, fmt.Errorf("%s: the response's Code is not Success", service)
}

// cloudSSO exchanges the access token of a CloudSSO login for a key.
func (s *system) cloudSSO(ctx context.Context, p *cliProfile) (foundKey, error) {
	switch {
	case p.SignInURL == "" || p.AccountID == "" || p.AccessConfig == "":
		return foundKey{}, errors.New("cloud_sso_sign_in_url, cloud_sso_account_id or cloud_sso_access_config is empty")
	case p.AccessToken == "" || p.AccessTokenExpire <= time.Now().Unix():
		return foundKey{}, errors.New("the CloudSSO login has expired: log in with the CLI again (aliyun configure)")
	}
	u, err := url.Parse(p.SignInURL)
	if err != nil || u.Host == "" || u.Scheme != "https" {
		return foundKey{}, errors.New("cloud_sso_sign_in_url is not an https URL")
	}
	const service = "the CloudSSO sign-in service"
	body, _ := json.Marshal(map[string]string{"AccountId": p.AccountID, "AccessConfigurationId": p.AccessConfig}) // cannot fail
	var out struct{ CloudCredential issuedKey }
	if err = s.exchangeToken(ctx, service, "https://"+u.Host+"/cloud-credentials", p.AccessToken, body, &out); err != nil {
		return foundKey{}, err
	}
	return out.CloudCredential.key(service, "CloudSSO")
}

// exchangeToken sends the access token of a login to a service, and decodes the service's response into out.
func (s *system) exchangeToken(ctx context.Context, service, address, token string, body []byte, out any) error {
	return s.call(ctx, request{
		service: service, method: http.MethodPost, url: address, body: body,
		header: http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}},
	}, out, func(status int) string {
		if status == http.StatusUnauthorized || status == http.StatusForbidden {
			return ": log in with the CLI again (aliyun configure)"
		}
		return ""
	})
}
