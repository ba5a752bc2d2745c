package signer

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// The expected signatures in this file come from the vendor's documentation and unit tests. For the test cases named D1
// and later, the vendor's code computed the signatures.

// kv returns url.Values with the given names and values. The arguments alternate between names and values.
func kv(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

// with returns a copy of base with additional parameters.
func with(base url.Values, pairs ...string) url.Values {
	v := maps.Clone(base)
	maps.Copy(v, kv(pairs...))
	return v
}

func hmacSHA1(key, text string) string {
	m := hmac.New(sha1.New, []byte(key))
	m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func hmacSHA256(key, text string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

func hashHex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func describeInstances() url.Values {
	return kv(
		"RegionId", "cn-hangzhou",
		"InstanceIds", `["i-bp67acfmxazb4p****","i-bp67acfmxazb4q****"]`,
		"MaxResults", "100",
		"NextToken", "caeba0bbb2be03f84eb48b699f0a4883",
		"Tag.1.Key", "环境",
		"Tag.1.Value", "a b*~+/=&%",
		"Filter.1.Key", "CreationStartTime",
		"Filter.1.Value", "2017-12-05T22:40Z",
		"AdditionalAttributes.1", "META_OPTIONS",
		"DryRun", "false",
		"InstanceName", "web-*",
	)
}

func TestVectorsV1(t *testing.T) {
	t.Parallel()
	base := kv("AccessKeyId", "testid", "SignatureMethod", "HMAC-SHA1", "SignatureVersion", "1.0")
	a1 := with(base, "Action", "DescribeRegions", "Format", "XML", "Version", "2014-05-26",
		"Timestamp", "2016-02-23T12:46:24Z", "SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf")
	a3 := with(a1, "TimeStamp", "2016-02-23T12:46:24Z")
	delete(a3, "Timestamp")
	a13 := kv("Version", "", "Action", "", "Format", "JSON", "Timestamp", "mock date", "SignatureMethod", "HMAC-SHA1",
		"SignatureVersion", "1.0", "SignatureType", "", "SignatureNonce", "MOCK_UUID", "AccessKeyId", "accessKeyId", "RegionId", "regionId")

	tests := []struct {
		id, method, secret string
		params             url.Values
		want               string
		textOnly           bool // check only StringToSign, because Sign cannot create such a request
	}{
		{"A1", "GET", "testsecret", a1, "OLeaidS1JvxuMvnyHOwuJ+uX5qY=", false},
		{"A2", "POST", "testsecret", a1, "MxbnVAM4w6sft9xjVpe/GCKueuk=", false},
		{"A2 default method", "", "testsecret", a1, "MxbnVAM4w6sft9xjVpe/GCKueuk=", false},
		{"A3", "GET", "testsecret", a3, "CT9X0VtwR86fNWSnsc6v8YGOjuE=", true},
		{
			"A4", "GET", "testsecret", with(base, "Action", "DescribeDedicatedHosts", "Format", "JSON", "RegionId", "cn-beijing",
				"Version", "2014-05-26", "Timestamp", "2023-03-13T08:34:30Z", "SignatureNonce", "edb2b34af0af9a6d14deaf7c1a5315eb"),
			"9NaGiOspFP5UPcwX8Iwt2YJXXuk=", false,
		},
		{
			"A6", "GET", "testsecret", with(base, "Action", "DescribeCdnService", "Format", "JSON", "Version", "2014-11-11",
				"Timestamp", "2015-08-06T02:19:46Z", "SignatureNonce", "9b7a44b0-3be1-11e5-8c73-08002700c460"),
			"KkkQOf0ymKf4yVZLggy6kYiwgFs=", false,
		},
		{
			"A7", "GET", "testsecret", with(base, "Action", "GetDeviceInfos", "Format", "XML", "RegionId", "cn-hangzhou", "Version", "2016-08-01",
				"AppKey", "23267207", "Devices", "e2ba19de97604f55b165576736477b74,92a1da34bdfd4c9692714917ce22d53d",
				"Timestamp", "2016-03-29T03:59:24Z", "SignatureNonce", "c4f5f0de-b3ff-4528-8a89-fa478bda8d80"),
			"D6ldYxo/chwOlfv8Ug8REyWU0mk=", false,
		},
		{
			"A8", "GET", "testsecret", with(base, "Action", "DescribeRegions", "Format", "XML", "RegionId", "region1", "Version", "2013-01-10",
				"TimeStamp", "2012-12-26T10:33:56Z", "SignatureNonce", "NwDAxvLU6tFE0DVb"),
			"axE3FUHgDyfm9/+Iep0HpZXrRwE=", true,
		},
		{
			"A10", "GET", "testSecret", with(base, "AccessKeyId", "testId", "Action", "SendSms", "Version", "2017-05-25", "Format", "JSON",
				"RegionId", "cn-hangzhou", "SignatureNonce", "45e25e9b-0a6f-4070-8c85-2956eda1b466", "Timestamp", "2017-07-12T02:42:19Z",
				"PhoneNumbers", "15300000001", "SignName", "阿里云短信测试专用", "TemplateCode", "SMS_71390007",
				"TemplateParam", `{"customer":"test"}`, "OutId", "123"),
			"bkmmeClMQy7131fLU1mHu+mlly8=", false,
		},
		{"A12", "", "accessKeySecret", kv("test", "ok"), "jHx/oHoHNrbVfhncHEvPdHXZwHU=", true},
		{"A13", "GET", "accessKeySecret", a13, "7loPmFjvDnzOVnQeQNj85S6nFGY=", true},
		{"A14", "GET", "accessKeySecret", with(a13, "SecurityToken", "accessKeyStsToken"), "5Nxdcler+ihqWqv0Hr2On4PsBf4=", true},
		{"D1", "GET", "testsecret", with(describeInstances(), "Action", "DescribeInstances", "Version", "2014-05-26", "Format", "JSON",
			"AccessKeyId", "testid", "SignatureMethod", "HMAC-SHA1", "SignatureVersion", "1.0",
			"SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf", "Timestamp", "2024-02-04T12:46:24Z",
			"SecurityToken", "CAIS+token/with=chars"), "aFUMnTufkidY4R72mZehfecVtLc=", false},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			t.Parallel()
			if tt.textOnly || tt.method != "" {
				if got := hmacSHA1(tt.secret+"&", StringToSign(tt.method, tt.params)); got != tt.want {
					t.Errorf("signature of StringToSign = %s, want %s", got, tt.want)
				}
			}
			if tt.textOnly {
				return
			}
			r, c := split(t, tt.params)
			r.Method, c.AccessKeySecret = tt.method, tt.secret
			signed, err := V1{}.Sign(r, c)
			if err != nil {
				t.Fatal(err)
			}
			got, err := url.ParseQuery(signed.Query)
			if err != nil {
				t.Fatal(err)
			}
			if want := with(tt.params, "Signature", tt.want); !equalValues(got, want) {
				t.Errorf("Sign sends\n%v, want\n%v", got, want)
			}
		})
	}
}

// split returns the request and the credentials for which V1 would produce the given query parameters.
func split(t *testing.T, params url.Values) (Request, Credentials) {
	t.Helper()
	at, err := time.Parse(time.RFC3339, params.Get("Timestamp"))
	if err != nil {
		t.Fatal(err)
	}
	r := Request{
		Action: params.Get("Action"), Version: params.Get("Version"), Nonce: params.Get("SignatureNonce"),
		Time: at.In(time.FixedZone("", 8*3600)), Params: maps.Clone(params),
	}
	maps.DeleteFunc(r.Params, func(name string, _ []string) bool { return isOwn(name) })
	return r, Credentials{AccessKeyID: params.Get("AccessKeyId"), SecurityToken: params.Get("SecurityToken")}
}

func TestStringToSign(t *testing.T) {
	t.Parallel()
	tests := []struct {
		id     string
		params url.Values
		want   string
	}{
		{"P1", nil, "GET&%2F&"},
		{
			"P2", kv("key", "value", "q", "http://domain/?q=value&q2=value2"),
			"GET&%2F&key%3Dvalue%26q%3Dhttp%253A%252F%252Fdomain%252F%253Fq%253Dvalue%2526q2%253Dvalue2",
		},
		{
			"P3", kv("complex", "FF=3iP2yN79-ED6)FU;R(F,mpP/4f8,UY[.3.g+r(806x{5*%/=)O8@4&[]$^rp", "empty", "", "foo", "bar", "number", "0"),
			"GET&%2F&complex%3DFF%253D3iP2yN79-ED6%2529FU%253BR%2528F%252CmpP%252F4f8%252CUY%255B.3.g%252Br%2528806x%257B5%252A%2525%252F%253D" +
				"%2529O8%25404%2526%255B%255D%2524%255Erp%26empty%3D%26foo%3Dbar%26number%3D0",
		},
		{"Signature is not signed", kv("a", "1", "Signature", "x", "SignatureNonce", "n"), "GET&%2F&SignatureNonce%3Dn%26a%3D1"},
		{"several values keep their order", url.Values{"b": {"2", "1"}, "a": {}, "B": {""}}, "GET&%2F&B%3D%26b%3D2%26b%3D1"},
		{"sorted by unescaped name", kv("a.10", "x", "a.1", "x", "a/", "x", "a", "x", "a~", "x"), "GET&%2F&a%3Dx%26a.1%3Dx%26a.10%3Dx%26a%252F%3Dx%26a~%3Dx"},
		{"invalid UTF-8", kv("a", "\xff\xc3\x28"), "GET&%2F&a%3D%25FF%25C3%2528"},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			t.Parallel()
			if got := StringToSign("GET", tt.params); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestVectorsMAC(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ id, key, text, want string }{
		{"P4", "secret", "source", "Jv4yi8SobFhg5t1C7nWLbhBSFZQ="},
		{"P5", "secret", "中文", "CqCYIa39h9SSWuXnTz8F5hh9UPA="},
		{"P6", "accessKeySecret" + "suffix", "string to sign", "Dqy7QZhP4TyQUDa3SBSFXopJaIo="},
	} {
		if got := base64.StdEncoding.EncodeToString(mac(sha1.New, tt.key, []byte(tt.text))); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.id, got, tt.want)
		}
	}
	const want = "1d93c62698a1c26427265668e79fac099aa26c1df873669599a2fb2f272e64c9"
	if got := hex.EncodeToString(mac(sha256.New, "secret", []byte("source"))); got != want {
		t.Errorf("B11: got %s, want %s", got, want)
	}
}

