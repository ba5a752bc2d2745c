package credentials

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// cliConfig is the content of the vendor CLI's configuration file. A profile is decoded only when it is needed, so a
// malformed profile does not affect the other profiles.
type cliConfig struct {
	Current  string            `json:"current"`
	Profiles []json.RawMessage `json:"profiles"`
}

// cliProfile is one profile in the configuration file. External commands print a key in the same format.
type cliProfile struct {
	Name              string `json:"name"`
	Mode              string `json:"mode"`
	Region            string `json:"region_id"`
	AccessKeyID       string `json:"access_key_id"`
	AccessKeySecret   string `json:"access_key_secret"`
	StsToken          string `json:"sts_token"`
	StsExpiration     int64  `json:"sts_expiration"` // expiry of the key cached by the CLI, in Unix seconds
	StsRegion         string `json:"sts_region"`
	VPC               bool   `json:"enable_vpc"`
	RoleName          string `json:"ram_role_name"`
	RoleARN           string `json:"ram_role_arn"`
	SessionName       string `json:"ram_session_name"`
	Seconds           int    `json:"expired_seconds"`
	Policy            string `json:"policy"`
	ExternalID        string `json:"external_id"`
	SourceProfile     string `json:"source_profile"`
	ProcessCommand    string `json:"process_command"`
	URI               string `json:"credentials_uri"`
	OIDCProviderARN   string `json:"oidc_provider_arn"`
	OIDCTokenFile     string `json:"oidc_token_file"`
	OIDCToken         string `json:"oidc_token"`
	SignInURL         string `json:"cloud_sso_sign_in_url"`
	AccountID         string `json:"cloud_sso_account_id"`
	AccessConfig      string `json:"cloud_sso_access_config"`
	AccessToken       string `json:"access_token"`
	AccessTokenExpire int64  `json:"cloud_sso_access_token_expire"` // Unix seconds
	OAuthSite         string `json:"oauth_site_type"`
	OAuthAccessToken  string `json:"oauth_access_token"`
	OAuthRefreshToken string `json:"oauth_refresh_token"`
	OAuthExpire       int64  `json:"oauth_access_token_expire"` // Unix seconds
}

// The modes that a profile may have. Like the CLI, this package ignores the case of a mode.
var (
	supportedModes = []string{
		"AK", "StsToken", "RamRoleArn", "EcsRamRole", "RamRoleArnWithRoleName", "ChainableRamRoleArn", "OIDC",
		"CredentialsURI", "External", "CloudSSO", "OAuth",
	}
	unsupportedModes = []string{"RsaKeyPair", "BearerToken", "Anonymous"}
)

// maxSources is the maximum length of a chain of profiles in which each profile names the next profile as its
// source_profile.
const maxSources = 10

// canonicalMode returns the element of modes that equals mode if case is ignored, or "" if there is none.
func canonicalMode(mode string, modes []string) string {
	if i := slices.IndexFunc(modes, func(m string) bool { return strings.EqualFold(m, mode) }); i >= 0 {
		return modes[i]
	}
	return ""
}

// configPath returns the path of the CLI's configuration file, or "" if neither the path nor the home directory is
// set.
func (s *system) configPath() string {
	return cmp.Or(s.getenv("ALIBABA_CLOUD_CONFIG_FILE"), s.homeFile(".aliyun", "config.json"))
}

// readConfig reads the CLI's configuration file. If the file does not exist or has no profiles, readConfig returns
// a notConfiguredError.
func readConfig(path string) (*cliConfig, error) {
	if path == "" {
		return nil, notConfigured("HOME is not set, so there is no ~/.aliyun/config.json")
	}
	data, err := readFile(path, maxConfigFile)
	if err != nil {
		return nil, err
	}
	return parseConfig(path, data)
}

func parseConfig(path string, data []byte) (*cliConfig, error) {
	var config cliConfig
	if err := decodeJSON(data, &config); err != nil {
		return nil, fmt.Errorf("%s is %w: repair or remove it", show(path), err)
	}
	if len(config.Profiles) == 0 {
		return nil, notConfigured("%s has no profiles: run aliyun configure", show(path))
	}
	return &config, nil
}

