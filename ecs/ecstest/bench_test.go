package ecstest

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"
)

// BenchmarkPage measures how long the server takes to return a page of 100 instances from a fleet of 100,000.
func BenchmarkPage(b *testing.B) {
	fleet := FleetIn("cn-hangzhou", 100_000, 1)
	s := newServer(fleet)
	nonce := 0
	serve := func(b *testing.B, token, gzip string, more ...string) string {
		nonce++
		p := url.Values{
			"Action": {"DescribeInstances"}, "Version": {apiVersion}, "Format": {"JSON"}, "RegionId": {"cn-hangzhou"}, "MaxResults": {"100"}, "NextToken": {token},
			"AccessKeyId": {s.own.AccessKeyID}, "SignatureMethod": {"HMAC-SHA1"}, "SignatureVersion": {"1.0"}, "SignatureNonce": {strconv.Itoa(nonce)},
			"Timestamp": {time.Now().UTC().Format("2006-01-02T15:04:05Z")},
		}
		for i := 0; i < len(more); i += 2 {
			p.Set(more[i], more[i+1])
		}
		m := hmac.New(sha1.New, []byte(s.own.AccessKeySecret+"&"))
		_, _ = io.WriteString(m, "POST&%2F&"+escape(canonicalQuery(p)))
		p.Set("Signature", base64.StdEncoding.EncodeToString(m.Sum(nil)))
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/?"+p.Encode(), nil)
		r.Header.Set("Accept-Encoding", gzip)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
		b.SetBytes(int64(w.Body.Len()))
		return w.Body.String()
	}
	middle := s.sealToken(position{seq: 50_000}, tokenBinding(url.Values{"RegionId": {"cn-hangzhou"}}))
	for name, f := range map[string]func(*testing.B){
		"first":     func(b *testing.B) { serve(b, "", "") },
		"middle":    func(b *testing.B) { serve(b, middle, "") },
		"gzip":      func(b *testing.B) { serve(b, middle, "gzip") },
		"filter":    func(b *testing.B) { serve(b, "", "", "Status", "Stopped") },
		"nothing":   func(b *testing.B) { serve(b, "", "", "InstanceName", "none*") },
		"ids":       func(b *testing.B) { serve(b, "", "", "InstanceIds", `["`+fleet[99_999].InstanceID+`"]`) },
		"page mode": func(b *testing.B) { serve(b, "", "", "MaxResults", "", "PageNumber", "900", "PageSize", "100") },
	} {
		b.Run(name, func(b *testing.B) {
			f(b) // the server encodes these instances now and caches the result
			for b.Loop() {
				f(b)
			}
		})
	}
}
