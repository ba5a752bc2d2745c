package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// schemas lists the schemas of this module, and the file in the vendor's package that contains each corresponding
// schema.
var schemas = []struct {
	name string
	file string
	sdk  func() schema
}{
	{"the DescribeInstances request", "package/dist/models/DescribeInstancesRequest.js", func() schema {
		s := request(reflect.TypeFor[ecs.DescribeInstancesRequest]())
		// The request type has no fields for these parameters, because the client sets them itself.
		maps.Copy(s, schema{"RegionId": "string", "DryRun": "boolean", "Filter[]": "array of object", "Filter[].Key": "string", "Filter[].Value": "string"})
		return s
	}},
	{"the DescribeInstances response", "package/dist/models/DescribeInstancesResponseBody.js", func() schema {
		s := envelope(reflect.TypeFor[ecs.DescribeInstancesResponse](), "Instances", "Undecoded")
		maps.Copy(s, schema{"Instances": "object", "Instances.Instance[]": "array of object"})
		addMembers(s, reflect.TypeFor[ecs.Instance](), "Instances.Instance[].")
		return s
	}},
	{"the DescribeRegions request", "package/dist/models/DescribeRegionsRequest.js", func() schema {
		return request(reflect.TypeFor[ecs.DescribeRegionsRequest]())
	}},
	{"the DescribeRegions response", "package/dist/models/DescribeRegionsResponseBody.js", func() schema {
		s := envelope(reflect.TypeFor[ecs.DescribeRegionsResponse](), "Regions")
		maps.Copy(s, schema{"Regions": "object", "Regions.Region[]": "array of object"})
		addMembers(s, reflect.TypeFor[ecs.Region](), "Regions.Region[].")
		return s
	}},
	{"the ListTagResources request", "package/dist/models/ListTagResourcesRequest.js", func() schema {
		s := request(reflect.TypeFor[ecs.ListTagResourcesRequest]())
		s["RegionId"] = "string" // the client sets this parameter
		return s
	}},
	{"the ListTagResources response", "package/dist/models/ListTagResourcesResponseBody.js", func() schema {
		// No Go type contains the members outside of the list, because ListTagResources yields only the elements of the
		// list.
		s := schema{"RequestId": "string", "NextToken": "string", "TagResources": "object", "TagResources.TagResource[]": "array of object"}
		addMembers(s, reflect.TypeFor[ecs.TagResource](), "TagResources.TagResource[].")
		return s
	}},
}

// request returns the schema that the url tags of a request type define.
func request(t reflect.Type) schema {
	s := schema{}
	addParameters(s, t, "")
	return s
}

func addParameters(s schema, t reflect.Type, prefix string) {
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("url"), ",")
		switch typ := f.Type; {
		case name == "-":
		case typ == reflect.TypeFor[ecs.JSONList](): // a single parameter that contains a JSON array
			s[prefix+name] = "string"
		case typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Struct:
			at := prefix + name + "[]"
			s[at] = "array of object"
			addParameters(s, typ.Elem(), at+".")
		case typ.Kind() == reflect.Slice:
			s[prefix+name+"[]"] = "array of " + scalar(typ.Elem())
		default:
			s[prefix+name] = scalar(typ)
		}
	}
}

// envelope returns the schema of the members at the top level of a response, except the members named in except. The Go
// fields have no tags, so the names of the members are the names of the fields.
func envelope(t reflect.Type, except ...string) schema {
	s := schema{}
	for _, f := range reflect.VisibleFields(t) {
		if !slices.Contains(except, f.Name) {
			s[strings.ReplaceAll(f.Name, "ID", "Id")] = scalar(f.Type)
		}
	}
	return s
}

// addMembers adds the members of a response type to s, according to the fields' json and wrap tags.
func addMembers(s schema, t reflect.Type, prefix string) {
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		at := prefix + name
		switch typ := f.Type; {
		case typ.Kind() == reflect.Slice:
			s[at] = "object" // the object that wraps the list
			at += "." + f.Tag.Get("wrap") + "[]"
			s[at] = "array of " + scalar(typ.Elem())
			if typ.Elem().Kind() == reflect.Struct {
				addMembers(s, typ.Elem(), at+".")
			}
		default:
			if s[at] = scalar(typ); s[at] == "object" {
				addMembers(s, typ, at+".")
			}
		}
	}
}

// scalar returns the JSON type for a Go type, which must not be a slice.
func scalar(t reflect.Type) string {
	if t == reflect.TypeFor[time.Time]() {
		return "string"
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "number"
	case reflect.Bool:
		return "boolean"
	case reflect.Pointer:
		return scalar(t.Elem())
	case reflect.Struct:
		return "object"
	default:
		return t.String()
	}
}

// compareEndpoints compares the vendor's endpoints with the hosts to which the client sends its requests. To find these
// hosts, it makes calls with an http.RoundTripper that does not send the requests.
func compareEndpoints(ctx context.Context, vendor map[string]string) (findings []string, err error) {
	for _, region := range slices.Sorted(maps.Keys(vendor)) {
		var host string
		client, err := ecs.NewClient(region, &ecs.Options{
			Credentials: ecs.StaticCredentials("none", "none", ""),
			Retry:       ecs.RetryPolicy{MaxAttempts: 1},
			HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				host = r.URL.Host
				return nil, errors.New("not sent")
			})},
		})
		if err != nil {
			return nil, err
		}
		if _, err = client.DescribeRegions(ctx, ecs.DescribeRegionsRequest{}); host == "" {
			return nil, fmt.Errorf("region %s: no request was made: %w", region, err)
		}
		if host != vendor[region] {
			findings = append(findings, fmt.Sprintf("the endpoint of %s is %s, but the vendor's model has %s", region, host, vendor[region]))
		}
	}
	return findings, nil
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