// find returns the profile with the given name and its index. If there is no such profile, p is nil.
func (c *cliConfig) find(name string) (p *cliProfile, index int, err error) {
	for i, raw := range c.Profiles {
		var head struct{ Name string }
		if json.Unmarshal(raw, &head) != nil || head.Name != name {
			continue
		}
		p = &cliProfile{}
		return p, i, decodeJSON(raw, p)
	}
	return nil, 0, nil
}

// profileReader gets keys from the profiles of one configuration file.
type profileReader struct {
	*system
	path     string
	config   *cliConfig
	rejected signer.Credentials // a key that the API has rejected: do not return it, even if the CLI has cached it
}

// cliProfileKey returns the key of a profile in the CLI's configuration file. If name is empty, it uses the profile
// named by ALIBABA_CLOUD_PROFILE, or else the current profile. If the profile does not exist or is empty, cliProfileKey
// returns a notConfiguredError.
func (s *system) cliProfileKey(ctx context.Context, name string, rejected signer.Credentials) (foundKey, error) {
	r := profileReader{system: s, path: s.configPath(), rejected: rejected}
	config, err := readConfig(r.path)
	if err != nil {
		return foundKey{}, err
	}
	r.config = config
	name = cmp.Or(name, s.getenv("ALIBABA_CLOUD_PROFILE"))
	label := "the current profile"
	if name != "" {
		label = "profile " + show(name)
	} else {
		name = cmp.Or(config.Current, "default")
	}
	key, err := r.key(ctx, name, nil)
	switch {
	case isNotConfigured(err):
		return key, notConfigured("%s in %s %v", label, show(r.path), err)
	case err != nil:
		return key, fmt.Errorf("%s in %s: %w", label, show(r.path), err)
	}
	return key, nil
}

// key returns the key of the named profile. The argument via contains the names of the profiles that led to this
// profile through source_profile, in order.
func (r *profileReader) key(ctx context.Context, name string, via []string) (foundKey, error) {
	p, _, err := r.config.find(name)
	switch {
	case err != nil:
		return foundKey{}, fmt.Errorf("the profile is %w", err)
	case p == nil:
		return foundKey{}, notConfigured("does not exist")
	}
	mode := canonicalMode(p.Mode, supportedModes)
	if p.Mode == "" {
		mode = p.inferMode()
	}
	switch {
	case mode != "":
	case p.Mode == "":
		return foundKey{}, notConfigured("is empty: run aliyun configure")
	default:
		unusable := cmp.Or(canonicalMode(p.Mode, unsupportedModes), "in the profile")
		return foundKey{}, fmt.Errorf("the mode %s is not supported: use one of %s", unusable, strings.Join(supportedModes, ", "))
	}
	key, err := r.modeKey(ctx, p, mode, append(via, name))
	if isNotConfigured(err) && mode != "AK" { // the profile exists, so the error must end the search
		err = errors.New(err.Error())
	}
	key.kind = mode
	return key, err
}

// inferMode infers the mode of a profile that does not specify one, according to the rules of the CLI. It returns "" if
// the fields of the profile fit no mode.
func (p *cliProfile) inferMode() string {
	switch {
	case p.AccessKeyID != "" && p.AccessKeySecret != "" && p.StsToken != "":
		return "StsToken"
	case p.AccessKeyID != "" && p.AccessKeySecret != "" && p.RoleARN != "":
		return "RamRoleArn"
	case p.AccessKeyID != "" || p.AccessKeySecret != "":
		return "AK"
	case p.RoleName != "":
		return "EcsRamRole"
	case p.ProcessCommand != "":
		return "External"
	case p.OIDCProviderARN != "" && p.OIDCTokenFile != "":
		return "OIDC"
	case p.SignInURL != "":
		return "CloudSSO"
	}
	return ""
}

