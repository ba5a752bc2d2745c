package credentials

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// oauthSites maps oauth_site_type to the URL of the sign-in service and the public client id of the CLI
// (credentials-go 1.4.14, providers/cli_profile.go).
var oauthSites = map[string]struct{ url, clientID string }{
	"CN":   {"https://oauth.aliyun.com", "4038181954557748008"},
	"INTL": {"https://oauth.alibabacloud.com", "4103531455503354461"},
}

// oauthService is the name of the sign-in service in errors.
const oauthService = "the OAuth sign-in service"

// logInAgain is the advice at the end of every error that a new login can resolve.
const logInAgain = "log in with the CLI again (aliyun configure --mode OAuth)"

// oauthToken is the stored login of a profile in OAuth mode.
type oauthToken struct {
	access, refresh string
	expires         int64 // expiry of the access token, in Unix seconds
}

func (p *cliProfile) oauthToken() oauthToken {
	return oauthToken{p.OAuthAccessToken, p.OAuthRefreshToken, p.OAuthExpire}
}

// valid reports whether the access token is valid for at least one more minute.
func (t oauthToken) valid() bool {
	return t.access != "" && t.expires > time.Now().Add(time.Minute).Unix()
}

// oauthKey exchanges the access token of an OAuth login for a key. If the access token has expired, oauthKey
// refreshes it first.
func (r *profileReader) oauthKey(ctx context.Context, p *cliProfile) (foundKey, error) {
	site, ok := oauthSites[strings.ToUpper(p.OAuthSite)]
	if !ok {
		return foundKey{}, errors.New("oauth_site_type is neither CN nor INTL: " + logInAgain)
	}
	token := p.oauthToken()
	if !token.valid() {
		var err error
		if token, err = r.refreshLogin(ctx, p.Name, site.url, site.clientID); err != nil {
			return foundKey{}, err
		}
	}
	var out issuedKey
	if err := r.exchangeToken(ctx, oauthService, site.url+"/v1/exchange", token.access, nil, &out); err != nil {
		return foundKey{}, err
	}
	return out.key(oauthService, "OAuth")
}

// refreshLogin refreshes the login of a profile and stores the new login in the configuration file. A refresh token can
// be used only once, so the user would be logged out if the new login could not be stored. Therefore, refreshLogin
// prepares the update before it uses the refresh token, and keeps the file locked until the new login is stored.
func (r *profileReader) refreshLogin(ctx context.Context, name, siteURL, clientID string) (oauthToken, error) {
	file, err := openLocked(ctx, r.path)
	if err != nil {
		return oauthToken{}, fmt.Errorf("the login has expired, and was not refreshed because %s cannot be updated (%w): %s", show(r.path), err, logInAgain)
	}
	defer file.close()
	token, err := storedLogin(r.path, file.content, name)
	switch {
	case err != nil:
		return oauthToken{}, err
	case token.valid(): // another process has refreshed the login
		return token, nil
	case token.refresh == "":
		return oauthToken{}, errors.New("the login has expired: " + logInAgain)
	}
	if _, err = replaceLogin(file.content, name, oauthToken{"access", "refresh", 1}); err != nil {
		return oauthToken{}, fmt.Errorf("the login has expired, and was not refreshed because %s cannot be updated (%w): %s", show(r.path), err, logInAgain)
	}
	// From here on, ignore cancellation by the caller: once the refresh token has been used, the new login must be
	// stored.
	if ctx.Err() != nil {
		return oauthToken{}, ctx.Err()
	}
	if token, err = r.requestLogin(context.WithoutCancel(ctx), siteURL, clientID, token.refresh); err != nil {
		return oauthToken{}, err
	}
	if err = file.update(func(content []byte) ([]byte, error) { return replaceLogin(content, name, token) }); err != nil {
		return oauthToken{}, fmt.Errorf("the refreshed login could not be stored in %s (%w): %s", show(r.path), err, logInAgain)
	}
	return token, nil
}

// requestLogin uses the refresh token to request a new login.
func (s *system) requestLogin(ctx context.Context, siteURL, clientID, refresh string) (oauthToken, error) {
	form := url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {clientID},
		"Timestamp": {time.Now().UTC().Format(time.RFC3339)},
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	res, err := fetch(ctx, s.client, requestTimeout, http.MethodPost, siteURL+"/v1/token", header, []byte(form.Encode()))
	switch {
	case err != nil:
		return oauthToken{}, fmt.Errorf("%s: %w", oauthService, err)
	case res.status != http.StatusOK:
		return oauthToken{}, fmt.Errorf("%s did not refresh the login (HTTP %d): %s", oauthService, res.status, logInAgain)
	}
	var out struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		ExpiresIn    int64  `json:"expires_in"`
	}
	if err = decodeJSON(res.body, &out); err != nil || out.AccessToken == "" || out.RefreshToken == "" {
		return oauthToken{}, errors.New(oauthService + " returned no usable login: " + logInAgain)
	}
	return oauthToken{out.AccessToken, out.RefreshToken, time.Now().Unix() + out.ExpiresIn}, nil
}

// storedLogin returns the login of the named profile in content, which was read from path.
func storedLogin(path string, content []byte, name string) (oauthToken, error) {
	config, err := parseConfig(path, content)
	if err != nil {
		return oauthToken{}, err
	}
	p, _, err := config.find(name)
	if err != nil || p == nil {
		return oauthToken{}, errors.New("the profile has been removed or changed")
	}
	return p.oauthToken(), nil
}
