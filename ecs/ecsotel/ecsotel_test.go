package ecsotel_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecsotel"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

const (
	keyID  = "LTAI5tMadeUpForThisTest0"
	secret = "madeUpSecretForThisTest000000"
	token  = "CAISmadeUpTokenForThisTest0000000000000000000000000000"
)

// telemetry keeps the spans and metrics of a hook in memory.
type telemetry struct {
	spans  *tracetest.InMemoryExporter
	reader *sdkmetric.ManualReader
	tracer trace.Tracer // creates parent spans
	hook   func(ecs.Attempt)
}

func newTelemetry(t *testing.T) *telemetry {
	t.Helper()
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	hook, err := ecsotel.New(&ecsotel.Options{TracerProvider: tracers, MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))})
	if err != nil {
		t.Fatal(err)
	}
	return &telemetry{spans: spans, reader: reader, tracer: tracers.Tracer("test"), hook: hook}
}

// metrics returns the recorded instrumentation scope and the data points of the scope's only metric, which is a
// histogram.
func (tel *telemetry) metrics(t *testing.T) (metricdata.ScopeMetrics, []metricdata.HistogramDataPoint[float64]) {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := tel.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.ScopeMetrics) != 1 || len(all.ScopeMetrics[0].Metrics) != 1 {
		t.Fatalf("metrics: %+v, want exactly one", all.ScopeMetrics)
	}
	h, ok := all.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64])
	if !ok {
		t.Fatalf("%T is not a histogram", all.ScopeMetrics[0].Metrics[0].Data)
	}
	return all.ScopeMetrics[0], h.DataPoints
}