func TestVectorsV3(t *testing.T) {
	t.Parallel()
	d3 := Request{
		Method: "GET", Host: "ecs.cn-hangzhou.aliyuncs.com", Action: "DescribeInstances", Version: "2014-05-26",
		Params: describeInstances(), Time: time.Date(2024, 2, 4, 12, 46, 24, 0, time.UTC), Nonce: "3156853299f313e23d1673dc12e1703d",
	}
	tests := []struct {
		id        string
		r         Request
		c         Credentials
		canonical string // hash of the canonical request; "" if it is not published
		want      string
	}{
		{
			"B1",
			Request{
				Method: "POST", Host: "ecs.cn-shanghai.aliyuncs.com", Action: "RunInstances", Version: "2014-05-26",
				Params: kv("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "RegionId", "cn-shanghai"),
				Time:   time.Date(2023, 10, 26, 10, 22, 32, 0, time.UTC), Nonce: "3156853299f313e23d1673dc12e1703d",
			},
			Credentials{AccessKeyID: "YourAccessKeyId", AccessKeySecret: "YourAccessKeySecret"},
			"7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259",
			"06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
		},
		{
			"D3", d3,
			Credentials{AccessKeyID: "testid", AccessKeySecret: "testsecret"},
			"",
			"b17c41b59df42671fbb0429cbef9eb4c1c089f5e709975e05177cc77a2bc1c65",
		},
		{
			"D5", d3,
			Credentials{AccessKeyID: "testid", AccessKeySecret: "testsecret", SecurityToken: "CAIS+token/with=chars"},
			"",
			"6fd0d9648275e31d22e65170ef7281b3d532888151c2569a101434cb898228c9",
		},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			t.Parallel()
			signed, err := V3{}.Sign(tt.r, tt.c)
			if err != nil {
				t.Fatal(err)
			}
			canonical := hashHex(CanonicalRequest(tt.r, signed.Header))
			if tt.canonical != "" && canonical != tt.canonical {
				t.Errorf("hashed canonical request = %s, want %s", canonical, tt.canonical)
			}
			names := "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
			header := http.Header{
				"Accept":                {"application/json"},
				"X-Acs-Action":          {tt.r.Action},
				"X-Acs-Content-Sha256":  {emptyHash},
				"X-Acs-Date":            {tt.r.Time.Format(time.RFC3339)},
				"X-Acs-Signature-Nonce": {tt.r.Nonce},
				"X-Acs-Version":         {tt.r.Version},
			}
			if tt.c.SecurityToken != "" {
				names = "host;x-acs-accesskey-id;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-security-token;x-acs-signature-nonce;x-acs-version"
				header["X-Acs-Accesskey-Id"] = []string{tt.c.AccessKeyID}
				header["X-Acs-Security-Token"] = []string{tt.c.SecurityToken}
			}
			header["Authorization"] = []string{"ACS3-HMAC-SHA256 Credential=" + tt.c.AccessKeyID + ",SignedHeaders=" + names + ",Signature=" + tt.want}
			if !equalValues(signed.Header, header) {
				t.Errorf("Sign sends\n%v, want\n%v", map[string][]string(signed.Header), map[string][]string(header))
			}
			if got, err := url.ParseQuery(signed.Query); err != nil || !equalValues(got, tt.r.Params) {
				t.Errorf("query %s: %v, want %v", signed.Query, got, tt.r.Params)
			}
		})
	}
}

