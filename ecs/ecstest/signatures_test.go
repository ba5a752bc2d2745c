package ecstest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

const listing = "RegionId=cn-hangzhou&InstanceIds=%5B%22i-bp67acfmxazb4p****%22%2C%22i-bp67acfmxazb4q****%22%5D&MaxResults=100&NextToken=caeba0bbb2be03f84eb48b699f0a4883" +
	"&Tag.1.Key=%E7%8E%AF%E5%A2%83&Tag.1.Value=a%20b%2A~%2B%2F%3D%26%25&Filter.1.Key=CreationStartTime&Filter.1.Value=2017-12-05T22%3A40Z&AdditionalAttributes.1=META_OPTIONS" +
	"&DryRun=false&InstanceName=web-%2A"

// vectors contains published requests with their signatures. The last three were signed with the vendor's code.
var vectors = []struct {
	name, method, query, signature string
	host, action, date, nonce      string // only used for V3
	id, secret, token              string // if empty, id and secret are "testid" and "testsecret"
	now                            string
	code                           string // the error code returned after the signature was accepted
}{
	{
		name: "documented GET", method: "GET", now: "2016-02-23T12:46:24Z", signature: "OLeaidS1JvxuMvnyHOwuJ+uX5qY=",
		query: "Action=DescribeRegions&Format=XML&Version=2014-05-26&Timestamp=2016-02-23T12:46:24Z&SignatureNonce=3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
	},
	{
		name: "the same as POST", method: "POST", now: "2016-02-23T12:46:24Z", signature: "MxbnVAM4w6sft9xjVpe/GCKueuk=",
		query: "Action=DescribeRegions&Format=XML&Version=2014-05-26&Timestamp=2016-02-23T12:46:24Z&SignatureNonce=3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
	},
	{
		name: "another operation", method: "GET", now: "2023-03-13T08:34:30Z", signature: "9NaGiOspFP5UPcwX8Iwt2YJXXuk=", code: "InvalidApi.NotFound",
		query: "Action=DescribeDedicatedHosts&Format=JSON&RegionId=cn-beijing&Version=2014-05-26&Timestamp=2023-03-13T08:34:30Z&SignatureNonce=edb2b34af0af9a6d14deaf7c1a5315eb",
	},
	{
		name: "another version", method: "GET", now: "2015-08-06T02:19:46Z", signature: "KkkQOf0ymKf4yVZLggy6kYiwgFs=", code: "InvalidVersion",
		query: "Action=DescribeCdnService&Format=JSON&Version=2014-11-11&Timestamp=2015-08-06T02:19:46Z&SignatureNonce=9b7a44b0-3be1-11e5-8c73-08002700c460",
	},
	{
		name: "V3", method: "POST", now: "2023-10-26T10:22:32Z", code: "InvalidApi.NotFound", id: "YourAccessKeyId", secret: "YourAccessKeySecret",
		query: "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai",
		host:  "ecs.cn-shanghai.aliyuncs.com", action: "RunInstances", nonce: "3156853299f313e23d1673dc12e1703d",
		signature: "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
	},
	{
		name: "a listing with a token in V1", method: "GET", now: "2024-02-04T12:46:24Z", token: "CAIS+token/with=chars", code: "InvalidParameter.NextToken",
		query:     listing + "&Action=DescribeInstances&Version=2014-05-26&Format=JSON&SignatureNonce=3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf&Timestamp=2024-02-04T12:46:24Z&SecurityToken=CAIS%2Btoken%2Fwith%3Dchars",
		signature: "aFUMnTufkidY4R72mZehfecVtLc=",
	},
	{
		name: "a listing in V3", method: "GET", now: "2024-02-04T12:46:24Z", query: listing, code: "InvalidParameter.NextToken",
		host: "ecs.cn-hangzhou.aliyuncs.com", action: "DescribeInstances", nonce: "3156853299f313e23d1673dc12e1703d",
		signature: "b17c41b59df42671fbb0429cbef9eb4c1c089f5e709975e05177cc77a2bc1c65",
	},
	{
		name: "a listing with a token in V3", method: "GET", now: "2024-02-04T12:46:24Z", query: listing, token: "CAIS+token/with=chars", code: "InvalidParameter.NextToken",
		host: "ecs.cn-hangzhou.aliyuncs.com", action: "DescribeInstances", nonce: "3156853299f313e23d1673dc12e1703d",
		signature: "6fd0d9648275e31d22e65170ef7281b3d532888151c2569a101434cb898228c9",
	},
}