// show returns the sorted attributes, one per line.
func show(attrs []attribute.KeyValue) string {
	var list []string
	for _, kv := range attrs {
		list = append(list, string(kv.Key)+"="+kv.Value.String())
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

// attrs splits text at spaces and returns the sorted attributes, one per line.
func attrs(text ...string) string {
	return strings.Join(slices.Sorted(slices.Values(strings.Fields(strings.Join(text, " ")))), "\n")
}

// answers returns a responder that sends the given responses in order and then repeats the last response. Each response
// takes 120 ms.
func answers(list ...httpmock.Responder) httpmock.Responder {
	var mu sync.Mutex
	n := 0
	return func(req *http.Request) (*http.Response, error) {
		mu.Lock()
		answer := list[min(n, len(list)-1)]
		n++
		mu.Unlock()
		time.Sleep(120 * time.Millisecond)
		return answer(req)
	}
}

func answer(status int, requestID, body string) httpmock.Responder {
	return httpmock.NewStringResponder(status, body).HeaderSet(http.Header{"X-Acs-Request-Id": {requestID}})
}

func refuse(status int, requestID, code string) httpmock.Responder {
	return answer(status, requestID, `{"RequestId":"`+requestID+`","Code":"`+code+`","Message":"no"}`)
}

var (
	page   = answer(200, "OK-1", `{"RequestId":"OK-1","Instances":{"Instance":[{"InstanceId":"i-1","RegionId":"cn-hangzhou"}]},"NextToken":""}`)
	broken = httpmock.NewErrorResponder
)

// never is a responder that does not respond until the request is canceled.
func never(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func list(ctx context.Context, c *ecs.Client) error {
	_, err := c.DescribeInstances(ctx, ecs.DescribeInstancesRequest{})
	return err
}

func dryRun(ctx context.Context, c *ecs.Client) error {
	return c.DryRun(ctx, ecs.DescribeInstancesRequest{})
}

// hurried lists instances with a context that has a deadline. The function impatient cancels the context instead.
func hurried(ctx context.Context, c *ecs.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	return list(ctx, c)
}

func impatient(ctx context.Context, c *ecs.Client) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer time.AfterFunc(4*time.Second, func() { cancel(errors.New("made-up reason")) }).Stop()
	return list(ctx, c)
}

// onPoint contains the attributes of every data point, and onSpan contains the attributes of every span.
const (
	onPoint = "http.request.method=POST server.address=ecs-cn-hangzhou.aliyuncs.com server.port=443 rpc.method=Ecs/DescribeInstances cloud.region=cn-hangzhou"
	onSpan  = onPoint + " rpc.system.name=alibaba_cloud cloud.provider=alibaba_cloud"
)

func TestAttempts(t *testing.T) {
	t.Parallel()
	// span describes a recorded span. The attributes in point are recorded in the span and in the metric, and the
	// attributes in only are recorded only in the span. description is the description of the span's status.
	type span struct{ point, only, description string }
	const noError = "none"
	first := span{"http.response.status_code=200", "aliyun.request_id=OK-1", noError}
	second := span{first.point, first.only + " http.request.resend_count=1", noError}

	for _, tc := range []struct {
		name   string
		do     func(context.Context, *ecs.Client) error
		answer httpmock.Responder
		retry  ecs.RetryPolicy
		want   []span
	}{
		{"success", list, answers(page), ecs.RetryPolicy{}, []span{first}},
		{"busy, then well", list, answers(answer(503, "B", "<html>busy</html>"), page), ecs.RetryPolicy{}, []span{
			{"http.response.status_code=503 error.type=503", "aliyun.request_id=B", ""},
			second,
		}},
		{"throttled, then well", list, answers(refuse(400, "T", "Throttling.User"), page), ecs.RetryPolicy{}, []span{
			{"http.response.status_code=400 error.type=Throttling.User", "rpc.response.status_code=Throttling.User aliyun.request_id=T", "Throttling.User"},
			second,
		}},
		{"cut, then well", list, answers(broken(io.ErrUnexpectedEOF), page), ecs.RetryPolicy{}, []span{
			{"error.type=network", "", "network"},
			second,
		}},
		{"denied", dryRun, answers(refuse(403, "D", "Forbidden.RAM")), ecs.RetryPolicy{}, []span{
			{"http.response.status_code=403 error.type=Forbidden.RAM", "rpc.response.status_code=Forbidden.RAM aliyun.request_id=D", "Forbidden.RAM"},
		}},
		{"dry run allowed", dryRun, answers(refuse(400, "D", "DryRunOperation")), ecs.RetryPolicy{}, []span{
			{"http.response.status_code=400", "rpc.response.status_code=DryRunOperation aliyun.request_id=D", noError},
		}},
		{"error with a status of success", list, answers(refuse(200, "E", "Forbidden")), ecs.RetryPolicy{}, []span{
			{"http.response.status_code=200 error.type=Forbidden", "rpc.response.status_code=Forbidden aliyun.request_id=E", "Forbidden"},
		}},
		{"not an answer", list, answers(answer(200, "H", "<html>hotspot</html>")), ecs.RetryPolicy{MaxAttempts: 1}, []span{
			{"http.response.status_code=200 error.type=invalid_response", "aliyun.request_id=H", "invalid_response"},
		}},
		{"redirect", list, answers(answer(302, "", "").HeaderSet(http.Header{"Location": {"https://example.com/"}})), ecs.RetryPolicy{}, []span{
			{"http.response.status_code=302 error.type=302", "", ""},
		}},
		{"connection refused", list, answers(broken(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED})), ecs.RetryPolicy{MaxAttempts: 1}, []span{
			{"error.type=network", "", "network"},
		}},
		{"unknown host", list, answers(broken(&net.DNSError{Err: "no such host", IsNotFound: true})), ecs.RetryPolicy{}, []span{
			{"error.type=dns", "", "dns"},
		}},
		{"untrusted server", list, answers(broken(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}})), ecs.RetryPolicy{}, []span{
			{"error.type=tls", "", "tls"},
		}},
		{"connection timeout", list, answers(broken(&net.OpError{Op: "dial", Err: syscall.ETIMEDOUT})), ecs.RetryPolicy{MaxAttempts: 1}, []span{
			{"error.type=timeout", "", "timeout"},
		}},
		{"attempt timeout, then well", list, answers(never, page), ecs.RetryPolicy{}, []span{
			{"error.type=timeout", "", "timeout"},
			second,
		}},
		{"deadline", hurried, never, ecs.RetryPolicy{}, []span{
			{"error.type=timeout", "", "timeout"},
		}},
		{"canceled", impatient, never, ecs.RetryPolicy{}, []span{
			{"error.type=canceled", "", "canceled"},
		}},
		// The span of each attempt must report only the failure of that attempt.
		{"throttled, then canceled", impatient, answers(refuse(400, "T", "Throttling"), never), ecs.RetryPolicy{}, []span{
			{"http.response.status_code=400 error.type=Throttling", "rpc.response.status_code=Throttling aliyun.request_id=T", "Throttling"},
			{"error.type=canceled", "http.request.resend_count=1", "canceled"},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tel, mock := newTelemetry(t), httpmock.NewMockTransport()
				mock.RegisterNoResponder(tc.answer)
				client, err := ecs.NewClient("cn-hangzhou", &ecs.Options{
					Credentials: ecs.StaticCredentials(keyID, secret, token), HTTPClient: &http.Client{Transport: mock}, Retry: tc.retry, OnAttempt: tel.hook,
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx, parent := tel.tracer.Start(t.Context(), "parent")
				begin := time.Now()
				err = tc.do(ctx, client)
				end := time.Now()
				if allowed := tc.want[len(tc.want)-1].description == noError; (err == nil) != allowed {
					t.Errorf("the call returned %v", err)
				}

				spans := tel.spans.GetSpans()
				if len(spans) != len(tc.want) {
					t.Fatalf("%d spans, want %d: %+v", len(spans), len(tc.want), spans)
				}
				var seconds float64
				ids := map[trace.SpanID]bool{}
				points := map[string]uint64{}
				for i, s := range spans {
					want := tc.want[i]
					status := sdktrace.Status{Code: codes.Error, Description: want.description}
					if want.description == noError {
						status = sdktrace.Status{}
					}
					if got, want := show(s.Attributes), attrs(onSpan, want.point, want.only); got != want {
						t.Errorf("span %d:\n%s\nwant:\n%s", i, got, want)
					}
					if s.Status != status || s.Name != "Ecs/DescribeInstances" || s.SpanKind != trace.SpanKindClient || len(s.Events) != 0 {
						t.Errorf("span %d: %q, status %+v, kind %v, events %v; want status %+v", i, s.Name, s.Status, s.SpanKind, s.Events, status)
					}
					if s.Parent.SpanID() != parent.SpanContext().SpanID() || s.SpanContext.TraceID() != parent.SpanContext().TraceID() {
						t.Errorf("span %d is not a child of the caller's span", i)
					}
					seconds += s.EndTime.Sub(s.StartTime).Seconds()
					ids[s.SpanContext.SpanID()] = true
					points[attrs(onPoint, want.point)]++
				}
				if !spans[0].StartTime.Equal(begin) || !spans[len(spans)-1].EndTime.Equal(end) {
					t.Errorf("the spans last from %v to %v, but the call lasted from %v to %v", spans[0].StartTime, spans[len(spans)-1].EndTime, begin, end)
				}

				_, data := tel.metrics(t)
				for _, p := range data {
					at := show(p.Attributes.ToSlice())
					if p.Count != points[at] {
						t.Errorf("%d requests with the attributes\n%s\nwant %d", p.Count, at, points[at])
					}
					delete(points, at)
					seconds -= p.Sum
					for _, e := range p.Exemplars {
						if !ids[trace.SpanID(e.SpanID)] {
							t.Errorf("an exemplar refers to span %x, which is not the span of an attempt", e.SpanID)
						}
						delete(ids, trace.SpanID(e.SpanID))
					}
				}
				if len(points) != 0 || len(ids) != 0 || seconds > 1e-9 || seconds < -1e-9 {
					t.Errorf("the histogram lacks the points %v, the exemplars %v, and a duration of %v s", points, ids, seconds)
				}
			})
		})
	}
}

