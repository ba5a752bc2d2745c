package ecscache_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecscache"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// TestInVirtualTime is the example test in the package documentation.
func TestInVirtualTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := ecstest.NewPipeServer(ecs.Instance{InstanceID: "i-1"})
		defer server.Close()
		client, err := server.Client("cn-hangzhou", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer client.CloseIdleConnections()
		cache, err := ecscache.New(client, ecs.DescribeInstancesRequest{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = cache.Run(ctx) }()
		if err := cache.WaitForSync(ctx); err != nil {
			t.Fatal(err)
		}

		server.Delete("i-1")
		server.Inject(ecstest.Fault{Code: "ServiceUnavailable", Times: -1})
		time.Sleep(time.Hour)
		if _, ok := cache.Lookup("i-1"); !ok {
			t.Error("the cache removed an instance without a complete listing")
		}
		server.ClearFaults()
		time.Sleep(time.Hour)
		if _, ok := cache.Lookup("i-1"); ok {
			t.Error("the cache still contains a deleted instance")
		}
	})
}

// TestDocumentation checks that the package documentation contains the code of TestInVirtualTime.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	block := func(file, prefix string) string {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, after, found := strings.Cut(string(text), prefix+"synctest.Test(")
		code, _, closed := strings.Cut(after, "\n"+prefix+"})\n")
		if !found || !closed {
			t.Fatalf("%s does not contain the test", file)
		}
		return strings.ReplaceAll(strings.ReplaceAll(code, "\n"+prefix, "\n"), "\n"+strings.TrimSpace(prefix)+"\n", "\n\n")
	}
	if doc, code := block("doc.go", "//\t"), block("doc_test.go", "\t"); doc != code {
		t.Errorf("the documentation contains\n%s\nbut this file contains\n%s", doc, code)
	}
}
