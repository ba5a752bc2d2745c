package ecs_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// allTexts returns v in every form that may be logged, including all errors in the tree of an error.
func allTexts(v any) (texts []string) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%#q", "%x", "%X", "%d", "%t", "%p", "%20.10v"} {
		// Skip %p: fmt calls no method for it, so nothing can hide the secret. go vet reports %p with a struct.
		if _, ok := v.(signer.Credentials); ok && verb == "%p" {
			continue
		}
		if _, ok := v.(signer.Signed); ok && verb == "%p" {
			continue
		}
		texts = append(texts, fmt.Sprintf(verb, v))
	}
	var text bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("m", "v", v, slog.Group("g", slog.Any("v", v)))
	slog.New(slog.NewJSONHandler(&text, nil)).Info("m", "v", v, slog.Group("g", slog.Any("v", v)))
	if b, err := json.Marshal(v); err == nil {
		texts = append(texts, string(b))
	}
	texts = append(texts, text.String())
	err, ok := v.(error)
	if !ok {
		return texts
	}
	texts = append(texts, err.Error())
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			texts = append(texts, allTexts(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			texts = append(texts, allTexts(inner)...)
		}
	}
	return texts
}

// searchSecrets fails the test if a text contains a secret, including encoded forms.
func searchSecrets(t *testing.T, texts, secrets []string) {
	t.Helper()
	for secret, where := range findSecrets(strings.Join(texts, "\n"), secrets) {
		t.Errorf("%q is revealed: …%.300s", secret, where)
	}
}

func findSecrets(text string, secrets []string) (found map[string]string) {
	forms := map[string]string{} // maps each encoded form to its secret
	for _, s := range secrets {
		if s == "" {
			continue
		}
		once := url.QueryEscape(s)
		for _, form := range []string{
			s, once, url.QueryEscape(once), strings.ToLower(once), url.PathEscape(s),
			hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s))), strings.Trim(fmt.Sprint([]byte(s)), "[]"),
		} {
			forms[form] = s
		}
		for lead := range 3 { // the part of the Base64 encoding that does not depend on adjacent bytes
			b := base64.RawStdEncoding.EncodeToString(append(make([]byte, lead), s...))
			forms[b[(lead*8+5)/6:len(b)-1]] = s
		}
	}
	var pairs []string
	for form := range forms {
		pairs = append(pairs, form, "\x00")
	}
	if strings.NewReplacer(pairs...).Replace(text) == text { // a single pass is faster than a search for each form
		return nil
	}
	found = map[string]string{}
	for form, secret := range forms {
		if at := strings.Index(text, form); at >= 0 {
			found[secret] = text[max(0, at-100):]
		}
	}
	return found
}

// TestSecrets puts secrets into values of the exported types and checks that printing the values reveals no secret.
func TestSecrets(t *testing.T) {
	t.Parallel()
	printEverything(t)
}

