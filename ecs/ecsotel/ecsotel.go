// Package ecsotel shows what a client of package ecs does as OpenTelemetry spans and metrics.
//
//	onAttempt, err := ecsotel.New(ecsotel.Options{})
//	…
//	client, err := ecs.NewClient("cn-hangzhou", &ecs.Options{OnAttempt: onAttempt})
//
// It is a module of its own, so that the client does not depend on OpenTelemetry.
//
// # Spans
//
// Every HTTP request is a span of kind client, a child of the span in the context that was passed to the client. A call
// that is retried is several spans; put one of your own around it to see it as a whole. The names and attributes are
// those of the semantic conventions for HTTP and RPC clients:
//
//	(name)                     Ecs/DescribeInstances
//	rpc.system.name            alibaba_cloud
//	rpc.method                 Ecs/DescribeInstances
//	rpc.response.status_code   the API's error code, if it gave one
//	http.request.method        POST
//	http.request.resend_count  1 for the first retry, and so on
//	http.response.status_code  unless there was no complete answer
//	server.address             the endpoint
//	server.port                443 unless the endpoint names another
//	cloud.provider             alibaba_cloud
//	cloud.region               the client's region
//	aliyun.request_id          what the vendor's support asks for
//	error.type                 why the request failed, see below
//
// Nothing else of a request or its answer is recorded. The convention's url.full is left out on purpose: the query holds
// the access key id and, with signer.V1, the signature. An instrumented Options.HTTPClient, such as otelhttp's, would
// record it.
//
// # Metric
//
// The histogram http.client.request.duration, in seconds, has the same attributes as far as they are few:
// http.request.method, http.response.status_code, server.address, server.port, rpc.method, cloud.region and error.type.
// Its count by error.type tells how many requests were throttled (Throttling, Throttling.*) or failed otherwise.
//
// # Errors
//
// error.type, which is also the description of a failed span's status, is one of
//
//   - the API's error code, such as Throttling.User or Forbidden.RAM;
//   - else the HTTP status, such as 502, if that is an error (then the span's status needs no description);
//   - invalid_response: an answer with a status of success that cannot be used;
//   - canceled: the caller's context was;
//   - timeout: of the attempt, the connection or the caller's context;
//   - dns: the endpoint's name was not resolved;
//   - tls: the server's certificate was not trusted;
//   - network: anything else below HTTP, such as a refused or broken connection.
//
// A dry run that was allowed is no error, although its HTTP status says so. The client makes one when a listing is empty.
package ecsotel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
	"go.opentelemetry.io/otel/trace"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

const scope = "github.com/aliyun-ecs/sdk-go/ecs/ecsotel"

// Options say where the telemetry goes. The zero value is the global providers of package otel.
type Options struct {
	TracerProvider trace.TracerProvider // nil = otel.GetTracerProvider()
	MeterProvider  metric.MeterProvider // nil = otel.GetMeterProvider()
}

// New makes a function for [ecs.Options].OnAttempt. It is safe for any number of goroutines, and one serves any number of
// clients. An error is the MeterProvider's: it does not make the histogram.
func New(opts Options) (func(ecs.Attempt), error) {
	if opts.TracerProvider == nil {
		opts.TracerProvider = otel.GetTracerProvider()
	}
	if opts.MeterProvider == nil {
		opts.MeterProvider = otel.GetMeterProvider()
	}
	meter := opts.MeterProvider.Meter(scope, metric.WithInstrumentationVersion(ecs.Version), metric.WithSchemaURL(semconv.SchemaURL))
	duration, err := httpconv.NewClientRequestDuration(meter)
	if err != nil {
		return nil, fmt.Errorf("ecsotel: histogram %s: %w", duration.Name(), err)
	}
	tracer := opts.TracerProvider.Tracer(scope, trace.WithInstrumentationVersion(ecs.Version), trace.WithSchemaURL(semconv.SchemaURL))
	return func(a ecs.Attempt) {
		a.Code, a.RequestID = name(a.Code), name(a.RequestID)
		common, errorType := describe(a)
		ctx := span(tracer, a, common, errorType)
		duration.RecordSet(ctx, a.Duration.Seconds(), attribute.NewSet(common...)) // in the span's context, for exemplars
	}, nil
}

// describe is what spans and the metric share: attributes with few values.
func describe(a ecs.Attempt) (attrs []attribute.KeyValue, errorType string) {
	host, port := a.Host, 443 // http without a port is possible on loopback only
	if h, p, err := net.SplitHostPort(a.Host); err == nil {
		host = h
		if n, err := strconv.Atoi(p); err == nil {
			port = n
		}
	}
	attrs = []attribute.KeyValue{
		semconv.HTTPRequestMethodPost, // the only one the client uses
		semconv.ServerAddress(strings.Trim(host, "[]")),
		semconv.ServerPort(port),
		semconv.RPCMethod(method(a)),
		semconv.CloudRegion(a.Region),
	}
	if a.StatusCode != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(a.StatusCode))
	}
	if errorType = failure(a); errorType != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(errorType))
	}
	return attrs, errorType
}

// span records the attempt, which is over, and returns the span's context.
func span(tracer trace.Tracer, a ecs.Attempt, common []attribute.KeyValue, errorType string) context.Context {
	attrs := append(slices.Clip(common), semconv.RPCSystemNameKey.String("alibaba_cloud"), semconv.CloudProviderAlibabaCloud)
	if a.Number > 1 {
		attrs = append(attrs, semconv.HTTPRequestResendCount(a.Number-1))
	}
	if a.Code != "" {
		attrs = append(attrs, semconv.RPCResponseStatusCode(a.Code))
	}
	if a.RequestID != "" {
		attrs = append(attrs, attribute.String("aliyun.request_id", a.RequestID))
	}
	ctx, s := tracer.Start(a.Context, method(a), trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(a.Start), trace.WithAttributes(attrs...))
	if errorType != "" {
		description := errorType
		if description == strconv.Itoa(a.StatusCode) { // the conventions want none that repeats an attribute
			description = ""
		}
		s.SetStatus(codes.Error, description)
	}
	s.End(trace.WithTimestamp(a.Start.Add(a.Duration)))
	return ctx
}

// method is the operation's full name, and the span's.
func method(a ecs.Attempt) string { return "Ecs/" + a.Action }

// name is s if it is what codes and ids look like. Others come from what is not the API, and could be another one each time.
func name(s string) string {
	if len(s) > 128 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
		return ""
	}
	return s
}

// failure is the attempt's error.type, "" for a success. The texts of errors are not looked at: their number has no bound.
func failure(a ecs.Attempt) string {
	switch {
	case a.Err == nil, a.Code == "DryRunOperation":
		return ""
	case a.Code != "":
		return a.Code
	case a.StatusCode/100 == 2:
		return "invalid_response"
	case a.StatusCode != 0:
		return strconv.Itoa(a.StatusCode)
	case errors.Is(a.Err, context.Canceled):
		return "canceled"
	}
	var t net.Error
	if errors.As(a.Err, &t) && t.Timeout() {
		return "timeout"
	}
	var target *net.DNSError
	if errors.As(a.Err, &target) {
		return "dns"
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(a.Err, &untrusted) {
		return "tls"
	}
	return "network"
}
