package ecstest_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
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

// response is an HTTP response and its decoded JSON.
type response struct {
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

func (a response) ids() []string {
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

// pairs returns parameters from a list of alternating names and values.
func pairs(list ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(list); i += 2 {
		v.Set(list[i], list[i+1])
	}
	return v
}

// request returns a request signed with V1. The parameters in params override the default parameters. The value "-"
// removes a parameter.
func request(t *testing.T, srv *ecstest.Server, action string, params url.Values) *http.Request {
	t.Helper()
	p := pairs("Action", action, "Version", "2014-05-26", "Format", "JSON", "AccessKeyId", srv.Credentials().AccessKeyID,
		"SignatureMethod", "HMAC-SHA1", "SignatureVersion", "1.0", "SignatureNonce", rand.Text(), "Timestamp", time.Now().UTC().Format("2006-01-02T15:04:05Z"))
	if action != "DescribeRegions" {
		p.Set("RegionId", "cn-hangzhou")
	}
	maps.Copy(p, params)
	for name, values := range p {
		if values[0] == "-" {
			delete(p, name)
		}
	}
	return newRequest(t, http.MethodPost, srv.URL()+"/?"+signV1(http.MethodPost, p, srv.Credentials().AccessKeySecret).Encode(), "")
}

func signV1(method string, p url.Values, secret string) url.Values {
	signed := maps.Clone(p)
	signed.Set("Signature", hmacSHA1(secret+"&", signer.StringToSign(method, p)))
	return signed
}

func hmacSHA1(key, text string) string {
	m := hmac.New(sha1.New, []byte(key))
	_, _ = io.WriteString(m, text)
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func newRequest(t *testing.T, method, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// do sends a request on a new connection, without following redirects or decompressing the response.
func do(t *testing.T, r *http.Request) (response, error) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	resp, err := transport.RoundTrip(r) //nolint:bodyclose // readAll closes the body
	if err != nil {
		return response{}, err
	}
	return readAll(resp)
}

func readAll(resp *http.Response) (response, error) {
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	a := response{status: resp.StatusCode, header: resp.Header, raw: string(body)}
	_ = json.Unmarshal(body, &a) // some bodies are not JSON
	return a, err
}

func read(t *testing.T, resp *http.Response) response {
	t.Helper()
	a, err := readAll(resp)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func must(t *testing.T, r *http.Request) response {
	t.Helper()
	a, err := do(t, r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// ask signs and sends a request and returns the response.
func ask(t *testing.T, srv *ecstest.Server, action string, list ...string) response {
	t.Helper()
	return must(t, request(t, srv, action, pairs(list...)))
}

func list(t *testing.T, srv *ecstest.Server, params ...string) response {
	t.Helper()
	return ask(t, srv, "DescribeInstances", params...)
}

// pages follows the tokens of a listing and returns the ids on each page. Between two pages, it calls meanwhile.
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
	t.Fatal("the listing does not end")
	return nil
}

// small returns n instances in cn-hangzhou with the ids i-0000, i-0001 and so on.
func small(n int) []ecs.Instance {
	instances := make([]ecs.Instance, n)
	for i := range instances {
		instances[i] = ecs.Instance{InstanceID: "i-" + pad(i), RegionID: "cn-hangzhou"}
	}
	return instances
}

func pad(i int) string { return strings.Repeat("0", max(0, 4-len(strconv.Itoa(i)))) + strconv.Itoa(i) }

// every returns an instance that has a value in every field that a filter compares.
func every() ecs.Instance {
	return ecs.Instance{
		InstanceID: "i-every", RegionID: "cn-hangzhou", ZoneID: "cn-hangzhou-h", InstanceName: "web-prod-001", ImageID: "m-1", KeyPairName: "kp", ResourceGroupID: "rg-1",
		HPCClusterID: "hpc-1", InstanceType: "ecs.g7.large", InstanceTypeFamily: "ecs.g7", Status: ecs.InstanceStatusRunning, InstanceNetworkType: ecs.InstanceNetworkTypeVPC,
		InstanceChargeType: ecs.InstanceChargeTypePrePaid, InternetChargeType: ecs.InternetChargeTypePayByTraffic, IOOptimized: true, DeviceAvailable: true,
		SecurityGroupIDs: []string{"sg-1", "sg-2"}, VPCAttributes: ecs.VPCAttributes{VPCID: "vpc-1", VSwitchID: "vsw-1", PrivateIPAddress: []string{"10.0.0.1"}},
		PublicIPAddress: []string{"192.0.2.1"}, EIPAddress: ecs.EIPAddress{AllocationID: "eip-1", IPAddress: "192.0.2.2"}, RDMAIPAddress: []string{"192.168.0.1"},
		NetworkInterfaces: []ecs.NetworkInterface{{NetworkInterfaceID: "eni-1", Type: ecs.NetworkInterfaceTypePrimary, IPv6Sets: []ecs.IPv6Set{{IPv6Address: "2001:db8::1"}}}},
		OperationLocks:    []ecs.OperationLock{{LockReason: "Recycling"}},
		Tags:              []ecs.Tag{{Key: "env", Value: "prod"}, {Key: "环境", Value: ""}},
		MetadataOptions:   ecs.MetadataOptions{HTTPEndpoint: ecs.MetadataEndpointEnabled, HTTPTokens: ecs.MetadataTokensRequired, HTTPPutResponseHopLimit: ptr(2)},
		CreationTime:      at("2024-01-01T00:05Z"), ExpiredTime: at("2025-01-01T16:00Z"),
	}
}

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02T15:04Z07:00", text)
	if err != nil {
		panic(err)
	}
	return t
}

func last(srv *ecstest.Server) ecstest.Request {
	r := srv.Requests()
	return r[len(r)-1]
}

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }

// ptr returns a pointer to a copy of v.
func ptr[T any](v T) *T { return &v }
