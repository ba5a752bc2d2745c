// Package ecsotel records the HTTP requests of a client of package ecs as OpenTelemetry spans and metrics.
//
//	onAttempt, err := ecsotel.New(nil)
//	…
//	client, err := ecs.NewClient("cn-hangzhou", &ecs.Options{OnAttempt: onAttempt})
//
// It is a separate module, so that package ecs does not depend on OpenTelemetry.
//
// # Spans
//
// Every HTTP request becomes a span of kind client, a child of the span in the context of the call. A call that is retried
// has several spans; start a span of your own around the call to see it as a whole. The names and attributes follow the
// semantic conventions for HTTP and RPC clients:
//
//	(name)                     Ecs/DescribeInstances
//	rpc.system.name            alibaba_cloud
//	rpc.method                 Ecs/DescribeInstances
//	rpc.response.status_code   the API's error code, if there was one
//	http.request.method        POST
//	http.request.resend_count  1 for the first retry, and so on
//	http.response.status_code  unless there was no complete response
//	server.address             the endpoint
//	server.port                443 unless the endpoint has another
//	cloud.provider             alibaba_cloud
//	cloud.region               the client's region
//	aliyun.request_id          identifies the request to the vendor's support
//	error.type                 why the request failed, see below
//
// Nothing else of a request or its response is recorded. The attribute url.full of the conventions is left out on purpose:
// the query contains the access key id and, with signer.V1, the signature. An instrumented Options.HTTPClient, such as one
// of otelhttp, would record it.
//
// # Metric
//
// The histogram http.client.request.duration, in seconds, has those of the attributes that take few different values:
// http.request.method, http.response.status_code, server.address, server.port, rpc.method, cloud.region and error.type.
// Its count by error.type is the number of requests that were throttled (Throttling, Throttling.*) or failed otherwise.
//
// # Errors
//
// error.type, which is also the description of a failed span's status, is one of
//
//   - the API's error code, such as Throttling.User or Forbidden.RAM;
//   - the HTTP status, such as 502, if that is an error and there is no code (the span's status then has no description);
//   - invalid_response: the HTTP status was a success, but the response could not be used;
//   - canceled: the context of the call was canceled;
//   - timeout: the attempt, the connection or the context of the call timed out;
//   - dns: the host name of the endpoint could not be resolved;
//   - tls: the server's certificate was not trusted;
//   - network: anything else below HTTP, such as a refused or broken connection.
//
// A dry run that was allowed is not an error, although its HTTP status is 400. The client makes one when a listing is empty.
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

// Options configures [New].
type Options struct {
	TracerProvider trace.TracerProvider // nil means otel.GetTracerProvider()
	MeterProvider  metric.MeterProvider // nil means otel.GetMeterProvider()
}

// New returns a function for the OnAttempt field of [ecs.Options]. It may be used by any number of clients and called
// concurrently. If opts is nil, the global providers of package otel are used. An error means that the MeterProvider could
// not create the histogram.
func New(opts *Options) (func(ecs.Attempt), error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	meter := o.MeterProvider.Meter(scope, metric.WithInstrumentationVersion(ecs.Version), metric.WithSchemaURL(semconv.SchemaURL))
	duration, err := httpconv.NewClientRequestDuration(meter)
	if err != nil {
		return nil, fmt.Errorf("ecsotel: histogram %s: %w", duration.Name(), err)
	}
	tracer := o.TracerProvider.Tracer(scope, trace.WithInstrumentationVersion(ecs.Version), trace.WithSchemaURL(semconv.SchemaURL))
	return func(a ecs.Attempt) {
		a.Code, a.RequestID = identifier(a.Code), identifier(a.RequestID)
		common, errorType := describe(a)
		ctx := span(tracer, a, common, errorType)
		// in the context of the span, for exemplars
		duration.RecordSet(ctx, a.Duration.Seconds(), attribute.NewSet(common...))
	}, nil
}

// describe returns the attributes shared by spans and the metric. They have few different values.
func describe(a ecs.Attempt) (attrs []attribute.KeyValue, errorType string) {
	host, port := a.Host, 443 // plain http is allowed for loopback hosts only
	if h, p, err := net.SplitHostPort(a.Host); err == nil {
		host = h
		if n, err := strconv.Atoi(p); err == nil {
			port = n
		}
	}
	attrs = []attribute.KeyValue{
		semconv.HTTPRequestMethodPost, // the client uses no other method
		semconv.ServerAddress(strings.Trim(host, "[]")),
		semconv.ServerPort(port),
		semconv.RPCMethod(method(a)),
		semconv.CloudRegion(a.Region),
	}
	if a.StatusCode != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(a.StatusCode))
	}
	if errorType = errorTypeOf(a); errorType != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(errorType))
	}
	return attrs, errorType
}

// span records a span for the attempt, which has ended, and returns the context of the span.
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
		// according to the conventions, a description must not repeat an attribute
		if description == strconv.Itoa(a.StatusCode) {
			description = ""
		}
		s.SetStatus(codes.Error, description)
	}
	s.End(trace.WithTimestamp(a.Start.Add(a.Duration)))
	return ctx
}

// method returns the full name of the operation, which is also the name of the span.
func method(a ecs.Attempt) string { return "Ecs/" + a.Action }

// identifier returns s if it has the form of an error code or a request id, otherwise "". Other texts do not come
// from the API, and may be different each time.
func identifier(s string) string {
	if len(s) > 128 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
		return ""
	}
	return s
}

// errorTypeOf returns the error.type of the attempt, or "" if it succeeded. It never uses the text of an error,
// because the number of different texts is unbounded.
func errorTypeOf(a ecs.Attempt) string {
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
