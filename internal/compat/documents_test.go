package compat_test

import (
	"context"
	"errors"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	vendor "github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/internal/docblocks"
	"github.com/aliyun-ecs/sdk-go/pagination"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// TestMigrating checks that the example code for the vendor's old client in MIGRATING.md compiles.
func TestMigrating(t *testing.T) {
	t.Parallel()
	blocks, err := docblocks.Read("../../MIGRATING.md")
	if err != nil {
		t.Fatal(err)
	}
	old := slices.DeleteFunc(blocks, func(b docblocks.Block) bool { return b.Info != "old" })
	if len(old) < 4 {
		t.Fatalf("%d blocks found", len(old))
	}
	program, err := docblocks.Frame{
		Params: "client *oldecs.Client, id, secret string, err error",
		Imports: map[string]string{
			"fmt": "fmt", "strings": "strings", "time": "time",
			"errors":   "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors",
			"oldecs":   "github.com/aliyun/alibaba-cloud-sdk-go/services/ecs",
			"requests": "github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests",
		},
		Main: "func main() { _ = fragments }",
	}.Program(old)
	if err != nil {
		t.Fatal(err)
	}
	if err := docblocks.Build(t.Context(), ".", t.TempDir(), map[string][]byte{"old": program}); err != nil {
		t.Error(err)
	}
}

// TestComparison checks every row of the comparison table in README.md.
func TestComparison(t *testing.T) {
	t.Parallel()
	claims := map[string]func(*testing.T){
		"every instance of a region":                                 everything,
		"no permission, where the API returns 200 and an empty list": withoutPermission,
		"more than 1,000 by tag or resource group":                   pastTheCap,
		"250 ids, some of them gone":                                 manyIDs,
		"all regions at once, or one in parallel":                    manyAtOnce,
		"a throttled request":                                        throttled,
		"a broken connection, a 503":                                 faults,
		"`context.Context`":                                          contexts,
		"an instance in Go":                                          values,
		"an instance that cannot be read":                            unreadable,
		"a 200 without a list (empty, or an error)":                  noList,
		"a page token that repeats":                                  repeatedToken,
		"secrets in error texts":                                     secrets,
		"plain http":                                                 plainHTTP,
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "\n## Comparison\n")
	table, _, _ = strings.Cut(table, "\n\n`TestComparison`")
	rows := regexp.MustCompile(`(?m)^\| ([^|]+) \|`).FindAllStringSubmatch(table, -1)
	if len(rows) != len(claims) {
		t.Errorf("the table has %d rows, but there are tests for %d", len(rows), len(claims))
	}
	for _, row := range rows {
		claim, ok := claims[row[1]]
		if !ok {
			t.Errorf("there is no test for the row %q", row[1])
			continue
		}
		t.Run(row[1], func(t *testing.T) {
			t.Parallel()
			claim(t)
		})
	}
}

// crowd returns a server with n instances in one region, all with the same tag and resource group.
func crowd(t *testing.T, n int) *ecstest.Server {
	t.Helper()
	fleet := ecstest.FleetIn("cn-hangzhou", n, 7)
	for i := range fleet {
		fleet[i].ResourceGroupID = "rg-all"
		fleet[i].Tags = append(fleet[i].Tags, ecs.Tag{Key: "all", Value: "yes"})
	}
	srv := ecstest.NewServer(fleet...)
	t.Cleanup(srv.Close)
	return srv
}

// results contains the results of both SDKs for the same request and the same fault.
type results struct {
	vendorPage *vendor.DescribeInstancesResponse
	vendorErr  error
	page       *ecs.DescribeInstancesResponse
	err        error
}

func ask(t *testing.T, srv *ecstest.Server, key signer.Credentials, fault ecstest.Fault, configure func(*vendor.Client)) (a results) {
	t.Helper()
	vendorClient, client := newClients(t, srv, "cn-hangzhou", key)
	if configure != nil {
		configure(vendorClient)
	}
	req := vendor.CreateDescribeInstancesRequest()
	req.MaxResults = requests.NewInteger(100)
	srv.Inject(fault)
	a.vendorPage, a.vendorErr = vendorClient.DescribeInstances(req)
	srv.ClearFaults()
	srv.Inject(fault)
	a.page, a.err = client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{MaxResults: 100})
	srv.ClearFaults()
	return a
}

// last ranges over all instances of a client and returns the last error.
func last(t *testing.T, client *ecs.Client) (err error) {
	t.Helper()
	for _, err = range client.Instances(t.Context(), ecs.DescribeInstancesRequest{}) {
	}
	return err
}

func everything(t *testing.T) {
	srv := crowd(t, 250)
	vendorClient, client := newClients(t, srv, "cn-hangzhou", srv.Credentials())
	if a, b := vendorIDs(t, vendorClient, nil), sdkIDs(t, client, ecs.DescribeInstancesRequest{}); len(a) != 250 || !slices.Equal(a, b) {
		t.Errorf("the vendor's client: %d, this SDK: %d", len(a), len(b))
	}
}

