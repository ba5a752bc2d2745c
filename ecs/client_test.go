package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

func TestZeroClient(t *testing.T) {
	t.Parallel()
	fleet := numbered(100, "cn-hangzhou")
	var none *ecs.Client
	for name, call := range calls {
		for _, c := range []*ecs.Client{{}, none} {
			err := call(t.Context(), c, fleet)
			if !errors.Is(err, ecs.ErrInvalidParameter) || !strings.Contains(fmt.Sprint(err), "client must be created by NewClient") {
				t.Errorf("%s of %v: %v", name, c, err)
			}
		}
	}
	for name, c := range map[string]*ecs.Client{"zero": {}, "nil": none, "zero with credentials": (&ecs.Client{}).WithCredentials(nil), "nil with credentials": none.WithCredentials(nil)} {
		other, err := c.InRegion("cn-hangzhou")
		if other != nil || !errors.Is(err, ecs.ErrInvalidParameter) {
			t.Errorf("%s: InRegion: %v", name, err)
		}
		if err := c.Call(t.Context(), "DescribeZones", nil, nil); !errors.Is(err, ecs.ErrInvalidParameter) {
			t.Errorf("%s: Call: %v", name, err)
		}
		for _, err := range ecs.CallPages[any](t.Context(), c, "DescribeDisks", nil, "Disks.Disk") {
			if !errors.Is(err, ecs.ErrInvalidParameter) {
				t.Errorf("%s: CallPages: %v", name, err)
			}
		}
		if c.Region() != "" || c.Endpoint() != "" {
			t.Errorf("%s: %s %s", name, c.Region(), c.Endpoint())
		}
		c.CloseIdleConnections()
	}
}

// TestWithCredentials checks that clients of several accounts share connections, but not the delays caused by
// throttling.
func TestWithCredentials(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "accounts share connections and sign with their own keys", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(3, "cn-hangzhou")...)
		var mu sync.Mutex
		var keys, hosts []string
		dials := 0
		dial := func(ctx context.Context, network, address string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			dials++
			return srv.DialContext(ctx, network, address)
		}
		watched := srv.as(&ecs.Options{
			HTTPClient: &http.Client{Transport: &http.Transport{DialContext: dial}},
			OnAttempt: func(a ecs.Attempt) {
				mu.Lock()
				defer mu.Unlock()
				hosts = append(hosts, a.Region+" "+a.Host)
			},
		})
		clients := []*ecs.Client{watched}
		for i := range 3 {
			key := signer.Credentials{AccessKeyID: fmt.Sprint("LTAIaccount", i), AccessKeySecret: "s"}
			srv.AddKey(ecstest.Key{Credentials: key})
			clients = append(clients, watched.WithCredentials(ecs.StaticCredentials(key.AccessKeyID, key.AccessKeySecret, "")))
		}
		for range 2 {
			for _, c := range clients {
				if _, err := collect(c.Instances(t.Context(), ecs.DescribeInstancesRequest{})); err != nil {
					t.Fatal(err)
				}
				if c.Region() != "cn-hangzhou" || c.Endpoint() != watched.Endpoint() {
					t.Errorf("%v", c)
				}
			}
		}
		for _, r := range srv.Requests() {
			keys = append(keys, r.AccessKeyID)
		}
		want := []string{srv.Credentials().AccessKeyID, "LTAIaccount0", "LTAIaccount1", "LTAIaccount2"}
		if !slices.Equal(keys, append(want, want...)) {
			t.Errorf("signed by %v", keys)
		}
		if dials != 1 {
			t.Errorf("%d connections, want 1", dials)
		}
		if len(hosts) != 8 {
			t.Errorf("OnAttempt was called for %v", hosts)
		}
	})
	inVirtualTime(t, "a throttled account does not delay another", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(3, "cn-hangzhou")...)
		key := signer.Credentials{AccessKeyID: "LTAIother", AccessKeySecret: "s"}
		srv.AddKey(ecstest.Key{Credentials: key})
		other := srv.client.WithCredentials(ecs.StaticCredentials(key.AccessKeyID, key.AccessKeySecret, ""))
		srv.Inject(ecstest.Fault{Code: "Throttling.User", Header: http.Header{"Retry-After": {"2"}}})

		throttled := make(chan error, 1)
		start := time.Now()
		go func() {
			_, err := srv.client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{})
			throttled <- err
		}()
		synctest.Wait() // wait until the throttled call is waiting for its retry
		for range 5 {
			if _, err := other.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("the other account waited for %v", took)
		}
		if err := <-throttled; err != nil || time.Since(start) < 2*time.Second {
			t.Errorf("the throttled account: %v after %v", err, time.Since(start))
		}
	})
	inVirtualTime(t, "another account in another region", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(2, "cn-beijing")...)
		key := signer.Credentials{AccessKeyID: "LTAIother", AccessKeySecret: "s"}
		srv.AddKey(ecstest.Key{Credentials: key})
		c, err := srv.client.WithCredentials(provide(key)).InRegion("cn-beijing")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := collect(c.Instances(t.Context(), ecs.DescribeInstancesRequest{})); err != nil || len(got) != 2 {
			t.Error(got, err)
		}
		for _, r := range srv.Requests() {
			if r.AccessKeyID != key.AccessKeyID || r.Params.Get("RegionId") != "cn-beijing" {
				t.Errorf("%v", r.Params)
			}
		}
	})
	inVirtualTime(t, "an invalid key is reported by the first call", func(t *testing.T) {
		srv := newCloud(t, nil)
		err := srv.client.WithCredentials(ecs.StaticCredentials("LTAI", "hush\n", "")).Call(t.Context(), "DescribeZones", nil, nil)
		if !errors.Is(err, ecs.ErrCredentials) || strings.Contains(err.Error(), "hush") {
			t.Error(err)
		}
		srv.wantRequests(map[string]int{})
	})
}

