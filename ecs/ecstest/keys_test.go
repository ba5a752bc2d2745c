package ecstest_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// TestKeys checks the error code for each kind of invalid key, such as an expired, disabled or revoked key.
func TestKeys(t *testing.T) {
	t.Parallel()
	srv := start(t, small(1)...)
	own := srv.Credentials()
	with := func(token string) ecstest.Key {
		return ecstest.Key{Credentials: signer.Credentials{AccessKeyID: own.AccessKeyID, AccessKeySecret: own.AccessKeySecret, SecurityToken: token}}
	}
	expired, disabled := with("token"), with("")
	expired.Expires, disabled.Disabled = time.Now().Add(-time.Second), true
	other := with("")
	other.Credentials.AccessKeySecret += "x"
	for _, test := range []struct {
		name, token string
		key         ecstest.Key
		status      int
		code        string
	}{
		{"temporary", "token", with("token"), 200, ""},
		{"no token", "-", with("token"), 400, "MissingSecurityToken"},
		{"other token", "Token", with("token"), 400, "InvalidSecurityToken.MismatchWithAccessKey"},
		{"expired", "token", expired, 400, "InvalidSecurityToken.Expired"},
		{"disabled", "-", disabled, 400, "InvalidAccessKeyId.Inactive"},
		{"other secret", "-", other, 400, "SignatureDoesNotMatch"},
		{"the first key again", "-", with(""), 200, ""},
	} {
		srv.AddKey(test.key)
		if a := list(t, srv, "SecurityToken", test.token); a.status != test.status || a.Code != test.code {
			t.Errorf("%s: %d %s, want %d %s", test.name, a.status, a.raw, test.status, test.code)
		}
	}
	srv.RevokeKey(own.AccessKeyID)
	if a := list(t, srv); a.status != 404 || a.Code != "InvalidAccessKeyId.NotFound" {
		t.Errorf("revoked: %d %s", a.status, a.raw)
	}
}

// TestDeny checks that Key.Deny and Key.DenyIn deny only the operations and regions that they name.
func TestDeny(t *testing.T) {
	t.Parallel()
	srv := start(t, every(), ecs.Instance{InstanceID: "i-2", RegionID: "cn-beijing"})
	srv.Handle("StopInstances", func(ecstest.Request) (any, error) { return nil, nil })
	own := srv.Credentials()
	deny := func(actions ...string) ecstest.Key { return ecstest.Key{Credentials: own, Deny: actions} }
	beijing := ecstest.Key{Credentials: own, DenyIn: map[string][]string{"cn-beijing": {"ecs:Describe*"}}}
	for _, test := range []struct {
		name   string
		key    ecstest.Key
		action string
		params []string
		code   string
	}{
		{"plain name", deny("DescribeInstances"), "DescribeInstances", nil, "Forbidden.RAM"},
		{"as in a policy", deny("ecs:DescribeInstances"), "DescribeInstances", nil, "Forbidden.RAM"},
		{"by token", deny("DescribeInstances"), "DescribeInstances", []string{"MaxResults", "10"}, "Forbidden.RAM"},
		{"dry run", deny("DescribeInstances"), "DescribeInstances", []string{"DryRun", "true"}, "Forbidden.RAM"},
		{"wildcard", deny("ecs:Describe*"), "DescribeInstances", nil, "Forbidden.RAM"},
		{"wildcard, another operation", deny("ecs:Describe*"), "ListTagResources", []string{"ResourceType", "instance", "Tag.1.Key", "env"}, ""},
		{"everything", deny("*"), "DescribeRegions", nil, "Forbidden.RAM"},
		{"everything of ECS", deny("ecs:*"), "DescribeInstanceStatus", nil, "Forbidden.RAM"},
		{"the second of two", deny("DescribeRegions", "ListTagResources"), "ListTagResources", []string{"ResourceType", "instance", "Tag.1.Key", "env"}, "NoPermission.Tag"},
		{"another operation", deny("DescribeRegions"), "DescribeInstances", []string{"DryRun", "true"}, "DryRunOperation"},
		{"an operation of Handle", deny("StopInstances"), "StopInstances", nil, "Forbidden.RAM"},
		{"an unknown region", deny("*"), "DescribeInstances", []string{"RegionId", "cn-atlantis"}, "InvalidRegionId.NotFound"},
		{"in this region", beijing, "DescribeInstances", []string{"RegionId", "cn-beijing"}, "Forbidden.RAM"},
		{"in another region", beijing, "DescribeInstances", nil, ""},
		{"in this region, another operation", beijing, "ListTagResources", []string{"RegionId", "cn-beijing", "ResourceType", "instance", "Tag.1.Key", "env"}, ""},
		{"nothing", deny(), "DescribeInstances", nil, ""},
	} {
		srv.AddKey(test.key)
		a := ask(t, srv, test.action, test.params...)
		if a.Code != test.code || strings.Contains(test.code, "Permission") && a.status != 403 {
			t.Errorf("%s: %d %s, want %q", test.name, a.status, a.raw, test.code)
		}
		if a.Code == "Forbidden.RAM" && (a.status != 403 || a.AccessDeniedDetail.AuthAction != "ecs:"+test.action || !strings.Contains(a.Message, "not authorized") || a.Recommend == "") {
			t.Errorf("%s: %d %s", test.name, a.status, a.raw)
		}
	}
}

