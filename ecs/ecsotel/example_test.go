package ecsotel_test

import (
	"context"
	"fmt"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecsotel"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// This example prints the spans and the metric of a listing whose first request fails temporarily.
func Example() {
	ctx := context.Background()
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	onAttempt, err := ecsotel.New(&ecsotel.Options{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)),
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	server := ecstest.NewServer(ecs.Instance{InstanceID: "i-1", RegionID: "cn-hangzhou"})
	defer server.Close()
	server.Inject(ecstest.Fault{Code: "ServiceUnavailable"})
	client, err := server.Client("cn-hangzhou", &ecs.Options{ // a real program calls ecs.NewClient
		OnAttempt: onAttempt,
		Retry:     ecs.RetryPolicy{MinDelay: time.Millisecond},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for inst, err := range client.Instances(ctx, ecs.DescribeInstancesRequest{}) {
		fmt.Println(inst.InstanceID, err)
	}

	for _, s := range spans.GetSpans() {
		fmt.Printf("%s: %v %q\n", s.Name, s.Status.Code, s.Status.Description)
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &all); err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		fmt.Println(m.Name, m.Unit)
	}
	// Output:
	// i-1 <nil>
	// Ecs/DescribeInstances: Error "ServiceUnavailable"
	// Ecs/DescribeInstances: Unset ""
	// http.client.request.duration s
}