func withoutPermission(t *testing.T) {
	srv := crowd(t, 10)
	denied := signer.Credentials{AccessKeyID: "LTAIdenied", AccessKeySecret: "secret"}
	srv.AddKey(ecstest.Key{Credentials: denied, Deny: []string{"*"}})
	vendorClient, client := newClients(t, srv, "cn-hangzhou", denied)
	if err := last(t, client); !errors.Is(err, ecs.ErrForbidden) {
		t.Errorf("this SDK, 403: %v", err)
	}
	srv.Configure(func(s *ecstest.Settings) { s.EmptyIfDenied = true })
	if ids, err := vendorIDs(t, vendorClient, nil), last(t, client); len(ids) != 0 || !errors.Is(err, ecs.ErrForbidden) {
		t.Errorf("empty list: the vendor's client: %d, this SDK: %v", len(ids), err)
	}
}

func pastTheCap(t *testing.T) {
	srv := crowd(t, 1234)
	vendorClient, client := newClients(t, srv, "cn-hangzhou", srv.Credentials())
	for _, test := range []struct {
		set func(*vendor.DescribeInstancesRequest)
		req ecs.DescribeInstancesRequest
	}{
		{func(r *vendor.DescribeInstancesRequest) { r.ResourceGroupId = "rg-all" }, ecs.DescribeInstancesRequest{ResourceGroupID: "rg-all"}},
		{func(r *vendor.DescribeInstancesRequest) { r.Tag = &[]vendor.DescribeInstancesTag{{Key: "all"}} }, ecs.DescribeInstancesRequest{Tags: []ecs.Tag{{Key: "all"}}}},
	} {
		if a, b := vendorIDs(t, vendorClient, test.set), sdkIDs(t, client, test.req); len(a) != 1000 || len(b) != 1234 {
			t.Errorf("the vendor's client: %d, this SDK: %d", len(a), len(b))
		}
	}
}

func manyIDs(t *testing.T) {
	srv := crowd(t, 240)
	vendorClient, client := newClients(t, srv, "cn-hangzhou", srv.Credentials())
	var ids []string
	for i := range 10 {
		ids = append(ids, "i-gone"+strconv.Itoa(i))
	}
	for _, inst := range srv.Instances() {
		ids = append(ids, inst.InstanceID)
	}
	list := func(ids []string) string { return `["` + strings.Join(ids, `","`) + `"]` }
	req := vendor.CreateDescribeInstancesRequest()
	req.InstanceIds = list(ids)
	if _, err := vendorClient.DescribeInstances(req); err == nil {
		t.Error("the vendor's client accepts 250 ids")
	}
	req.InstanceIds, req.MaxResults = list(ids[:100]), requests.NewInteger(100)
	if resp, err := vendorClient.DescribeInstances(req); err != nil || len(resp.Instances.Instance) != 90 {
		t.Errorf("the vendor's client reports missing ids: %v", err)
	}
	found, err := client.GetInstances(t.Context(), ids...)
	if missing, ok := errorAs[*ecs.NotFoundError](err); !ok || !slices.Equal(missing.InstanceIDs, ids[:10]) || len(found) != 240 {
		t.Errorf("this SDK %d: %v", len(found), err)
	}
}

func manyAtOnce(t *testing.T) {
	srv, fleet := serve(t)
	_, client := newClients(t, srv, "cn-hangzhou", srv.Credentials())
	all, one := map[string]bool{}, map[string]bool{}
	for inst, err := range client.InstancesInRegions(t.Context(), nil, ecs.DescribeInstancesRequest{}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		all[inst.InstanceID] = true
	}
	for inst, err := range client.ScanInstances(t.Context(), ecs.DescribeInstancesRequest{}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		one[inst.InstanceID] = true
	}
	for _, inst := range fleet {
		if !all[inst.InstanceID] || one[inst.InstanceID] != (inst.RegionID == "cn-hangzhou") {
			t.Errorf("%s of %s", inst.InstanceID, inst.RegionID)
		}
	}
}

func throttled(t *testing.T) {
	srv := crowd(t, 10)
	a := ask(t, srv, srv.Credentials(), ecstest.Fault{Code: "Throttling.User"}, func(c *vendor.Client) { c.GetConfig().AutoRetry = true })
	if a.vendorErr == nil || a.err != nil || len(a.page.Instances) != 10 {
		t.Errorf("the vendor's client: %v, this SDK: %v", a.vendorErr, a.err)
	}
}

func faults(t *testing.T) {
	srv := crowd(t, 10)
	for _, fault := range []ecstest.Fault{{Reset: true}, {Code: "ServiceUnavailable"}} {
		a := ask(t, srv, srv.Credentials(), fault, nil)
		if a.vendorErr == nil || a.err != nil || len(a.page.Instances) != 10 {
			t.Errorf("the vendor's client: %v, this SDK: %v", a.vendorErr, a.err)
		}
		a = ask(t, srv, srv.Credentials(), fault, func(c *vendor.Client) { c.GetConfig().AutoRetry = true })
		if a.vendorErr != nil {
			t.Errorf("the vendor's client, with AutoRetry: %v", a.vendorErr)
		}
	}
}

