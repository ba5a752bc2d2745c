package ecstest

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// FuzzQuery checks that readQuery returns either a valid query or one of the API's errors.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", `InstanceIds=["i-1"]&Status=Running`, "InstanceIds=['i-1']", "InstanceIds=[1", "Tag.1.Key=a&Tag.1.Value=b&Tag.2.key=c", "Tag.-1.Key=a", "Tag.99999999999999999999.Key=a",
		"Filter.1.Key=CreationStartTime&Filter.1.Value=2024-01-01T00:00Z", "Filter.3.Value=x", "MaxResults=100", "PageNumber=2147483647&PageSize=100", "HttpPutResponseHopLimit=0",
		"InstanceName=*a*", "Ipv6Address.1=::1&Ipv6Address.x=y&Ipv6Address.=z", "AdditionalAttributes.2=META_OPTIONS", `PrivateIpAddresses=[]&InstanceNetworkType=vpc`, "LockReason=RECYCLING",
	} {
		f.Add(seed, false)
	}
	it := &item{Instance: ecs.Instance{InstanceID: "i-1", NetworkInterfaces: make([]ecs.NetworkInterface, 1)}}
	f.Fuzz(func(t *testing.T, text string, odd bool) {
		values, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		p := &params{Values: values}
		q := readQuery(p, Settings{ExclusiveTimes: odd, NoPageMode: odd})
		if e := p.err; e != nil {
			if e.Code == "" || e.Message == "" || e.Status != 400 && e.Status != 404 {
				t.Errorf("%q: %+v", text, e)
			}
			return
		}
		if q.size < 1 || q.size > maxPageSize || len(q.ids) > maxListLength || len(q.capped) > maxTags+1 || !q.tokenMode && q.number < 1 {
			t.Errorf("%q: %+v", text, q)
		}
		_, _ = matchesAll(q.capped, it), matchesAll(q.filters, it) // must not panic
		if tokenBinding(values) != tokenBinding(operationParams(values, "MaxResults")) {
			t.Errorf("%q: the token depends on the page size", text)
		}
	})
}

// FuzzWildcard compares matchWildcard with a regular expression.
func FuzzWildcard(f *testing.F) {
	for _, seed := range [][2]string{{"*", ""}, {"a*a", "a"}, {"a*b*c", "axxbxc"}, {"**a", "ba"}, {"*ab*ab", "abab"}, {"web-*", "web-1"}, {"a", "ab"}, {"订单*", "订单服务"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 200 {
			return
		}
		re, err := regexp.Compile(`\A(?s:` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`) + `)\z`)
		if err != nil || !validText(pattern+name) {
			return
		}
		if got := matchWildcard(pattern, name); got != re.MatchString(name) {
			t.Errorf("matchWildcard(%q, %q) = %v", pattern, name, got)
		}
	})
}

func validText(s string) bool { return strings.ToValidUTF8(s, "") == s }

// FuzzRequest checks that the error response to a request without a valid signature can be decoded.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "Action=DescribeInstances&Version=2014-05-26&RegionId=cn-hangzhou&Format=JSON", "", "", "")
	f.Add("GET", "Action=DescribeInstances&Version=2014-05-26&AccessKeyId=id&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0&SignatureNonce=1&Timestamp=2024-01-01T00:00:00Z&Signature=eA==", "", "", "")
	f.Add("POST", "RegionId=cn-hangzhou", "DescribeInstances", "ACS3-HMAC-SHA256 Credential=id,SignedHeaders=host;x-acs-action,Signature=00", "a=b&c")
	f.Add("POST", "a=%zz;b", "X", "ACS3-HMAC-SHA256 ,,==", "%")
	srv := newServer(nil)
	srv.AddKey(Key{})
	f.Fuzz(func(t *testing.T, method, query, action, authorization, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Method, r.URL.RawQuery = method, query
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for name, value := range map[string]string{"X-Acs-Action": action, "Authorization": authorization, "X-Acs-Version": apiVersion, "X-Acs-Date": time.Now().UTC().Format("2006-01-02T15:04:05Z"), "X-Acs-Signature-Nonce": "n"} {
			if action != "" {
				r.Header.Set(name, value)
			}
		}
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, r)
		resp := w.Result()
		text, _ := io.ReadAll(resp.Body)
		var e struct{ Code, RequestId string } //nolint:staticcheck // the API's names
		err := json.Unmarshal(text, &e)
		if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/xml") {
			err = xml.Unmarshal(text, &e)
		}
		if resp.StatusCode < 400 || e.Code == "" || e.RequestId == "" || err != nil || resp.Header.Get("Content-Length") != strconv.Itoa(len(text)) {
			t.Errorf("%d %q: %v", resp.StatusCode, text, err)
		}
	})
}