func TestScopeAndHistogram(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	begin := time.Now().Add(-time.Hour)
	tel.hook(ecs.Attempt{Context: t.Context(), Action: "DescribeRegions", Start: begin, Duration: 30 * time.Millisecond})

	scope, points := tel.metrics(t)
	span := tel.spans.GetSpans()[0]
	if scope.Scope != span.InstrumentationScope {
		t.Errorf("the scope of the metric is %+v, but the scope of the span is %+v", scope.Scope, span.InstrumentationScope)
	}
	if s := scope.Scope; s.Name != "github.com/aliyun-ecs/sdk-go/ecs/ecsotel" || s.Version != ecs.Version || s.SchemaURL != semconv.SchemaURL {
		t.Errorf("unexpected scope %+v", s)
	}
	if m := scope.Metrics[0]; m.Name != "http.client.request.duration" || m.Unit != "s" {
		t.Errorf("unexpected metric %s with unit %s", m.Name, m.Unit)
	}
	if got := points[0]; got.Sum != 0.03 || !slices.Equal(got.Bounds, []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}) {
		t.Errorf("unexpected sum %v or bounds %v", got.Sum, got.Bounds)
	}
	if end := begin.Add(30 * time.Millisecond); span.Name != "Ecs/DescribeRegions" || !span.StartTime.Equal(begin) || !span.EndTime.Equal(end) {
		t.Errorf("span %s from %v to %v, want %v to %v", span.Name, span.StartTime, span.EndTime, begin, end)
	}
}