// TestVectors checks that the server accepts published signatures, and rejects a signature with one changed character.
func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			now, err := time.Parse(time.RFC3339, v.now)
			if err != nil {
				t.Fatal(err)
			}
			srv.Configure(func(s *ecstest.Settings) { s.ClockSkew = time.Until(now) })
			id, secret := v.id, v.secret
			if id == "" {
				id, secret = "testid", "testsecret"
			}
			srv.AddKey(ecstest.Key{Credentials: signer.Credentials{AccessKeyID: id, AccessKeySecret: secret, SecurityToken: v.token}})
			build := func(signature string) *http.Request {
				if v.action == "" {
					query := v.query + "&AccessKeyId=" + id + "&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0&Signature=" + url.QueryEscape(signature)
					return newRequest(t, v.method, srv.URL()+"/?"+query, "")
				}
				r := newRequest(t, v.method, srv.URL()+"/?"+v.query, "")
				r.Host = v.host
				signed := "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
				if v.token != "" {
					signed = "host;x-acs-accesskey-id;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-security-token;x-acs-signature-nonce;x-acs-version"
					r.Header.Set("x-acs-accesskey-id", id)
					r.Header.Set("x-acs-security-token", v.token)
				}
				for name, value := range map[string]string{
					"action": v.action, "version": "2014-05-26", "date": v.now, "signature-nonce": v.nonce,
					"content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
				} {
					r.Header.Set("x-acs-"+name, value)
				}
				r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential="+id+",SignedHeaders="+signed+",Signature="+signature)
				return r
			}
			flipped := map[bool]string{true: "1", false: "0"}[v.signature[0] == '0'] + v.signature[1:]
			if a := must(t, build(flipped)); last(srv).AuthError != "SignatureDoesNotMatch" {
				t.Errorf("with a wrong signature: %d %s", a.status, a.raw)
			}
			a := must(t, build(v.signature))
			if got := last(srv); got.AuthError != "" || got.Code != v.code {
				t.Errorf("auth error %q, code %q, want code %q: %s", got.AuthError, got.Code, v.code, a.raw)
			}
			must(t, build(v.signature))
			if got := last(srv); got.AuthError != "SignatureNonceUsed" {
				t.Errorf("sent again: auth error %q", got.AuthError)
			}
		})
	}
}

// TestRefusedV1 checks the error code for each kind of invalid V1 request.
func TestRefusedV1(t *testing.T) {
	t.Parallel()
	srv := start(t, small(1)...)
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format("2006-01-02T15:04:05Z") }
	for _, test := range []struct {
		name   string
		params url.Values // "-" omits the parameter
		status int
		code   string
		naming string
	}{
		{"valid", nil, 200, "", ""},
		{"no Action", pairs("Action", "-"), 400, "MissingParameter", "Action"},
		{"no Version", pairs("Version", "-"), 400, "MissingParameter", "Version"},
		{"other Version", pairs("Version", "2014-05-27"), 400, "InvalidVersion", ""},
		{"unknown Action", pairs("Action", "describeInstances"), 404, "InvalidApi.NotFound", ""},
		{"no key", pairs("AccessKeyId", "-"), 400, "MissingAccessKeyId", "AccessKeyId is mandatory for this action."},
		{"unknown key", pairs("AccessKeyId", "LTAIother"), 404, "InvalidAccessKeyId.NotFound", ""},
		{"no method", pairs("SignatureMethod", "-"), 400, "MissingParameter", "SignatureMethod"},
		{"other method", pairs("SignatureMethod", "HMAC-SHA256"), 400, "InvalidSignatureMethod", ""},
		{"no signature version", pairs("SignatureVersion", ""), 400, "MissingParameter", "SignatureVersion"},
		{"other signature version", pairs("SignatureVersion", "2.0"), 400, "InvalidParamater", "SignatureVersion"},
		{"no nonce", pairs("SignatureNonce", "-"), 400, "MissingParameter", "SignatureNonce"},
		{"no time", pairs("Timestamp", "-"), 400, "MissingParameter", "Timestamp"},
		{"odd time", pairs("Timestamp", "2024-02-04 12:46:24"), 400, "IllegalTimestamp", ""},
		{"late", pairs("Timestamp", at(-15*time.Minute-5*time.Second)), 400, "InvalidTimeStamp.Expired", ""},
		{"not too late", pairs("Timestamp", at(-14*time.Minute)), 200, "", ""},
		{"early", pairs("Timestamp", at(16*time.Minute)), 400, "InvalidTimeStamp.Expired", ""},
		{"not too early", pairs("Timestamp", at(14*time.Minute)), 200, "", ""},
		{"token with a permanent key", pairs("SecurityToken", "x"), 400, "InvalidSecurityToken.Malformed", ""},
		{"no region", pairs("RegionId", "-"), 400, "MissingParameter", "RegionId"},
		{"empty region", pairs("RegionId", ""), 400, "MissingParameter", "RegionId"},
		{"unknown region", pairs("RegionId", "cn-atlantis"), 404, "InvalidRegionId.NotFound", ""},
		{"unknown parameter", pairs("InstanceId", "i-none"), 200, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := must(t, request(t, srv, "DescribeInstances", test.params))
			if a.status != test.status || a.Code != test.code || !strings.Contains(a.Message, test.naming) {
				t.Errorf("%d %s %q, want %d %s naming %q", a.status, a.Code, a.Message, test.status, test.code, test.naming)
			}
			if a.Code != "" && (a.RequestID == "" || a.header.Get("x-acs-request-id") != a.RequestID || a.HostID == "" || !strings.Contains(a.Recommend, a.Code)) {
				t.Errorf("the error is incomplete: %s", a.raw)
			}
			if a.Code == "" && len(a.Instances.Instance) != 1 {
				t.Errorf("got %s", a.raw)
			}
		})
	}
}

