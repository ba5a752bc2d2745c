package ecs_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"go/scanner"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/internal/docblocks"
)

// frame is the program into which the code fragments of README.md and MIGRATING.md are inserted.
var frame = docblocks.Frame{
	Params: "ctx context.Context, client *ecs.Client, id, secret string, err error",
	Imports: map[string]string{
		"context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "iter": "iter", "log": "log", "net": "net", "os": "os",
		"slog": "log/slog", "time": "time", "url": "net/url",

		"credentials": "github.com/aliyun/credentials-go/credentials",
		"ecs":         "github.com/aliyun-ecs/sdk-go/ecs",
		"ecstest":     "github.com/aliyun-ecs/sdk-go/ecs/ecstest",
		"httpmock":    "github.com/jarcoal/httpmock",
		"signer":      "github.com/aliyun-ecs/sdk-go/signer",
	},
	Main: `
func main() {
	server := ecstest.NewServer(ecstest.Fleet(2000, 1)...)
	defer server.Close()
	client, err := server.Client("cn-hangzhou", nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx, key := context.Background(), server.Credentials()
	if err := os.WriteFile(os.Getenv("ALIBABA_CLOUD_CONFIG_FILE"), fmt.Appendf(nil, "{\"profiles\":[{\"name\":\"production\",\"mode\":\"AK\",\"access_key_id\":%q,\"access_key_secret\":%q},{\"name\":\"staging\",\"mode\":\"AK\",\"access_key_id\":%[1]q,\"access_key_secret\":%[2]q}]}", key.AccessKeyID, key.AccessKeySecret), 0o600); err != nil {
		log.Fatal(err)
	}
	failed := client.Call(ctx, "DescribeNothing", nil, nil)
	for _, f := range fragments {
		fmt.Println("===", f.at)
		if err := f.run(ctx, client, key.AccessKeyID, key.AccessKeySecret, failed); err != nil {
			fmt.Println("FAILED:", err)
		}
	}
}`,
}

// TestDocuments checks that the code in README.md and MIGRATING.md compiles and runs without errors.
func TestDocuments(t *testing.T) {
	t.Parallel()
	var fragments []docblocks.Block
	programs := map[string][]byte{}
	for _, file := range []string{"../README.md", "../MIGRATING.md"} {
		blocks, err := docblocks.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks {
			switch {
			case b.Info != "": // a comparison with the vendor's client, tested in internal/compat
			case b.IsProgram():
				programs[fmt.Sprint("program", len(programs))] = []byte("//line " + b.String() + "\n" + b.Code)
			default:
				fragments = append(fragments, b)
			}
		}
	}
	if len(programs) == 0 || len(fragments) < 10 {
		t.Fatalf("%d programs and %d fragments found", len(programs), len(fragments))
	}
	names := slices.Sorted(maps.Keys(programs))
	var err error
	if programs["fragments"], err = frame.Program(fragments); err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := docblocks.Build(t.Context(), "..", bin, programs); err != nil {
		t.Fatal(err)
	}

	t.Run("fragments", func(t *testing.T) {
		t.Parallel()
		output := map[string]string{} // the output of each fragment
		for part := range strings.SplitSeq(run(t, filepath.Join(bin, "fragments"), "ALIBABA_CLOUD_CONFIG_FILE="+filepath.Join(t.TempDir(), "config.json")), "=== ") {
			at, text, _ := strings.Cut(part, "\n")
			output[at] = text
		}
		for _, b := range fragments {
			text, ran := output[b.String()]
			switch {
			case !ran:
				t.Errorf("%s did not run", b)
			case strings.Contains(text, "FAILED: "):
				t.Errorf("%s: %s", b, text)
			case text == "" && strings.Contains(b.Code, "fmt.Print"):
				t.Errorf("%s printed nothing", b)
			}
		}
	})
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
				t.Skip("built but not run: Go ignores SSL_CERT_FILE on this system")
			}
			server := ecstest.NewServer(ecstest.Fleet(2000, 1)...)
			defer server.Close()
			want := map[string]bool{}
			for _, inst := range server.Instances() {
				if inst.RegionID == "cn-hangzhou" && inst.Status == ecs.InstanceStatusRunning {
					want[inst.InstanceID] = true
				}
			}
			out := run(t, filepath.Join(bin, name), internet(t, server, "ecs-cn-hangzhou.aliyuncs.com")...)
			got := map[string]bool{}
			for line := range strings.Lines(out) {
				id, _, _ := strings.Cut(line, " ")
				got[id] = true
			}
			if !maps.Equal(got, want) || len(want) == 0 {
				t.Errorf("got %d instances, want %d:\n%.500s", len(got), len(want), out)
			}
		})
	}
}