func TestServerAddress(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"ecs-vpc.cn-beijing.aliyuncs.com": "server.address=ecs-vpc.cn-beijing.aliyuncs.com server.port=443",
		"127.0.0.1:8080":                  "server.address=127.0.0.1 server.port=8080",
		"[::1]:8443":                      "server.address=::1 server.port=8443",
		"[::1]":                           "server.address=::1 server.port=443",
	} {
		tel := newTelemetry(t)
		tel.hook(ecs.Attempt{Context: t.Context(), Host: host})
		got := slices.DeleteFunc(tel.spans.GetSpans()[0].Attributes, func(kv attribute.KeyValue) bool { return !strings.HasPrefix(string(kv.Key), "server.") })
		if show(got) != attrs(want) {
			t.Errorf("host %s has the attributes\n%s\nwant\n%s", host, show(got), attrs(want))
		}
	}
}

// TestNames checks that strings from a response are recorded only if they look like error codes or request ids. Other
// strings could create any number of time series.
func TestNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"InvalidParameter.Conflict_2-x": "error.type=InvalidParameter.Conflict_2-x rpc.response.status_code=InvalidParameter.Conflict_2-x aliyun.request_id=InvalidParameter.Conflict_2-x",
		strings.Repeat("a", 129):        "error.type=500",
		"InvalidParameter: at 12:00":    "error.type=500",
		"***":                           "error.type=500",
		"":                              "error.type=500",
	} {
		tel := newTelemetry(t)
		tel.hook(ecs.Attempt{Context: t.Context(), StatusCode: 500, Code: text, RequestID: text, Err: errors.New("failed")})
		got := slices.DeleteFunc(tel.spans.GetSpans()[0].Attributes, func(kv attribute.KeyValue) bool {
			return kv.Key != semconv.ErrorTypeKey && kv.Key != semconv.RPCResponseStatusCodeKey && kv.Key != "aliyun.request_id"
		})
		if show(got) != attrs(want) {
			t.Errorf("%q results in the attributes\n%s\nwant\n%s", text, show(got), attrs(want))
		}
	}
}

// TestNoSecrets checks that no secret is recorded, even if a response or a network error repeats the whole request.
func TestNoSecrets(t *testing.T) {
	t.Parallel()
	for name, sign := range map[string]signer.Signer{"V1": signer.V1{}, "V3": signer.V3{}} {
		for kind, echo := range map[string]func(req *http.Request, all string) (*http.Response, error){
			"error": func(_ *http.Request, all string) (*http.Response, error) { return nil, errors.New(all) },
			"dial": func(req *http.Request, all string) (*http.Response, error) {
				return nil, &url.Error{Op: all, URL: req.URL.String(), Err: io.EOF}
			},
			"key":  func(req *http.Request, _ string) (*http.Response, error) { return refuse(400, keyID, secret)(req) },
			"code": func(req *http.Request, all string) (*http.Response, error) { return refuse(400, "R", all)(req) },
			"request": func(req *http.Request, all string) (*http.Response, error) {
				return refuse(400, all, "InvalidParameter")(req)
			},
			"page": func(req *http.Request, all string) (*http.Response, error) { return answer(200, "R", all)(req) },
		} {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				tel, mock := newTelemetry(t), httpmock.NewMockTransport()
				secrets := []string{keyID, secret, token}
				mock.RegisterNoResponder(func(req *http.Request) (*http.Response, error) {
					signature := req.URL.Query().Get("Signature")
					if _, after, ok := strings.Cut(req.Header.Get("Authorization"), "Signature="); ok {
						signature = after
					}
					if len(signature) < 20 {
						t.Errorf("the request has no signature: %v", req)
					}
					secrets = append(secrets, signature, url.QueryEscape(signature))
					header := strings.NewReplacer(`"`, "", "\r\n", " ").Replace(fmt.Sprint(req.Header))
					return echo(req, strings.Join([]string{keyID, secret, token, signature, req.URL.RawQuery, header}, " "))
				})
				client, err := ecs.NewClient("cn-hangzhou", &ecs.Options{
					Credentials: ecs.StaticCredentials(keyID, secret, token), Signer: sign,
					HTTPClient: &http.Client{Transport: mock}, Retry: ecs.RetryPolicy{MaxAttempts: 1}, OnAttempt: tel.hook,
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := list(t.Context(), client); err == nil {
					t.Error("the listing returned no error")
				}
				scope, _ := tel.metrics(t)
				spans := tel.spans.GetSpans()
				recorded := fmt.Sprintf("%+v %+v", spans, scope)
				for _, s := range spans {
					recorded += show(s.Attributes)
				}
				for _, s := range append(secrets, "Signature", "Authorization") {
					if strings.Contains(recorded, s) {
						t.Errorf("the telemetry contains %q; attributes of the span:\n%s", s, show(spans[0].Attributes))
					}
				}
			})
		}
	}
}