// TestTampered checks that a signed request is rejected after any change.
func TestTampered(t *testing.T) {
	t.Parallel()
	srv := start(t, small(1)...)
	for name, change := range map[string]func(*http.Request){
		"another region": func(r *http.Request) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "cn-hangzhou", "cn-beijing", 1)
		},
		"an additional parameter":       func(r *http.Request) { r.URL.RawQuery += "&Status=Running" },
		"an additional empty parameter": func(r *http.Request) { r.URL.RawQuery += "&Status=" },
		"a value twice":                 func(r *http.Request) { r.URL.RawQuery += "&RegionId=cn-hangzhou" },
		"GET":                           func(r *http.Request) { r.Method = http.MethodGet },
		"a parameter in the body":       func(r *http.Request) { form(r, "Status=Running") },
		"a value repeated in the body":  func(r *http.Request) { form(r, "RegionId=cn-hangzhou") },
		"a secret too short": func(r *http.Request) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "Signature=", "Signature=A", 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request(t, srv, "DescribeInstances", nil)
			change(r)
			a := must(t, r)
			if a.status != 400 || a.Code != "SignatureDoesNotMatch" {
				t.Fatalf("%d %s", a.status, a.raw)
			}
			all, _ := url.ParseQuery(r.URL.RawQuery)
			switch name {
			case "a parameter in the body":
				all.Set("Status", "Running")
			case "a value repeated in the body":
				all.Add("RegionId", "cn-hangzhou")
			}
			if want := "sign is:" + signer.StringToSign(r.Method, all); !strings.HasSuffix(a.Message, want) {
				t.Errorf("message %q\nwant the string to sign: %q", a.Message, want)
			}
		})
	}
	t.Run("no signature", func(t *testing.T) {
		t.Parallel()
		r := request(t, srv, "DescribeInstances", nil)
		r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "Signature=", "Signatur=", 1)
		if a := must(t, r); a.Code != "IncompleteSignature" {
			t.Errorf("%d %s", a.status, a.raw)
		}
	})
}

func form(r *http.Request, body string) {
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
}

// TestMethodsAndForms checks that V1 accepts GET and POST, with parameters in the query, in the form, or in both.
func TestMethodsAndForms(t *testing.T) {
	t.Parallel()
	srv := start(t, small(2)...)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for _, split := range []string{"query", "form", "both"} {
			t.Run(method+" "+split, func(t *testing.T) {
				t.Parallel()
				r := request(t, srv, "DescribeInstances", pairs("InstanceIds", `["i-0001"]`))
				p := r.URL.Query()
				p.Del("Signature")
				p = signV1(method, p, srv.Credentials().AccessKeySecret)
				query, body := url.Values{}, url.Values{}
				for name, values := range p {
					if split == "form" || split == "both" && name < "Si" {
						body[name] = values
					} else {
						query[name] = values
					}
				}
				r.Method, r.URL.RawQuery = method, query.Encode()
				form(r, body.Encode())
				if a := must(t, r); a.status != 200 || len(a.ids()) != 1 || a.ids()[0] != "i-0001" {
					t.Errorf("%d %s", a.status, a.raw)
				}
			})
		}
	}
	other := start(t)
	r := request(t, other, "DescribeInstances", nil)
	r.Method = http.MethodPut
	if a := must(t, r); a.status != 400 || a.Code != "UnsupportedHTTPMethod" {
		t.Errorf("PUT: %d %s", a.status, a.Code)
	}
	r = request(t, other, "DescribeInstances", nil)
	r.URL.Path = "/instances"
	if a := must(t, r); a.status != 404 || a.Code != "InvalidApi.NotFound" {
		t.Errorf("another path: %d %s", a.status, a.Code)
	}
	r = request(t, other, "DescribeInstances", nil)
	r.URL.RawQuery += "&x=%zz"
	if a := must(t, r); a.status != 400 || a.Code != "InvalidParameter" {
		t.Errorf("broken escape: %d %s", a.status, a.Code)
	}
}