// code returns the Go tokens of a code block, without comments.
func code(b docblocks.Block) string {
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile("", -1, len(b.Code)), []byte(b.Code), nil, 0)
	var tokens strings.Builder
	for {
		_, tok, text := s.Scan()
		if tok == token.EOF {
			return tokens.String()
		}
		fmt.Fprintln(&tokens, tok, text)
	}
}

// TestTranslation checks that the English and the Chinese README contain the same code.
func TestTranslation(t *testing.T) {
	t.Parallel()
	english, err := docblocks.Read("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	chinese, err := docblocks.Read("../README.zh-CN.md")
	if err != nil {
		t.Fatal(err)
	}
	for i := range max(len(english), len(chinese)) {
		switch {
		case i >= len(english):
			t.Errorf("%s is not in the English README", chinese[i])
		case i >= len(chinese):
			t.Errorf("%s is not in the Chinese README", english[i])
		case code(english[i]) != code(chinese[i]):
			t.Errorf("%s and %s differ", english[i], chinese[i])
		}
	}
}

// TestReferences checks that the files, headings and tests mentioned in the documents exist.
func TestReferences(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func (\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			tests[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../*.md")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("`((?:Test|Fuzz|Benchmark)\\w+)`").FindAllStringSubmatch(string(text), -1) {
			if !tests[m[1]] {
				t.Errorf("%s mentions %s, which does not exist", file, m[1])
			}
		}
		prose := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(string(text), "")
		for _, m := range regexp.MustCompile(`\]\(([^):]*)\)`).FindAllStringSubmatch(prose, -1) {
			path, anchor, _ := strings.Cut(m[1], "#")
			target := filepath.Join("..", path)
			if path == "" {
				target = file
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			} else if anchor != "" && !headings(t, target)[anchor] {
				t.Errorf("%s links to %s: no such heading", file, m[1])
			}
		}
	}
}

// TestVersion checks that the newest section of CHANGELOG.md describes the current Version.
func TestVersion(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`(?m)^## v(\S+) \(`).FindSubmatch(text); m == nil || string(m[1]) != ecs.Version {
		t.Errorf("the newest section is about %q, but Version is %s", m, ecs.Version)
	}
}

// headings returns the anchors that GitHub generates for the headings of a document.
func headings(t *testing.T, file string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	anchors := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(string(text), -1) {
		anchor := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		anchors[strings.ReplaceAll(anchor, " ", "-")] = true
	}
	return anchors
}

// run runs the program at path with only the given environment variables, and returns its output.
func run(t *testing.T, path string, env ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path)
	cmd.Env = append(env, "HOME="+t.TempDir(), "SystemRoot="+os.Getenv("SystemRoot"), "ALIBABA_CLOUD_ECS_METADATA_DISABLED=true")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// internet returns environment variables that redirect a process's requests for host to server. Other hosts cannot be
// reached.
func internet(t *testing.T, server *ecstest.Server, host string) (env []string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600); err != nil {
		t.Fatal(err)
	}
	endpoint := httptest.NewUnstartedServer(server)
	endpoint.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: private}}}
	endpoint.StartTLS()
	t.Cleanup(endpoint.Close)

	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != host+":443" {
			t.Errorf("the proxy received %s %s", r.Method, r.Host)
			http.Error(w, "no such host", http.StatusBadGateway)
			return
		}
		tunnel(t, w, endpoint.Listener.Addr().String())
	}))
	t.Cleanup(proxy.Close)
	key := server.Credentials()
	return []string{
		"HTTPS_PROXY=" + proxy.URL, "SSL_CERT_FILE=" + ca,
		"ALIBABA_CLOUD_ACCESS_KEY_ID=" + key.AccessKeyID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + key.AccessKeySecret,
	}
}

func tunnel(t *testing.T, w http.ResponseWriter, addr string) {
	there, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = there.Close() }()
	here, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = here.Close() }()
	_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(there, buffered)
		_ = there.Close()
	}()
	_, _ = io.Copy(here, there)
}