func contexts(t *testing.T) {
	for client, want := range map[any]bool{&vendor.Client{}: false, &ecs.Client{}: true} {
		m, ok := reflect.TypeOf(client).MethodByName("DescribeInstances")
		if !ok || (m.Type.In(1) == reflect.TypeFor[context.Context]()) != want {
			t.Errorf("%T.DescribeInstances is a %v", client, m.Type)
		}
	}
}

func values(t *testing.T) {
	is := func(of reflect.Type, field string, want reflect.Type) {
		if f, _ := of.FieldByName(field); f.Type != want {
			t.Errorf("%v.%s is a %v, want %v", of, field, f.Type, want)
		}
	}
	vendorType, sdkType := reflect.TypeFor[vendor.Instance](), reflect.TypeFor[ecs.Instance]()
	is(vendorType, "CreationTime", reflect.TypeFor[string]())
	is(vendorType, "Status", reflect.TypeFor[string]())
	is(vendorType, "Cpu", reflect.TypeFor[int]())
	is(sdkType, "CreationTime", reflect.TypeFor[time.Time]())
	is(sdkType, "Status", reflect.TypeFor[ecs.InstanceStatus]())
	is(sdkType, "CPU", reflect.TypeFor[int]())
}

func unreadable(t *testing.T) {
	srv := crowd(t, 0)
	body := `{"RequestId":"r","NextToken":"","Instances":{"Instance":[{"InstanceId":"i-1"},{"InstanceId":"i-2","Cpu":{"a":1}},{"InstanceId":"i-3"}]}}`
	a := ask(t, srv, srv.Credentials(), ecstest.Fault{Body: []byte(body)}, nil)
	if a.vendorErr == nil || a.err != nil || len(a.page.Instances) != 3 || len(a.page.Undecoded) != 1 || a.page.Undecoded[0].InstanceID != "i-2" {
		t.Errorf("the vendor's client: %v, this SDK: %v", a.vendorErr, a.err)
	}
}

func noList(t *testing.T) {
	srv := crowd(t, 10)
	for _, body := range []string{"", `{"RequestId":"r","Code":"InternalError","Message":"m"}`} {
		a := ask(t, srv, srv.Credentials(), ecstest.Fault{Body: []byte(body), Times: -1}, nil)
		if a.vendorErr != nil || len(a.vendorPage.Instances.Instance) != 0 || a.err == nil {
			t.Errorf("the vendor's client: %v, this SDK: %v", a.vendorErr, a.err)
		}
	}
}

func repeatedToken(t *testing.T) {
	srv := crowd(t, 500)
	srv.Inject(ecstest.Fault{RepeatToken: true, Times: -1})
	vendorClient, client := newClients(t, srv, "cn-hangzhou", srv.Credentials())
	req := vendor.CreateDescribeInstancesRequest()
	req.MaxResults = requests.NewInteger(100)
	for range 20 { // 20 pages with 100 instances each, although there are only 500 instances
		resp, err := vendorClient.DescribeInstances(req)
		if err != nil || resp.NextToken == "" {
			t.Fatalf("the vendor's client stops: %v", err)
		}
		req.NextToken = resp.NextToken
	}
	if err := last(t, client); !errors.Is(err, pagination.ErrTokenLoop) {
		t.Errorf("this SDK ends with %v", err)
	}
}

func secrets(t *testing.T) {
	srv := crowd(t, 10)
	key := signer.Credentials{AccessKeyID: "STS.temporary", AccessKeySecret: "secret", SecurityToken: "CAISthetoken"}
	srv.AddKey(ecstest.Key{Credentials: key})
	echo := "the server's string to sign is POST&%2F&SecurityToken%3D" + key.SecurityToken
	for _, fault := range []ecstest.Fault{{Code: "SignatureDoesNotMatch", Message: echo}, {Reset: true, Times: -1}} {
		a := ask(t, srv, key, fault, nil)
		if a.vendorErr == nil || !strings.Contains(a.vendorErr.Error(), key.SecurityToken) {
			t.Errorf("the error of the vendor's client does not contain the token: %v", a.vendorErr)
		}
		if a.err == nil || strings.Contains(a.err.Error(), key.SecurityToken) {
			t.Errorf("this SDK: %v", a.err)
		}
	}
}

func plainHTTP(t *testing.T) {
	client, err := vendor.NewClientWithAccessKey("cn-hangzhou", "id", "secret")
	if err != nil {
		t.Fatal(err)
	}
	if scheme := client.GetConfig().Scheme; scheme != "HTTP" {
		t.Errorf("the vendor's client uses %s", scheme)
	}
	if _, err := ecs.NewClient("cn-hangzhou", &ecs.Options{Endpoint: "http://ecs.cn-hangzhou.aliyuncs.com"}); !errors.Is(err, ecs.ErrInvalidParameter) {
		t.Errorf("this SDK: %v", err)
	}
}