func printEverything(t *testing.T) {
	t.Helper()
	key := signer.Credentials{AccessKeyID: plantedID, AccessKeySecret: plantedSecret, SecurityToken: plantedToken}
	vendor, err := credentials.NewCredential(new(credentials.Config).SetType("sts").SetAccessKeyId(plantedID).SetAccessKeySecret(plantedSecret).SetSecurityToken(plantedToken))
	if err != nil {
		t.Fatal(err)
	}
	var attempts []ecs.Attempt
	var log bytes.Buffer
	failing := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		text := echo(&exchange{Request: r}) + " " + plantedSecret
		if len(attempts)%2 == 0 {
			return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: errors.New(text)}
		}
		body := apiError("SignatureDoesNotMatch", text)
		return &http.Response{StatusCode: 400, Header: http.Header{"X-Acs-Request-Id": {text}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})}
	options := ecs.Options{
		Credentials: ecs.StaticCredentials(plantedID, plantedSecret, plantedToken), HTTPClient: failing, Signer: signer.V3{}, Limiter: freely{},
		OnAttempt: func(a ecs.Attempt) { attempts = append(attempts, a) }, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	client, err := ecs.NewClient("cn-test", &options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{}); err == nil || len(attempts) != 2 {
		t.Fatal(err, len(attempts))
	}
	failure, ok := errorAs[*ecs.Error](err)
	if !ok {
		t.Fatal(err)
	}
	shared := ecs.CredentialsFrom(vendor)
	if _, err = shared.Credentials(t.Context()); err != nil { // the provider reads the key now
		t.Fatal(err)
	}
	signed, err := signer.V1{}.Sign(signer.Request{Action: "A", Version: "1", Time: time.Unix(1, 0), Nonce: "n"}, key)
	if err != nil {
		t.Fatal(err)
	}
	signedV3, err := signer.V3{}.Sign(signer.Request{Action: "A", Version: "1", Host: "h", Time: time.Unix(1, 0), Nonce: "n"}, key)
	if err != nil {
		t.Fatal(err)
	}
	_, signature, _ := strings.Cut(signedV3.Header.Get("Authorization"), "Signature=")
	signatures := []string{signature, plantedID, plantedSecret, plantedToken}
	if q, err := url.ParseQuery(signed.Query); err == nil {
		signatures = append(signatures, q.Get("Signature"))
	}
	bad := &ecs.DecodeError{InstanceID: "i-1", Path: "Cpu", Raw: []byte("{}"), Err: failure}

	report := client.Check(t.Context(), nil)
	if report.Err() == nil {
		t.Error("the check passed")
	}

	values := map[string][]any{
		"ecs.Report": {report, *report}, "ecs.CheckStep": {report.Steps[5], &report.Steps[5]}, "ecs.CheckOptions": {ecs.CheckOptions{}},
		"ecs.Client": {client, *client}, "ecs.Options": {options, &options}, "ecs.Attempt": {attempts[0], attempts[1], &attempts[0]}, "ecs.Error": {failure},
		"ecs.CredentialsProvider": {options.Credentials, shared}, "ecs.PollPolicy": {options.Poll}, "ecs.Limiter": {options.Limiter},
		"ecs.DecodeError": {bad}, "ecs.IncompleteError": {&ecs.IncompleteError{Undecoded: []*ecs.DecodeError{bad}}}, "ecs.RegionError": {&ecs.RegionError{Region: "r", Err: failure}},
		"ecs.NotFoundError": {&ecs.NotFoundError{InstanceIDs: []string{"i-1"}}}, "ecs.UnconfirmedError": {&ecs.UnconfirmedError{Region: "r", Err: failure}}, "ecs.CappedError": {&ecs.CappedError{Err: failure}}, "ecs.WaitError": {&ecs.WaitError{Err: failure}},
		"signer.Credentials": {key, &key}, "signer.Signed": {signed, &signed, signedV3}, "signer.Signer": {signer.V1{}, signer.V3{}}, "signer.V1": {signer.V1{}}, "signer.V3": {signer.V3{}},
		"signer.Request": {signer.Request{}},
	}
	values["pagination.Fetch"], values["ecs.CredentialsFunc"] = nil, nil // functions, which are printed as addresses
	stream := client.StreamInstances(t.Context(), ecs.DescribeInstancesRequest{})
	stream.Stop()
	values["pagination.Stream"] = []any{stream}
	values["ecs.CredentialsFunc"] = nil
	for _, dir := range []string{".", "../signer", "../pagination"} {
		for _, name := range holders(t, dir) {
			if _, ok := values[name]; !ok {
				t.Errorf("%s may contain secrets: add a value of it to this test", name)
			}
		}
	}
	texts := []string{log.String()}
	for name, list := range values {
		for _, v := range list {
			texts = append(texts, allTexts(v)...)
			switch v.(type) {
			// fmt calls no methods of values in unexported fields.
			case signer.Credentials, signer.Signed, *signer.Credentials, *signer.Signed:
				continue
			}
			texts = append(texts, allTexts([]any{v})...)
			texts = append(texts, allTexts(map[string]any{name: v})...)
			texts = append(texts, allTexts(struct{ Field any }{v})...)
			texts = append(texts, allTexts(struct{ field any }{v})...)
			texts = append(texts, allTexts(&struct{ field any }{v})...)
			texts = append(texts, allTexts(fmt.Errorf("wrapped: %+v", v))...)
		}
	}
	texts = append(texts, allTexts(struct{ o ecs.Options }{options})...)
	searchSecrets(t, texts, signatures)
	// The search must find planted secrets in every encoding.
	for _, told := range []string{plantedSecret, url.QueryEscape(plantedToken), fmt.Sprintf("%x", "xy"+plantedSecret), base64.StdEncoding.EncodeToString([]byte("x" + plantedSecret + "y"))} {
		if len(findSecrets("a "+told+" b", signatures)) == 0 {
			t.Errorf("the search misses %s", told)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type freely struct{}

func (freely) Wait(context.Context) error { return nil }

// holders returns the exported types of the package in dir that may contain a secret.
func holders(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				holds, name := dir == "../signer", spec.(*ast.TypeSpec).Name
				ast.Inspect(spec.(*ast.TypeSpec).Type, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.FuncType, *ast.InterfaceType:
						holds = true
					case *ast.SelectorExpr:
						holds = holds || !slices.Contains([]string{"time.Time", "time.Duration", "json.RawMessage", "netip.Addr"}, fmt.Sprint(n.X, ".", n.Sel))
					case *ast.Ident:
						holds = holds || n.Name == "error" || n.Name == "any"
					}
					return true
				})
				if holds && name.IsExported() {
					names = append(names, f.Name.Name+"."+name.Name)
				}
			}
		}
	}
	return names
}