// roleOfSource assumes the RAM role of p, using the key of its source profile.
func (r *profileReader) roleOfSource(ctx context.Context, p *cliProfile, via []string) (foundKey, error) {
	switch {
	case p.SourceProfile == "":
		return foundKey{}, errors.New("source_profile is empty")
	case slices.Contains(via, p.SourceProfile):
		return foundKey{}, fmt.Errorf("the source profiles form a cycle of length %d", len(via)-slices.Index(via, p.SourceProfile))
	case len(via) >= maxSources:
		return foundKey{}, fmt.Errorf("the chain of source profiles has more than %d profiles", maxSources)
	}
	source, err := r.key(ctx, p.SourceProfile, via)
	if err != nil {
		return foundKey{}, fmt.Errorf("source_profile: %w", err)
	}
	return r.assumeRole(ctx, source.Credentials, r.role(p))
}

// modeKey returns the key of a profile in one of the supportedModes. The last element of via is the name of the profile
// itself.
func (r *profileReader) modeKey(ctx context.Context, p *cliProfile, mode string, via []string) (foundKey, error) {
	static := signer.Credentials{AccessKeyID: p.AccessKeyID, AccessKeySecret: p.AccessKeySecret}
	switch mode {
	case "AK":
		if static == (signer.Credentials{}) {
			return foundKey{}, notConfigured("has no access key: run aliyun configure")
		}
		return foundKey{Credentials: static}, validateKey(static)
	case "StsToken":
		static.SecurityToken = p.StsToken
		if p.StsToken == "" {
			return foundKey{}, errors.New("sts_token is empty")
		}
		return foundKey{Credentials: static}, validateKey(static)
	case "RamRoleArn":
		static.SecurityToken = p.StsToken
		return r.assumeRole(ctx, static, r.role(p))
	case "ChainableRamRoleArn":
		return r.roleOfSource(ctx, p, via)
	case "EcsRamRole":
		return r.instanceRole(ctx, p.RoleName)
	case "RamRoleArnWithRoleName":
		key, err := r.instanceRole(ctx, p.RoleName)
		if err != nil {
			return foundKey{}, err
		}
		return r.assumeRole(ctx, key.Credentials, r.role(p))
	case "OIDC":
		return r.assumeRoleWithOIDC(ctx, r.role(p), cmp.Or(p.OIDCProviderARN, r.getenv("ALIBABA_CLOUD_OIDC_PROVIDER_ARN")), p.OIDCToken,
			cmp.Or(p.OIDCTokenFile, r.getenv("ALIBABA_CLOUD_OIDC_TOKEN_FILE")))
	case "CredentialsURI":
		return r.credentialsURI(ctx, cmp.Or(p.URI, r.getenv("ALIBABA_CLOUD_CREDENTIALS_URI")))
	case "External":
		return externalKey(ctx, p.ProcessCommand)
	}
	if key, ok := p.cachedKey(); ok && key.Credentials != r.rejected {
		return key, nil
	}
	if mode == "CloudSSO" {
		return r.cloudSSO(ctx, p)
	}
	return r.oauthKey(ctx, p)
}

// cachedKey returns the temporary key that the CLI has stored in the profile. It returns false if the key is missing or
// malformed, or is about to expire.
func (p *cliProfile) cachedKey() (foundKey, bool) {
	key := foundKey{
		Credentials: signer.Credentials{AccessKeyID: p.AccessKeyID, AccessKeySecret: p.AccessKeySecret, SecurityToken: p.StsToken},
		expires:     time.Unix(p.StsExpiration, 0),
	}
	return key, p.StsToken != "" && validateKey(key.Credentials) == nil && time.Until(key.expires) > refreshBefore
}

func (r *profileReader) role(p *cliProfile) role {
	return role{
		arn: cmp.Or(p.RoleARN, r.getenv("ALIBABA_CLOUD_ROLE_ARN")), sessionName: p.SessionName, seconds: p.Seconds,
		policy: p.Policy, externalID: p.ExternalID, stsRegion: p.StsRegion, vpc: p.VPC,
	}
}