// TestVectorsV3WithoutHashHeader checks vectors from the vendor's unit tests in which the hash of the body is not sent
// as a header.
func TestVectorsV3WithoutHashHeader(t *testing.T) {
	t.Parallel()
	const hash = "55e12e91650d2fec56ec74e1d3e4ddbfce2ef3a65890c2a19ecf88a307e76a23"
	query := kv("test", "ok", "empty", "")
	tests := []struct {
		id     string
		method string
		params url.Values
		header http.Header
		want   string
	}{
		{"B2", "", query, http.Header{"x-acs-test": {"http,https"}}, "4ab59fffe3c5738ff8a2729f90cc04fe18b02a4b15b2102cbaf92f9ff3df2ea3"},
		{"B2 in two cases", "", query, http.Header{"x-acs-test": {" http"}, "x-acs-TEST": {"https\t"}}, "4ab59fffe3c5738ff8a2729f90cc04fe18b02a4b15b2102cbaf92f9ff3df2ea3"},
		{"B2 twice", "", query, http.Header{"X-Acs-Test": {"https", "http"}}, "4ab59fffe3c5738ff8a2729f90cc04fe18b02a4b15b2102cbaf92f9ff3df2ea3"},
		{"B3", "GET", query, http.Header{"x-acs-test": {"http"}}, "02e81f9f3cc8839151b0c7278024cbc4bfc9fa786085a0b8305f825f17b5dae7"},
		{"B7", "", nil, http.Header{"x-acs-test": {"https"}}, "af6d32deb090ae85a21d7183055cf18dca17751da96979cdf964f8f0853e9dd2"},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			t.Parallel()
			tt.header["x-acs-content-sha256"] = []string{hash}
			text := CanonicalRequest(Request{Method: tt.method, Params: tt.params}, tt.header)
			text = strings.Replace(text, "x-acs-content-sha256:"+hash+"\n", "", 1)
			text = strings.Replace(text, "x-acs-content-sha256;", "", 1)
			if got := hmacSHA256("secret", algorithm+"\n"+hashHex(text)); got != tt.want {
				t.Errorf("got %s, want %s, text:\n%s", got, tt.want, text)
			}
		})
	}
}