// TestDenyUnknown checks that a key panics if one of its denials can never apply, for example because the operation's
// name is misspelled.
func TestDenyUnknown(t *testing.T) {
	t.Parallel()
	srv := start(t)
	for name, key := range map[string]ecstest.Key{
		"typing error":       {Deny: []string{"DescribeInstance"}},
		"case":               {Deny: []string{"ecs:describeInstances"}},
		"another product":    {Deny: []string{"rds:DescribeInstances"}},
		"empty":              {Deny: []string{""}},
		"wildcard":           {Deny: []string{"DescribeInstances", "ecs:Stop*"}},
		"in a region":        {DenyIn: map[string][]string{"cn-hangzhou": {"StopInstances"}}},
		"in no known region": {DenyIn: map[string][]string{"cn-bejing": {"*"}}},
	} {
		key.Credentials = srv.Credentials()
		panics := func(f func()) (text any) {
			defer func() { text = recover() }()
			f()
			return nil
		}
		if text := panics(func() { srv.AddKey(key) }); text == nil || !strings.HasPrefix(text.(string), "ecstest: Key.Deny") {
			t.Errorf("%s: AddKey: %v", name, text)
		}
		if panics(func() { srv.UpdateKey(key.Credentials.AccessKeyID, func(k *ecstest.Key) { *k = key }) }) == nil {
			t.Errorf("%s: UpdateKey does not panic", name)
		}
	}
	if a := ask(t, srv, "DescribeInstances"); a.status != 200 { // the panics must neither lock the server nor change the key
		t.Errorf("afterwards: %s", a.raw)
	}
}

// TestEmptyIfDenied checks that EmptyIfDenied reproduces the API's behavior before 2025-12-20.
func TestEmptyIfDenied(t *testing.T) {
	t.Parallel()
	srv := start(t, every())
	srv.Configure(func(s *ecstest.Settings) { s.EmptyIfDenied = true })
	srv.AddKey(ecstest.Key{Credentials: srv.Credentials(), Deny: []string{"*"}})
	for _, test := range []struct {
		action string
		params []string
		code   string
	}{
		{"DescribeInstances", nil, ""},
		{"DescribeInstances", []string{"MaxResults", "10"}, ""},
		{"DescribeInstances", []string{"InstanceIds", `["i-every"]`}, ""},
		{"DescribeInstances", []string{"MaxResults", "10", "NextToken", "x"}, ""},
		{"DescribeInstances", []string{"DryRun", "true"}, "Forbidden.RAM"},
		{"DescribeInstances", []string{"Status", "x"}, "InvalidStatus.NotFound"},
		{"DescribeRegions", nil, "Forbidden.RAM"},
		{"ListTagResources", []string{"ResourceType", "instance", "Tag.1.Key", "env"}, "NoPermission.Tag"},
	} {
		a := ask(t, srv, test.action, test.params...)
		if a.Code != test.code || test.code == "" && !strings.Contains(a.raw, `"Instance":[]`) || a.TotalCount != 0 || a.NextToken != "" {
			t.Errorf("%s %v: %s, want %q", test.action, test.params, a.raw, test.code)
		}
	}
}

// TestPermissionWithdrawn checks that UpdateKey and a fault can withdraw the permission after two pages and restore it
// later.
func TestPermissionWithdrawn(t *testing.T) {
	t.Parallel()
	for name, withdraw := range map[string]func(*ecstest.Server){
		"by UpdateKey": func(srv *ecstest.Server) {
			srv.Configure(func(s *ecstest.Settings) {
				s.OnRequest = func(ecstest.Request) { // the change also applies to the current request
					n := len(srv.Requests())
					srv.UpdateKey(srv.Credentials().AccessKeyID, func(k *ecstest.Key) {
						k.Deny = nil
						if n == 3 || n == 4 {
							k.Deny = []string{"ecs:DescribeInstances"}
						}
					})
				}
			})
		},
		"by a fault": func(srv *ecstest.Server) { srv.Inject(ecstest.Fault{Denied: true, Skip: 2, Times: 2}) },
	} {
		srv := start(t, small(60)...)
		withdraw(srv)
		var got []string
		token := ""
		for range 5 {
			a := list(t, srv, "MaxResults", "10", "NextToken", token)
			got = append(got, strconv.Itoa(len(a.ids()))+a.Code)
			if a.status == 200 {
				token = a.NextToken
			}
		}
		if want := []string{"10", "10", "0Forbidden.RAM", "0Forbidden.RAM", "10"}; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		if srv.UpdateKey("LTAIother", func(*ecstest.Key) { t.Error("called for an unknown key") }) {
			t.Errorf("%s: an unknown key was updated", name)
		}
	}
}

// TestIssueKey checks that a temporary key works until it expires.
func TestIssueKey(t *testing.T) {
	t.Parallel()
	pipe(t, func(t *testing.T, srv *ecstest.Server, _ *ecs.Client) {
		srv.Configure(func(s *ecstest.Settings) { s.ClockSkew = -5 * time.Minute })
		key := srv.IssueKey(time.Hour)
		client, err := srv.Client("cn-hangzhou", &ecs.Options{
			Credentials: ecs.StaticCredentials(key.AccessKeyID, key.AccessKeySecret, key.SecurityToken), Retry: ecs.RetryPolicy{MaxAttempts: 1},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer client.CloseIdleConnections()
		for _, test := range []struct {
			wait time.Duration
			code string
		}{{0, ""}, {59 * time.Minute, ""}, {2 * time.Minute, "InvalidSecurityToken.Expired"}} {
			time.Sleep(test.wait)
			_, err := client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{})
			var e *ecs.Error
			if errors.As(err, &e); (err == nil) != (test.code == "") || err != nil && (e == nil || e.Code != test.code) {
				t.Errorf("after %v: %v, want %q", test.wait, err, test.code)
			}
		}
	})
}