// TestManyGoroutines checks that several clients can use the same hook concurrently.
func TestManyGoroutines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		regions := []string{"cn-hangzhou", "cn-beijing", "eu-central-1"}
		var fleet []ecs.Instance
		for i, region := range regions {
			for n := range 250 {
				fleet = append(fleet, ecs.Instance{InstanceID: fmt.Sprintf("i-%d%06d", i, n), RegionID: region})
			}
		}
		server := ecstest.NewPipeServer(fleet...)
		defer server.Close()
		server.Inject(ecstest.Fault{Region: "cn-beijing", Skip: 1, Code: "Throttling"})
		tel := newTelemetry(t)
		client, err := server.Client(regions[0], &ecs.Options{OnAttempt: tel.hook})
		if err != nil {
			t.Fatal(err)
		}
		defer client.CloseIdleConnections()

		var wg sync.WaitGroup
		for _, region := range regions {
			wg.Go(func() {
				c, err := client.InRegion(region)
				if err != nil {
					t.Error(err)
					return
				}
				for _, err := range c.Instances(t.Context(), ecs.DescribeInstancesRequest{MaxResults: 100}) {
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()

		requests := server.Requests()
		spans := tel.spans.GetSpans()
		if len(spans) != len(requests) || len(spans) != 3*3+1 {
			t.Errorf("%d spans for %d requests, want 10", len(spans), len(requests))
		}
		_, points := tel.metrics(t)
		got := map[string]uint64{}
		for _, p := range points {
			region, _ := p.Attributes.Value(semconv.CloudRegionKey)
			failure, _ := p.Attributes.Value(semconv.ErrorTypeKey)
			got[strings.TrimSpace(region.AsString()+" "+failure.AsString())] += p.Count
		}
		for key, want := range map[string]uint64{"cn-hangzhou": 3, "cn-beijing": 3, "cn-beijing Throttling": 1, "eu-central-1": 3} {
			if got[key] != want {
				t.Errorf("%s: %d requests, want %d", key, got[key], want)
			}
		}
		for _, s := range spans {
			if !slices.ContainsFunc(requests, func(r ecstest.Request) bool {
				return slices.Contains(s.Attributes, attribute.String("aliyun.request_id", r.RequestID))
			}) {
				t.Errorf("no request belongs to the span with the attributes\n%s", show(s.Attributes))
			}
		}
	})
}

// TestGlobalProviders checks that New(nil) uses the global providers. No other test may set the global providers.
func TestGlobalProviders(t *testing.T) {
	t.Parallel()
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)))
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	hook, err := ecsotel.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	hook(ecs.Attempt{Context: t.Context(), Action: "DescribeRegions"})
	if list := spans.GetSpans(); len(list) != 1 || list[0].Name != "Ecs/DescribeRegions" {
		t.Errorf("spans: %+v, want one named Ecs/DescribeRegions", list)
	}
	tel := telemetry{reader: reader}
	if _, points := tel.metrics(t); len(points) != 1 {
		t.Errorf("%d data points, want 1", len(points))
	}
}

func TestMeterFails(t *testing.T) {
	t.Parallel()
	hook, err := ecsotel.New(&ecsotel.Options{MeterProvider: failing{}})
	if !errors.Is(err, errMeter) || hook != nil || !strings.Contains(err.Error(), "http.client.request.duration") {
		t.Errorf("New returned %v, want the error of the meter", cmp.Or(err, errors.New("no error")))
	}
}

var errMeter = errors.New("no more instruments")

type failing struct{ noop.MeterProvider }

func (failing) Meter(string, ...metric.MeterOption) metric.Meter { return failingMeter{} }

type failingMeter struct{ noop.Meter }

func (failingMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return nil, errMeter
}