func TestCanonicalRequest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		r      Request
		header http.Header
		want   string
	}{
		{"nothing", Request{}, nil, "\n/\n\n\n\n" + emptyHash},
		{
			"signed headers only, sorted by name",
			Request{Method: "POST", Host: "h:8443", Params: kv("b", "2", "a", " "), Action: "not this", Version: "nor this", Nonce: "nor this"},
			http.Header{
				"Accept": {"*/*"}, "Authorization": {"x"}, "User-Agent": {"x"}, "X-Acs": {"x"}, "Xx-Acs-A": {"x"},
				"X-Acs-B": {"  b  c "}, "Content-Type": {"text/plain"}, "X-Acs-A": {""},
			},
			"POST\n/\na=%20&b=2\ncontent-type:text/plain\nhost:h:8443\nx-acs-a:\nx-acs-b:b  c\n\ncontent-type;host;x-acs-a;x-acs-b\n" + emptyHash,
		},
		{
			"host and hash of the header",
			Request{Method: "GET", Host: "outer"},
			http.Header{"HOST": {"inner"}, "X-Acs-Content-Sha256": {" abc "}},
			"GET\n/\n\nhost:inner\nx-acs-content-sha256:abc\n\nhost;x-acs-content-sha256\nabc",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := CanonicalRequest(tt.r, tt.header); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func equalValues(a, b map[string][]string) bool { return maps.EqualFunc(a, b, slices.Equal) }