// requestV3 returns a request signed with V3.
func requestV3(t *testing.T, srv *ecstest.Server, params url.Values, body string) *http.Request {
	t.Helper()
	host := strings.TrimPrefix(srv.URL(), "http://")
	signed, err := signer.V3{}.Sign(signer.Request{
		Method: "POST", Host: host, Action: "DescribeInstances", Version: "2014-05-26", Params: params, Time: time.Now(), Nonce: hexHash(t.Name() + time.Now().String()),
	}, srv.Credentials())
	if err != nil {
		t.Fatal(err)
	}
	r := newRequest(t, http.MethodPost, srv.URL()+"/?"+signed.Query, body)
	r.Header = signed.Header
	return r
}

func hexHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// signV3 signs a request again after its headers have been changed. names is the list of signed headers, separated by
// semicolons.
func signV3(srv *ecstest.Server, r *http.Request, names string) {
	canonical := signer.CanonicalRequest(signer.Request{Method: r.Method, Host: r.URL.Host, Params: r.URL.Query()}, r.Header)
	m := hmac.New(sha256.New, []byte(srv.Credentials().AccessKeySecret))
	_, _ = io.WriteString(m, "ACS3-HMAC-SHA256\n"+hexHash(canonical))
	r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential="+srv.Credentials().AccessKeyID+",SignedHeaders="+names+",Signature="+hex.EncodeToString(m.Sum(nil)))
}

// mismatchV3 matches the API's error message for a wrong V3 signature.
var mismatchV3 = regexp.MustCompile(`^Specified signature does not match our calculation. server StringToSign is \[ACS3-HMAC-SHA256 [0-9a-f]{64}\]$`)

func TestRefusedV3(t *testing.T) {
	t.Parallel()
	srv := start(t, small(2)...)
	const names = "content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
	for _, test := range []struct {
		name   string
		change func(*http.Request)
		code   string
	}{
		{"valid", func(*http.Request) {}, ""},
		{"form in the body", func(r *http.Request) {
			body := "InstanceIds=" + url.QueryEscape(`["i-0001","i-0000"]`)
			form(r, body)
			r.Header.Set("X-Acs-Content-Sha256", hexHash(body))
			signV3(srv, r, names)
		}, ""},
		{"two values of a header", func(r *http.Request) {
			r.Header["X-Acs-Test"] = []string{" https ", "http"}
			signV3(srv, r, strings.TrimPrefix(strings.Replace(names, "x-acs-version", "x-acs-test;x-acs-version", 1), "content-type;"))
		}, ""},
		{"another body", func(r *http.Request) { form(r, "InstanceIds=[]"); r.Header.Del("Content-Type") }, "IncompleteSignature"},
		{"unsigned header of the API", func(r *http.Request) { r.Header.Set("X-Acs-Other", "x") }, "IncompleteSignature"},
		{"unsigned content type", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, "IncompleteSignature"},
		{"header gone", func(r *http.Request) { r.Header.Del("X-Acs-Version") }, "MissingParameter"},
		{"date gone", func(r *http.Request) { r.Header.Del("X-Acs-Date") }, "MissingParameter"},
		{"nonce gone", func(r *http.Request) { r.Header.Del("X-Acs-Signature-Nonce") }, "MissingParameter"},
		{"another query", func(r *http.Request) { r.URL.RawQuery += "&Status=Running" }, "SignatureDoesNotMatch"},
		{"another host", func(r *http.Request) { r.Host = "ecs.cn-hangzhou.aliyuncs.com" }, "SignatureDoesNotMatch"},
		{"another action", func(r *http.Request) { r.Header.Set("X-Acs-Action", "DescribeRegions") }, "SignatureDoesNotMatch"},
		{"another method", func(r *http.Request) { r.Method = "GET" }, "SignatureDoesNotMatch"},
		{"no Authorization", func(r *http.Request) { r.Header.Del("Authorization") }, "IncompleteSignature"},
		{"other algorithm", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "HMAC-SHA256", "RSA-SHA256", 1))
		}, "IncompleteSignature"},
		{"nothing in Authorization", func(r *http.Request) { r.Header.Set("Authorization", "ACS3-HMAC-SHA256") }, "MissingParameter"},
		{"unknown key", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Credential=", "Credential=x", 1))
		}, "InvalidAccessKeyId.NotFound"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := requestV3(t, srv, pairs("RegionId", "cn-hangzhou"), "")
			test.change(r)
			a := must(t, r)
			if a.Code != test.code || (a.status == 200) != (test.code == "") {
				t.Errorf("%d %s, want %q", a.status, a.raw, test.code)
			}
			if a.Code == "" && len(a.ids()) != 2 {
				t.Errorf("got %v", a.ids())
			}
			if a.Code == "SignatureDoesNotMatch" && !mismatchV3.MatchString(a.Message) {
				t.Errorf("message %q", a.Message)
			}
		})
	}
}

