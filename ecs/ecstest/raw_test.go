package ecstest_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// answer is an answer as it came, and what its JSON holds.
type answer struct {
	status int
	header http.Header
	raw    string

	RequestID, HostID, Code, Message, Recommend string
	NextToken                                   string
	TotalCount, PageNumber, PageSize            int
	Instances                                   struct{ Instance []ecs.Instance }
	TagResources                                struct {
		TagResource []struct{ ResourceID, ResourceType, TagKey, TagValue string }
	}
	InstanceStatuses struct {
		InstanceStatus []struct{ InstanceID, Status string }
	}
	Regions            struct{ Region []ecs.Region }
	AccessDeniedDetail struct{ AuthAction string }
}

func (a answer) ids() []string {
	ids := []string{}
	for _, i := range a.Instances.Instance {
		ids = append(ids, i.InstanceID)
	}
	return ids
}

func start(t *testing.T, instances ...ecs.Instance) *ecstest.Server {
	t.Helper()
	srv := ecstest.NewServer(instances...)
	t.Cleanup(srv.Close)
	return srv
}

// pairs makes parameters of name, value, name, value …
func pairs(list ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(list); i += 2 {
		v.Set(list[i], list[i+1])
	}
	return v
}

// request is a signed V1 request; params may hold what it would set otherwise.
func request(t *testing.T, srv *ecstest.Server, action string, params url.Values) *http.Request {
	t.Helper()
	p := pairs("Action", action, "Version", "2014-05-26", "Format", "JSON", "AccessKeyId", srv.Credentials().AccessKeyID,
		"SignatureMethod", "HMAC-SHA1", "SignatureVersion", "1.0", "SignatureNonce", rand.Text(), "Timestamp", time.Now().UTC().Format("2006-01-02T15:04:05Z"))
	if action != "DescribeRegions" {
		p.Set("RegionId", "cn-hangzhou")
	}
	maps.Copy(p, params)
	for name, values := range p {
		if values[0] == "-" { // left out
			delete(p, name)
		}
	}
	return plain(t, http.MethodPost, srv.URL()+"/?"+signV1(http.MethodPost, p, srv.Credentials().AccessKeySecret).Encode(), "")
}

func signV1(method string, p url.Values, secret string) url.Values {
	signed := maps.Clone(p)
	signed.Set("Signature", hmacSHA1(secret+"&", signer.StringToSign(method, p)))
	return signed
}

func plain(t *testing.T, method, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// do sends a request on a connection of its own, without following redirects or asking for gzip by itself.
func do(t *testing.T, r *http.Request) (answer, error) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	resp, err := transport.RoundTrip(r) //nolint:bodyclose // readAll does
	if err != nil {
		return answer{}, err
	}
	return readAll(resp)
}

func readAll(resp *http.Response) (answer, error) {
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(body)}
	_ = json.Unmarshal(body, &a) // of bodies that are JSON
	return a, err
}

func read(t *testing.T, resp *http.Response) answer {
	t.Helper()
	a, err := readAll(resp)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func must(t *testing.T, r *http.Request) answer {
	t.Helper()
	a, err := do(t, r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// ask sends an operation in the common way.
func ask(t *testing.T, srv *ecstest.Server, action string, list ...string) answer {
	t.Helper()
	return must(t, request(t, srv, action, pairs(list...)))
}

func list(t *testing.T, srv *ecstest.Server, params ...string) answer {
	t.Helper()
	return ask(t, srv, "DescribeInstances", params...)
}

// pages follows tokens to the end; meanwhile runs after each page.
func pages(t *testing.T, srv *ecstest.Server, meanwhile func(page int), params ...string) [][]string {
	t.Helper()
	var all [][]string
	token := ""
	for n := range 1000 {
		p := params
		if token != "" {
			p = append(slices.Clone(params), "NextToken", token)
		}
		a := list(t, srv, p...)
		if a.status != http.StatusOK {
			t.Fatalf("page %d: %d %s %s", n, a.status, a.Code, a.Message)
		}
		all = append(all, a.ids())
		if a.NextToken == "" {
			return all
		}
		token = a.NextToken
		if meanwhile != nil {
			meanwhile(n)
		}
	}
	t.Fatal("no end")
	return nil
}

// small makes n instances of cn-hangzhou with ids i-000, i-001 …
func small(n int) []ecs.Instance {
	instances := make([]ecs.Instance, n)
	for i := range instances {
		instances[i] = ecs.Instance{InstanceID: "i-" + pad(i), RegionID: "cn-hangzhou"}
	}
	return instances
}

func pad(i int) string { return strings.Repeat("0", max(0, 4-len(strconv.Itoa(i)))) + strconv.Itoa(i) }

func last(srv *ecstest.Server) ecstest.Request {
	r := srv.Requests()
	return r[len(r)-1]
}

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }
