// Package ecsotel records the HTTP requests of a client of package ecs as OpenTelemetry spans and metrics.
//
//	onAttempt, err := ecsotel.New(nil)
//	…
//	client, err := ecs.NewClient("cn-hangzhou", &ecs.Options{OnAttempt: onAttempt})
//
// Package ecsotel is in a separate module, so that package ecs does not depend on OpenTelemetry.
//
// # Spans
//
// Every HTTP request is recorded as a span of kind client. The span is a child of the span in the call's context. To
// trace a call with all its retries, start a span before the call and end it afterwards. The names and attributes
// follow the semantic conventions for HTTP and RPC clients:
//
//	(name)                     Ecs/DescribeInstances
//	rpc.system.name            alibaba_cloud
//	rpc.method                 Ecs/DescribeInstances
//	rpc.response.status_code   the API's error code, if there was one
//	http.request.method        POST
//	http.request.resend_count  1 for the first retry, and so on
//	http.response.status_code  omitted if there was no complete response
//	server.address             the endpoint
//	server.port                the port of the endpoint, 443 by default
//	cloud.provider             alibaba_cloud
//	cloud.region               the client's region
//	aliyun.request_id          identifies the request to the vendor's support
//	error.type                 why the request failed (see Errors)
//
// No other part of a request or response is recorded. The attribute url.full is omitted on purpose, because a URL may
// contain the access key id and the signature. Do not instrument Options.HTTPClient, for example with otelhttp, because
// such instrumentation records url.full.
//
// # Metric
//
// The histogram http.client.request.duration, in seconds, has only attributes with few different values:
// http.request.method, http.response.status_code, server.address, server.port, rpc.method, cloud.region and error.type.
// The histogram's count for an error.type is the number of requests that failed for that reason. For throttled
// requests, the error.type is Throttling or begins with "Throttling.".
//
// # Errors
//
// The attribute error.type has one of the following values. The value is also the description of a failed span's
// status.
//
//   - the API's error code, such as Throttling.User or Forbidden.RAM;
//   - the HTTP status, such as 502, if it is an error and there is no error code (the status of the span then has no
//     description);
//   - invalid_response: the HTTP status reported success, but the response was unusable;
//   - canceled: the context of the call was canceled;
//   - timeout: the attempt, the connection or the context of the call timed out;
//   - dns: the host name of the endpoint could not be resolved;
//   - tls: the server's certificate was not trusted;
//   - network: any other network failure, such as a refused or broken connection.
//
// A dry run that passed is not an error, although its HTTP status is 400. The client sends a dry run if a listing is
// empty.
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

// New returns a function for the OnAttempt field of [ecs.Options]. The function is safe for concurrent use by any
// number of clients. If opts is nil, New uses the global providers of package otel. New returns an error if the
// MeterProvider cannot create the histogram.
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
		// Record with the span's context, so that exemplars refer to the span.
		duration.RecordSet(ctx, a.Duration.Seconds(), attribute.NewSet(common...))
	}, nil
}

// describe returns the error.type and the attributes that spans and the metric share.
func describe(a ecs.Attempt) (attrs []attribute.KeyValue, errorType string) {
	host, port := a.Host, 443 // the default port, because http is possible only for loopback hosts
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

// span records a span for an attempt that has ended, and returns the span's context.
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
		// According to the conventions, the description must not repeat the status code.
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

// identifier returns s if s has the form of an error code or a request id, and "" otherwise. Other strings do not come
// from the API.
func identifier(s string) string {
	if len(s) > 128 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
		return ""
	}
	return s
}

// errorTypeOf returns the attribute error.type of the attempt, or "" if the attempt succeeded. It is never an error
// message, because the number of different messages is unlimited.
func errorTypeOf(a ecs.Attempt) string {
	switch {
	case a.Err == nil:
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