// TestClock checks that an error response contains the server's time in the Date header.
func TestClock(t *testing.T) {
	t.Parallel()
	srv := start(t, small(1)...)
	srv.Configure(func(s *ecstest.Settings) { s.ClockSkew = 30 * time.Minute })
	a := list(t, srv)
	date, err := http.ParseTime(a.header.Get("Date"))
	if a.Code != "InvalidTimeStamp.Expired" || err != nil || time.Until(date).Round(time.Minute) != 30*time.Minute {
		t.Fatalf("%s, Date %q", a.Code, a.header.Get("Date"))
	}
	if a := list(t, srv, "Timestamp", date.UTC().Format("2006-01-02T15:04:05Z")); a.Code != "" {
		t.Errorf("with the server's time: %s", a.raw)
	}
}

// TestReplay checks that a nonce can be used in only one authentic request.
func TestReplay(t *testing.T) {
	t.Parallel()
	srv := start(t, small(1)...)
	nonce := pairs("SignatureNonce", "n", "AccessKeyId", "LTAIother")
	if a := must(t, request(t, srv, "DescribeInstances", nonce)); a.Code != "InvalidAccessKeyId.NotFound" {
		t.Fatal(a.raw)
	}
	for _, want := range []string{"", "SignatureNonceUsed"} {
		if a := list(t, srv, "SignatureNonce", "n"); a.Code != want {
			t.Errorf("code %q, want %q", a.Code, want)
		}
	}
}

// TestRequests checks that the server records the parameters of a request, but not its secrets.
func TestRequests(t *testing.T) {
	t.Parallel()
	srv := start(t, small(1)...)
	secret := signer.Credentials{AccessKeyID: "STS.id", AccessKeySecret: "the-secret", SecurityToken: "the-token"}
	srv.AddKey(ecstest.Key{Credentials: secret})
	for _, s := range []signer.Signer{signer.V1{}, signer.V3{}} {
		client, err := srv.Client("cn-hangzhou", &ecs.Options{Signer: s, Credentials: ecs.StaticCredentials(secret.AccessKeyID, secret.AccessKeySecret, secret.SecurityToken)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{InstanceName: "a*", MaxResults: 50}); err != nil {
			t.Fatal(err)
		}
		got := last(srv)
		want := ecstest.Request{
			Time: got.Time, Method: "POST", Action: "DescribeInstances", Region: "cn-hangzhou", SignatureVersion: got.SignatureVersion, AccessKeyID: "STS.id",
			Params: pairs("RegionId", "cn-hangzhou", "InstanceName", "a*", "MaxResults", "50"), Nonce: got.Nonce, UserAgent: got.UserAgent,
			RemoteAddr: got.RemoteAddr, RequestID: got.RequestID, Status: 200,
		}
		if got.Params.Encode() != want.Params.Encode() {
			t.Errorf("params %v, want %v", got.Params, want.Params)
		}
		got.Params, want.Params = nil, nil
		if !equal(got, want) || got.Nonce == "" || got.RemoteAddr == "" || !strings.HasPrefix(got.UserAgent, "aliyun-ecs-sdk-go/") || time.Since(got.Time) > time.Minute {
			t.Errorf("got %+v", got)
		}
	}
	if r := srv.Requests(); r[0].SignatureVersion != "1.0" || r[1].SignatureVersion != "ACS3-HMAC-SHA256" || r[0].Nonce == r[1].Nonce {
		t.Errorf("got %+v", r)
	}
}