type provide signer.Credentials

func (p provide) Credentials(context.Context) (signer.Credentials, error) {
	return signer.Credentials(p), nil
}

// TestErrorNamesTheHost checks that an error message includes the host if the host may be the cause of the error.
func TestErrorNamesTheHost(t *testing.T) {
	t.Parallel()
	const host = "ecs.cn-beijing.aliyuncs.com"
	response := func(status int, body string) httpmock.Responder { return httpmock.NewStringResponder(status, body) }
	for name, tt := range map[string]struct {
		respond httpmock.Responder
		key     ecs.CredentialsProvider
		host    string // expected value of Error.Host
		text    string
		shown   bool // whether the message includes the host
	}{
		"network error":       {httpmock.NewErrorResponder(errors.New("connection refused")), nil, host, "connection refused", true},
		"host in the error":   {httpmock.NewErrorResponder(&net.DNSError{Err: "no such host", Name: host, IsNotFound: true}), nil, host, "lookup " + host, true},
		"gateway":             {response(http.StatusNotFound, "<html>"), nil, host, "404", true},
		"API":                 {response(http.StatusBadRequest, `{"Code":"InvalidParameter","Message":"m","RequestId":"R"}`), nil, host, "400 InvalidParameter: m (request R)", false},
		"no request was sent": {response(http.StatusOK, "{}"), noKey{}, "", "no key", false},
		"unusable response":   {response(http.StatusOK, "<html>"), nil, host, "200", true},
	} {
		mock := httpmock.NewMockTransport()
		mock.RegisterNoResponder(tt.respond)
		key := tt.key
		if key == nil {
			key = ecs.StaticCredentials("id", "secret", "")
		}
		c, err := ecs.NewClient("cn-beijing", &ecs.Options{HTTPClient: &http.Client{Transport: mock}, Credentials: key, Retry: ecs.RetryPolicy{MaxAttempts: 1}})
		if err != nil {
			t.Fatal(err)
		}
		err = c.Call(t.Context(), "DescribeZones", nil, nil)
		e, ok := errorAs[*ecs.Error](err)
		if !ok || e.Host != tt.host {
			t.Errorf("%s: Host is not %q: %v", name, tt.host, err)
			continue
		}
		want := 0
		if tt.shown {
			want = 1
		}
		if text := err.Error(); strings.Count(text, host) != want || !strings.Contains(text, tt.text) || strings.Contains(text, "\n") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

type noKey struct{}

func (noKey) Credentials(context.Context) (signer.Credentials, error) {
	return signer.Credentials{}, errors.New("no key")
}
