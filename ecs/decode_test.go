package ecs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"
	"weak"

	"github.com/jarcoal/httpmock"
)

// onePage returns a page that contains the given instances in JSON.
func onePage(elements ...string) string {
	return `{"RequestId":"R","Instances":{"Instance":[` + strings.Join(elements, ",") + `]}}`
}

// ids returns the ids of the instances and of the decode errors on a page.
func ids(r *DescribeInstancesResponse) (ids []string) {
	for _, inst := range r.Instances {
		ids = append(ids, inst.InstanceID)
	}
	for _, bad := range r.Undecoded {
		ids = append(ids, "bad "+bad.InstanceID)
	}
	return ids
}

var envelopes = map[string]struct {
	body string
	want string // a summary of the page, or a part of the error message
}{
	"usual":                      {`{"RequestId":"R","NextToken":"n","PageNumber":1,"PageSize":2,"TotalCount":3,"Instances":{"Instance":[{"InstanceId":"i-1"},{"InstanceId":"i-2"}]}}`, "R n 1 2 3 [i-1 i-2]"},
	"additional white space":     {" \r\n\t{ \"Instances\" : { \"Instance\" : [ { \"InstanceId\" : \"i-1\" } , {\"InstanceId\":\"i-2\"} ] } , \"RequestId\" : \"R\" } \n ", "R  0 0 0 [i-1 i-2]"},
	"instances first":            {`{"Instances":{"Instance":[{"InstanceId":"i-1"}]},"NextToken":"n","RequestId":"R"}`, "R n 0 0 0 [i-1]"},
	"empty list":                 {`{"Instances":{"Instance":[]},"TotalCount":0,"NextToken":"","PageSize":10,"PageNumber":1,"RequestId":"R"}`, "R  1 10 0 []"},
	"empty wrapper":              {`{"Instances":{}}`, "  0 0 0 []"},
	"null wrapper":               {`{"Instances":null}`, "  0 0 0 []"},
	"empty string":               {`{"Instances":""}`, "  0 0 0 []"},
	"null list":                  {`{"Instances":{"Instance":null}}`, "  0 0 0 []"},
	"empty object as list":       {`{"Instances":{"Instance":{}}}`, "  0 0 0 []"},
	"no wrapper":                 {`{"Instances":[{"InstanceId":"i-1"}]}`, "  0 0 0 [i-1]"},
	"other members in wrapper":   {`{"Instances":{"New":[1,{"Instance":2}],"Instance":[{"InstanceId":"i-1"}],"Other":{}}}`, "  0 0 0 [i-1]"},
	"unknown members":            {`{"New":{"Instances":[1]},"Instances":[{"InstanceId":"i-1"}],"Other":[[]]}`, "  0 0 0 [i-1]"},
	"numbers as strings":         {`{"TotalCount":"3","PageSize":2.0,"PageNumber":"1e0","Instances":[]}`, "  1 2 3 []"},
	"null everywhere":            {`{"TotalCount":null,"PageSize":null,"PageNumber":{},"RequestId":null,"NextToken":null,"Instances":null}`, "  0 0 0 []"},
	"numeric request id":         {`{"RequestId":12345678901234567890,"Instances":[]}`, "12345678901234567890  0 0 0 []"},
	"escapes":                    {`{"RequestId":"\u0041\"","N\u0065xtToken":"\u4e2d\n","Instances":[{"\u0049nstanceId":"i-\u0031"}]}`, "A\" 中\n 0 0 0 [i-1]"},
	"the last member wins":       {`{"RequestId":"a","RequestId":"R","TotalCount":2,"TotalCount":1,"Instances":[{"InstanceId":"i-2"}]}`, "R  0 0 1 [i-2]"},
	"token in other letter case": {`{"nextToken":"x","Instances":[{"InstanceId":"i-1"}]}`, " x 0 0 0 [i-1]"},
	"longest token":              {`{"NextToken":"` + strings.Repeat("t", 8192) + `","Instances":[]}`, " " + strings.Repeat("t", 8192) + " 0 0 0 []"},
	"elements of other types":    {onePage(`null`, `{"InstanceId":"i-1"}`, `7`, `"i-x"`, `[]`, `true`, `{}`, `""`, `{"InstanceId":"i-2"}`), "R  0 0 0 [i-1 i-2 bad  bad  bad  bad  bad  bad  bad ]"},

	"token too long":                       {`{"NextToken":"` + strings.Repeat("t", 8193) + `","Instances":[]}`, "NextToken is 8193 bytes long"},
	"token of another type":                {`{"NextToken":5,"Instances":[]}`, "NextToken is not a string"},
	"token as object":                      {`{"NextToken":{},"Instances":[]}`, "NextToken is not a string"},
	"empty":                                {``, "the JSON document is truncated"},
	"only white space":                     {" \n", "the JSON document is truncated"},
	"empty object":                         {`{}`, "no member Instances"},
	"null":                                 {`null`, "invalid JSON at byte 0"},
	"list":                                 {`[{"Instances":[]}]`, "invalid JSON at byte 0"},
	"HTML":                                 {`<html>`, "invalid JSON at byte 0"},
	"error document":                       {`{"RequestId":"R","HostId":"h","Code":"InternalError","Message":"m"}`, "no member Instances"},
	"error without a message":              {`{"Code":"InternalError","Instances":{"Instance":[]},"Message":""}`, "error document"},
	"error with a list":                    {`{"RequestId":"R","Code":"InternalError","Instances":{"Instance":[]},"Message":"m"}`, "error document"},
	"success with a code":                  {`{"Code":"200","Message":"successful","RequestId":"R","Instances":{"Instance":[{"InstanceId":"i-1"}]}}`, "R  0 0 0 [i-1]"},
	"success as a number":                  {`{"Code":200,"Message":"OK","Instances":[]}`, "  0 0 0 []"},
	"empty code":                           {`{"Code":"","Message":"","Instances":[]}`, "  0 0 0 []"},
	"null code":                            {`{"Code":null,"Message":"m","Instances":[]}`, "  0 0 0 []"},
	"names are case-sensitive":             {`{"instances":{"Instance":[{"InstanceId":"i-1"}]}}`, "no member Instances"},
	"no list in wrapper":                   {`{"Instances":{"instance":[{"InstanceId":"i-1"}]}}`, "no list Instances.Instance"},
	"wrapper of another type":              {`{"Instances":5}`, "not a list"},
	"list of another type":                 {`{"Instances":{"Instance":"i-1"}}`, "not a list"},
	"list is an object":                    {`{"Instances":{"Instance":{"InstanceId":"i-1"}}}`, "not a list"},
	"count is a list":                      {`{"TotalCount":[1],"Instances":[]}`, "TotalCount: the value is not an integer"},
	"count has a fraction":                 {`{"TotalCount":1.5,"Instances":[]}`, "TotalCount: the value is not an integer of"},
	"request id is a list":                 {`{"RequestId":["R"],"Instances":[]}`, "RequestId: the value is not a string"},
	"two lists":                            {`{"Instances":{"Instance":[{"InstanceId":"i-1"}],"Instance":null}}`, "the list Instances.Instance twice"},
	"two wrappers":                         {`{"Instances":{"Instance":[{"InstanceId":"i-1"}]},"Instances":{ }}`, "the member Instances twice"},
	"two tokens":                           {`{"NextToken":"x","Instances":[],"NextToken":""}`, "the member NextToken twice"},
	"two tokens in different letter case":  {`{"NextToken":"x","Instances":[],"nextToken":""}`, "the member NextToken twice"},
	"two documents":                        {onePage() + onePage(), "invalid JSON at byte 45"},
	"trailing text, no list":               {`{"New":1} x`, "invalid JSON at byte 10"},
	"trailing text":                        {onePage() + ` x`, "invalid JSON at byte 46"},
	"trailing comma in list":               {`{"Instances":[{"InstanceId":"i-1"},]}`, "invalid JSON at byte 35"},
	"trailing comma in object":             {`{"Instances":[],}`, "invalid JSON at byte 16"},
	"no comma":                             {`{"Instances":[{"InstanceId":"i-1"} {"InstanceId":"i-2"}]}`, "invalid JSON at byte 35"},
	"no colon":                             {`{"Instances" []}`, "invalid JSON at byte 13"},
	"name is a number":                     {`{1:2}`, "invalid JSON at byte 1"},
	"invalid JSON in unknown member":       {`{"Instances":[{"InstanceId":"i-1","New":{"a":[01]}}]}`, "invalid JSON at byte 47"},
	"invalid JSON after unreadable member": {`{"Instances":[{"InstanceId":"i-1","Cpu":[1],"Memory":tru}]}`, "invalid JSON at byte 56"},
	"invalid JSON in page member":          {`{"New":"\x","Instances":[]}`, "invalid JSON at byte 9"},
	"no comma after empty list":            {`{"Instances":[{"InstanceId":"i-1","Tags":{}"Tag":[]}]}`, "invalid JSON at byte 43"},
	"no comma after empty object":          {`{"Instances":[{"InstanceId":"i-1","CpuOptions":{}"Numa":""}]}`, "invalid JSON at byte 49"},
	"brace instead of comma":               {`{"Instances":[{"InstanceId":"i-1"{"Cpu":1}]}`, "invalid JSON at byte 33"},
	"invalid JSON in wrapper":              {`{"Instances":{"New":+1,"Instance":[]}}`, "invalid JSON at byte 20"},
	"deep nesting in instance":             {onePage(`{"InstanceId":"i-1","New":` + strings.Repeat(`[`, 50_000) + strings.Repeat(`]`, 50_000) + `}`), "nested more than 100 levels deep"},
	"deep nesting in page":                 {`{"New":` + strings.Repeat(`{"a":`, 50_000) + `1` + strings.Repeat(`}`, 50_000) + `,"Instances":[]}`, "nested more than 100 levels deep"},
	"too many instances":                   {onePage(slices.Repeat([]string{`{}`}, 10_001)...), "more than 10000 instances"},
	"too many elements":                    {onePage(slices.Repeat([]string{`{"InstanceId":"i","NetworkInterfaces":[` + strings.Repeat(`{},`, 999) + `{}]}`}, 251)...), "more than 250000 list elements"},
	"too many unknown members":             {onePage(slices.Repeat([]string{`{"InstanceId":"i"` + strings.Repeat(`,"N":0`, 1000) + `}`}, 251)...), "more than 250000 list elements"},
	"too many values":                      {onePage(`{"New":[0` + strings.Repeat(`,0`, 1<<20) + `]}`), "more than 1048576 values"},
	"deep nesting, truncated":              {`{"Instances":[` + strings.Repeat(`[`, 101), "nested more than"},
}

func TestEnvelope(t *testing.T) {
	t.Parallel()
	for name, tt := range envelopes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := decodeDescribeInstances([]byte(tt.body))
			if err != nil {
				if r != nil || !strings.Contains(err.Error(), tt.want) || tt.want == "" {
					t.Errorf("got %v and error %q, want %s", r, err, tt.want)
				}
				return
			}
			if got := fmt.Sprintln(r.RequestID, r.NextToken, r.PageNumber, r.PageSize, r.TotalCount, ids(r)); got != tt.want+"\n" {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestCut checks that a body that is truncated at any byte is rejected with io.ErrUnexpectedEOF.
func TestCut(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/sample.json")
	if err != nil {
		t.Fatal(err)
	}
	body = bytes.TrimSpace(body)
	for n := range body {
		if r, err := decodeDescribeInstances(body[:n]); r != nil || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d of %d bytes: %v", n, len(body), err)
		}
	}
}

// odd contains unusual instance members and the JSON expected from MarshalJSON. "-Name" means that the member Name must
// be absent. "!path: message" means that a decode error is expected.
var odd = []struct{ member, want string }{
	// Values of fields that are numbers.
	{`"Cpu":4`, `"Cpu":4`},
	{`"Cpu":"4"`, `"Cpu":4`},
	{`"Cpu":4.0`, `"Cpu":4`},
	{`"Cpu":"4.00"`, `"Cpu":4`},
	{`"Cpu":4e0`, `"Cpu":4`},
	{`"Cpu":"40e-1"`, `"Cpu":4`},
	{`"Cpu":0.4E+1`, `"Cpu":4`},
	{`"Cpu":400e-2`, `"Cpu":4`},
	{`"Cpu":-0`, `"Cpu":0`},
	{`"Cpu":0.000e99999999999999999999`, `"Cpu":0`},
	{`"Cpu":-1`, `"Cpu":-1`},
	{`"Cpu":null`, `"Cpu":0`},
	{`"Cpu":""`, `"Cpu":0`},
	{`"Cpu":{}`, `"Cpu":0`},
	{`"LocalStorageCapacity":9223372036854775807`, `"LocalStorageCapacity":9223372036854775807`},
	{`"LocalStorageCapacity":-9223372036854775808.0`, `"LocalStorageCapacity":-9223372036854775808`},
	{`"LocalStorageCapacity":9223372036854775.807e3`, `"LocalStorageCapacity":9223372036854775807`},
	{`"LocalStorageCapacity":9223372036854775808`, `!LocalStorageCapacity: the value is not an integer of 64 bits`},
	{`"LocalStorageCapacity":1e300`, `!LocalStorageCapacity: the value is not an integer of 64 bits`},
	{`"LocalStorageCapacity":1e-9999999999`, `!LocalStorageCapacity: the value is not an integer of 64 bits`},
	{`"LocalStorageCapacity":1e9999999999`, `!LocalStorageCapacity: the value is not an integer of 64 bits`},
	{`"Cpu":9223372036854775808`, `!Cpu: the value is not an integer of 64 bits`},
	{`"Cpu":4.5`, `!Cpu: the value is not an integer of 64 bits`},
	{`"Cpu":"4.5"`, `!Cpu: the value is not an integer of 64 bits`},
	{`"Cpu":"four"`, `!Cpu: the value is not an integer`},
	{`"Cpu":" 4"`, `!Cpu: the value is not an integer`},
	{`"Cpu":"0x4"`, `!Cpu: the value is not an integer`},
	{`"Cpu":"04"`, `!Cpu: the value is not an integer`},
	{`"Cpu":"+4"`, `!Cpu: the value is not an integer`},
	{`"Cpu":true`, `!Cpu: the value is not an integer`},
	{`"Cpu":[4]`, `!Cpu: the value is not an integer`},
	{`"Cpu":[]`, `!Cpu: the value is not an integer`},
	{`"Cpu":{"value":4}`, `!Cpu: the value is not an integer`},
	{`"SpotPriceLimit":0.98`, `"SpotPriceLimit":0.98`},
	{`"SpotPriceLimit":"0.98"`, `"SpotPriceLimit":0.98`},
	{`"SpotPriceLimit":0.0`, `"SpotPriceLimit":0`},
	{`"SpotPriceLimit":""`, `"SpotPriceLimit":0`},
	{`"SpotPriceLimit":1e-7`, `"SpotPriceLimit":0.0000001`},
	{`"SpotPriceLimit":1e21`, `"SpotPriceLimit":1000000000000000000000`},
	{`"SpotPriceLimit":1e999`, `!SpotPriceLimit: the value is too large`},
	{`"SpotPriceLimit":"free"`, `!SpotPriceLimit: the value is not a number`},
	{`"MetadataOptions":{"HttpPutResponseHopLimit":"0"}`, `"MetadataOptions":{"HttpEndpoint":"","HttpTokens":"","HttpPutResponseHopLimit":0}`},
	{`"MetadataOptions":{"HttpPutResponseHopLimit":null}`, `"MetadataOptions":{"HttpEndpoint":"","HttpTokens":""}`},
	{`"MetadataOptions":{"HttpPutResponseHopLimit":false}`, `!MetadataOptions.HttpPutResponseHopLimit: the value is not an integer`},

	// Values of fields that are booleans.
	{`"IoOptimized":true`, `"IoOptimized":true`},
	{`"IoOptimized":"true"`, `"IoOptimized":true`},
	{`"IoOptimized":"True"`, `"IoOptimized":true`},
	{`"IoOptimized":"FALSE"`, `"IoOptimized":false`},
	{`"IoOptimized":1`, `"IoOptimized":true`},
	{`"IoOptimized":"1"`, `"IoOptimized":true`},
	{`"IoOptimized":0`, `"IoOptimized":false`},
	{`"IoOptimized":"0"`, `"IoOptimized":false`},
	{`"IoOptimized":""`, `"IoOptimized":false`},
	{`"IoOptimized":null`, `"IoOptimized":false`},
	{`"IoOptimized":{}`, `"IoOptimized":false`},
	{`"IoOptimized":2`, `!IoOptimized: the value is not a boolean`},
	{`"IoOptimized":"optimized"`, `!IoOptimized: the value is not a boolean`},
	{`"IoOptimized":[true]`, `!IoOptimized: the value is not a boolean`},
	{`"ImageOptions":{"LoginAsNonRoot":"false","CurrentOSNVMeSupported":null}`, `"ImageOptions":{"LoginAsNonRoot":false}`},
	{`"ImageOptions":{"LoginAsNonRoot":""}`, `"ImageOptions":{}`},

	// Values of fields that are strings.
	{`"VlanId":10`, `"VlanId":"10"`},
	{`"VlanId":1.50e1`, `"VlanId":"1.50e1"`},
	{`"InstanceName":true`, `"InstanceName":"true"`},
	{`"InstanceName":false`, `"InstanceName":"false"`},
	{`"InstanceName":null`, `"InstanceName":""`},
	{`"InstanceName":{}`, `"InstanceName":""`},
	{`"InstanceName":"中文 \u4e2d\ud83d\ude00 \"quoted\" \\ \/ \b\f\n\r\t"`, `"InstanceName":"中文 中😀 \"quoted\" \\ / \b\f\n\r\t"`},
	{`"InstanceName":"\ud83d!"`, `"InstanceName":"` + "\ufffd" + `!"`},
	{"\"InstanceName\":\"a\xffb\xe4\xb8\"", "\"InstanceName\":\"a\ufffdb\ufffd\ufffd\""},
	{`"InstanceName":["a"]`, `!InstanceName: the value is not a string`},
	{`"InstanceName":{"a":1}`, `!InstanceName: the value is not a string`},
	{`"Status":"Hibernating"`, `"Status":"Hibernating"`},
	{`"ISP":"null"`, `"ISP":"null"`},
	{`"CpuOptions":{"Numa":2}`, `"CpuOptions":{"CoreCount":0,"ThreadsPerCore":0,"Numa":"2"}`},

	// Values of fields that are times.
	{`"CreationTime":"2017-12-10T04:04Z"`, `"CreationTime":"2017-12-10T04:04Z"`},
	{`"CreationTime":"2017-12-10T04:04:00Z"`, `"CreationTime":"2017-12-10T04:04Z"`},
	{`"CreationTime":"2017-12-10T04:04:05Z"`, `"CreationTime":"2017-12-10T04:04:05Z"`},
	{`"CreationTime":"2017-12-10T04:04:05.5Z"`, `"CreationTime":"2017-12-10T04:04:05.5Z"`},
	{`"CreationTime":"2017-12-10T12:04+08:00"`, `"CreationTime":"2017-12-10T04:04Z"`},
	{`"CreationTime":"2017-12-10T04:04\u005a"`, `"CreationTime":"2017-12-10T04:04Z"`},
	{`"CreationTime":""`, `"CreationTime":""`},
	{`"CreationTime":null`, `"CreationTime":""`},
	{`"CreationTime":"2017-02-29T04:04Z"`, `!CreationTime: the value is not a time`},
	{`"CreationTime":"2017-12-10 04:04"`, `!CreationTime: the value is not a time`},
	{`"CreationTime":"9999-12-31T23:59-01:00"`, `!CreationTime: the value is not a time`},
	{`"CreationTime":1512878640`, `!CreationTime: the value is not a time`},
	{`"CreationTime":["2017-12-10T04:04Z"]`, `!CreationTime: the value is not a time`},

	// Values of fields that are structs.
	{`"CpuOptions":null`, `"CpuOptions":{"CoreCount":0,"ThreadsPerCore":0,"Numa":""}`},
	{`"CpuOptions":""`, `"CpuOptions":{"CoreCount":0,"ThreadsPerCore":0,"Numa":""}`},
	{`"CpuOptions":{}`, `"CpuOptions":{"CoreCount":0,"ThreadsPerCore":0,"Numa":""}`},
	{`"CpuOptions":[]`, `!CpuOptions: the value is not an object`},
	{`"CpuOptions":"none"`, `!CpuOptions: the value is not an object`},
	{`"CpuOptions":{"CoreCount":[2]}`, `!CpuOptions.CoreCount: the value is not an integer`},
	{`"CpuOptions":{"CoreCount":[2],"ThreadsPerCore":{"a":1}}`, `!CpuOptions.CoreCount: the value is not an integer; CpuOptions.ThreadsPerCore: the value is not an integer`},

	// Values of fields that are slices.
	{`"SecurityGroupIds":{"SecurityGroupId":["sg-1","sg-2"]}`, `"SecurityGroupIds":{"SecurityGroupId":["sg-1","sg-2"]}`},
	{`"SecurityGroupIds":["sg-1"]`, `"SecurityGroupIds":{"SecurityGroupId":["sg-1"]}`},
	{`"SecurityGroupIds":[]`, `"SecurityGroupIds":{"SecurityGroupId":[]}`},
	{`"SecurityGroupIds":null`, `"SecurityGroupIds":{"SecurityGroupId":[]}`},
	{`"SecurityGroupIds":""`, `"SecurityGroupIds":{"SecurityGroupId":[]}`},
	{`"SecurityGroupIds":{}`, `"SecurityGroupIds":{"SecurityGroupId":[]}`},
	{`"SecurityGroupIds":{"SecurityGroupId":null}`, `"SecurityGroupIds":{"SecurityGroupId":[]}`},
	{`"SecurityGroupIds":{"SecurityGroupId":{}}`, `"SecurityGroupIds":{"SecurityGroupId":[]}`},
	{`"SecurityGroupIds":{"SecurityGroupId":""}`, `"SecurityGroupIds":{"SecurityGroupId":[]}`},
	{`"SecurityGroupIds":{"SecurityGroupId":[1,null,true,""]}`, `"SecurityGroupIds":{"SecurityGroupId":["1","","true",""]}`},
	{`"SecurityGroupIds":{"SecurityGroupId":"sg-1"}`, `!SecurityGroupIds.SecurityGroupId: the value is not a list`},
	{`"SecurityGroupIds":"sg-1"`, `!SecurityGroupIds: the value is not a list`},
	{`"SecurityGroupIds":{"SecurityGroupId":["sg-1",["sg-2"]]}`, `!SecurityGroupIds.SecurityGroupId.1: the value is not a string`},
	{`"SecurityGroupIds":["sg-1",{"a":1}]`, `!SecurityGroupIds.SecurityGroupId.1: the value is not a string`},
	{`"SecurityGroupIds":{"SecurityGroupId":["sg-1",[]],"New":1,"SecurityGroupId":["sg-2"]}`, `"SecurityGroupIds":{"SecurityGroupId":["sg-2"],"New":1}`},
	{`"SecurityGroupIds":{"SecurityGroupId":["sg-1"],"New":[],"SecurityGroupId":null}`, `"SecurityGroupIds":{"SecurityGroupId":[],"New":[]}`},
	{`"SecurityGroupIds":{"SecurityGroupId":["sg-1"],"SecurityGroupId":5}`, `!SecurityGroupIds.SecurityGroupId: the value is not a list`},
	{`"Tags":{"Tag":[{"Old":1}],"New":2,"Tag":[{},{"New":3}]}`, `"Tags":{"Tag":[{"TagKey":"","TagValue":""},{"TagKey":"","TagValue":"","New":3}],"New":2}`},
	{`"RdmaIpAddress":null`, `-RdmaIpAddress`},
	{`"Tags":{}`, `-Tags`},
	{`"Tags":{"Tag":[]}`, `-Tags`},
	{`"Tags":[{"TagKey":"k"},null,{}]`, `"Tags":{"Tag":[{"TagKey":"k","TagValue":""},{"TagKey":"","TagValue":""},{"TagKey":"","TagValue":""}]}`},
	{`"Tags":{"Tag":["k"]}`, `!Tags.Tag.0: the value is not an object`},
	{`"VpcAttributes":{"PrivateIpAddress":["10.0.0.1"]}`, `"VpcAttributes":{"VpcId":"","VSwitchId":"","PrivateIpAddress":{"IpAddress":["10.0.0.1"]},"NatIpAddress":""}`},
	{`"VpcAttributes":{"PrivateIpAddress":{"IpAddress":[[]]}}`, `!VpcAttributes.PrivateIpAddress.IpAddress.0: the value is not a string`},
	{`"NetworkInterfaces":{"NetworkInterface":[{},{"Type":{"a":1}}]}`, `!NetworkInterfaces.NetworkInterface.1.Type: the value is not a string`},
	{`"NetworkInterfaces":[{"PrivateIpSets":[{},{"Primary":"maybe"}]}]`, `!NetworkInterfaces.NetworkInterface.0.PrivateIpSets.PrivateIpSet.1.Primary: the value is not a boolean`},
	{`"OperationLocks":{"LockReason":["financial",{"LockReason":"Recycling","LockMsg":"m"},"",null]}`, `"OperationLocks":{"LockReason":[{"LockReason":"financial","LockMsg":""},{"LockReason":"Recycling","LockMsg":"m"},{"LockReason":"","LockMsg":""},{"LockReason":"","LockMsg":""}]}`},
	{`"OperationLocks":["security"]`, `"OperationLocks":{"LockReason":[{"LockReason":"security","LockMsg":""}]}`},
	{`"OperationLocks":{"LockReason":[7]}`, `!OperationLocks.LockReason.0: the value is not an object`},

	// Members that occur twice.
	{`"Cpu":4,"Cpu":8`, `"Cpu":8`},
	{`"Cpu":4,"Cpu":null`, `"Cpu":0`},
	{`"Cpu":[1],"Cpu":8`, `!Cpu: the value is not an integer`},
	{`"InstanceName":"a","InstanceName":"b"`, `"InstanceName":"b"`},
	{`"InstanceName":"a","InstanceName":"","InstanceName":"c"`, `"InstanceName":"c"`},
	{`"InstanceName":"a","InstanceName":null`, `"InstanceName":""`},
	{`"ZoneId":"a","ZoneId":"a","ZoneId":"a","ZoneId":"b"`, `"ZoneId":"b"`},
	{`"Tags":[{"TagKey":"a"},{"TagKey":"b"}],"Tags":[{"TagValue":"c"}]`, `"Tags":{"Tag":[{"TagKey":"","TagValue":"c"}]}`},
	{`"Tags":[{"TagKey":"a"}],"Tags":null`, `-Tags`},
	{`"CpuOptions":{"CoreCount":2},"CpuOptions":{"Numa":"ON"}`, `"CpuOptions":{"CoreCount":2,"ThreadsPerCore":0,"Numa":"ON"}`},

	// Member names are case-sensitive.
	{`"cpu":4`, `"Cpu":0`},
	{`"cpu":4`, `"cpu":4`},

	// Members that have no field.
	{`"New":[1, {"a" : "b c"}, "<&>", 1.50]`, `"New":[1,{"a":"b c"},"<&>",1.50]`},
	{`"New":null`, `"New":null`},
	{`"a.b":1,"":2`, `"a.b":1`},
	{`"CpuOptions.New":1,"~1":2,"~":3`, `"CpuOptions.New":1,"~1":2,"~":3`},
	{`"CpuOptions":{"a.b":1,"~0":2}`, `"CpuOptions":{"CoreCount":0,"ThreadsPerCore":0,"Numa":"","a.b":1,"~0":2}`},
	{`"a.b":1,"":2`, `"":2`},
	{`"N\u00e9w\"":1`, `"Néw\"":1`},
	{`"N\u0065w":{"\u0061":1}`, `"New":{"\u0061":1}`},
	{`"Tags":{"N\u0065w":[{"\u0061":{"\u0062":""}}],"Tag":[]}`, `"Tags":{"Tag":[],"New":[{"\u0061":{"\u0062":""}}]}`},
	{`"N\u0065w":[{"\u0061":[1]}],"Oth\u0065r":2`, `"New":[{"\u0061":[1]}]`},
	{`"New":1,"New":2`, `"New":2`},
	{`"CpuOptions":{"New":{"x":1},"CoreCount":2}`, `"CpuOptions":{"CoreCount":2,"ThreadsPerCore":0,"Numa":"","New":{"x":1}}`},
	{`"ClockOptions":{"New":1}`, `"ClockOptions":{"New":1}`},
	{`"Tags":{"New":1}`, `"Tags":{"Tag":[],"New":1}`},
	{`"Tags":{"Tag":[{"TagKey":"k"},{"New":1}],"Other":2}`, `"Tags":{"Tag":[{"TagKey":"k","TagValue":""},{"TagKey":"","TagValue":"","New":1}],"Other":2}`},
	{`"Tags":[{"New":1}]`, `"Tags":{"Tag":[{"TagKey":"","TagValue":"","New":1}]}`},
	{`"NetworkInterfaces":[{},{"Ipv6Sets":{"Ipv6Set":[{"a.b":1}],"More":2},"PrivateIpSets":[{"New":3}]}]`, `"NetworkInterfaces":{"NetworkInterface":[` +
		`{"NetworkInterfaceId":"","MacAddress":"","PrimaryIpAddress":"","PrivateIpSets":{"PrivateIpSet":[]}},{"NetworkInterfaceId":"","MacAddress":"",` +
		`"PrimaryIpAddress":"","PrivateIpSets":{"PrivateIpSet":[{"PrivateIpAddress":"","Primary":false,"New":3}]},"Ipv6Sets":{"Ipv6Set":[{"Ipv6Address":"","a.b":1}],"More":2}}]}`},
	{`"OperationLocks":{"LockReason":[{"New":1}]}`, `"OperationLocks":{"LockReason":[{"LockReason":"","LockMsg":"","New":1}]}`},
	{`"New":` + strings.Repeat(`[`, 90) + strings.Repeat(`]`, 90), `"New":` + strings.Repeat(`[`, 90) + strings.Repeat(`]`, 90)},
}

// TestOddMembers decodes every unusual member in odd, and checks that neighboring instances are not affected.
func TestOddMembers(t *testing.T) {
	t.Parallel()
	for _, tt := range odd {
		for _, element := range []string{`{"InstanceId":"i-odd",` + tt.member + `}`, `{` + tt.member + `, "InstanceId":"i-odd"}`} {
			r, err := decodeDescribeInstances([]byte(onePage(`{"InstanceId":"i-1","Cpu":1,"Tags":[{"TagKey":"k"}]}`, element, `{"InstanceId":"i-2","InstanceName":"n"}`)))
			if err != nil || len(r.Instances) != 3 || r.Instances[1].InstanceID != "i-odd" {
				t.Errorf("%s: got %v, %v", element, r, err)
				continue
			}
			if first, last := r.Instances[0], r.Instances[2]; !reflect.DeepEqual(first, Instance{InstanceID: "i-1", CPU: 1, Tags: []Tag{{Key: "k"}}}) ||
				!reflect.DeepEqual(last, Instance{InstanceID: "i-2", InstanceName: "n"}) {
				t.Errorf("%s: the adjacent instances are %+v and %+v", element, first, last)
			}
			want, bad := strings.CutPrefix(tt.want, "!")
			if !bad {
				checkMember(t, element, r.Instances[1], tt.want)
				want = ""
			}
			checkProblems(t, element, r, want)
		}
	}
}

// checkProblems compares the decode errors of a page with want, a list separated by "; ". Unreadable values must be
// kept in Instance.Extra.
func checkProblems(t *testing.T, element string, r *DescribeInstancesResponse, want string) {
	t.Helper()
	inst := r.Instances[1]
	var texts []string
	for _, got := range r.Undecoded {
		texts = append(texts, got.Path+": "+got.Err.Error())
		var compact bytes.Buffer
		if err := json.Compact(&compact, got.Raw); err != nil || compact.String() != string(inst.Extra[got.Path]) || got.InstanceID != "i-odd" || !strings.Contains(element, string(got.Raw)) {
			t.Errorf("%s: got %+v, extra %s", element, got, inst.Extra)
		}
	}
	if got := strings.ReplaceAll(strings.Join(texts, "; "), "of 32 bits", "of 64 bits"); got != want {
		t.Errorf("%s: got %q, want %q", element, got, want)
	}
	text, err := inst.MarshalJSON()
	if err != nil {
		t.Fatalf("%s: %v", element, err)
	}
	var again Instance
	if err := again.UnmarshalJSON(text); !strings.Contains(element, `"Cpu":8`) && (err != nil || !reflect.DeepEqual(again, inst)) {
		t.Errorf("%s: written as %s, read as %+v, %v", element, text, again, err)
	}
}

// checkMember checks that the JSON of inst contains the members in want and can be decoded without a change.
func checkMember(t *testing.T, from string, inst Instance, want string) {
	t.Helper()
	text, err := inst.MarshalJSON()
	if err != nil {
		t.Errorf("%s: %v", from, err)
		return
	}
	var got, member map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Errorf("%s: %v in %s", from, err, text)
		return
	}
	if name, absent := strings.CutPrefix(want, "-"); absent {
		if v, is := got[name]; is {
			t.Errorf("%s: got %s %v, want none", from, name, v)
		}
	} else if err := json.Unmarshal([]byte("{"+want+"}"), &member); err != nil {
		t.Fatal(want, err)
	}
	for name, want := range member {
		if v, is := got[name]; !is || !reflect.DeepEqual(v, want) {
			t.Errorf("%s: got %s: %v, want %v", from, name, v, want)
		}
	}
	var again Instance
	if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, inst) {
		t.Errorf("%s: read back as %+v, %v, want %+v", from, again, err, inst)
	}
}

// TestWithheldInstances checks that an instance is left out of a page only if its id cannot be read.
func TestWithheldInstances(t *testing.T) {
	t.Parallel()
	for element, want := range map[string]DecodeError{
		`{"Cpu":4}`:                  {Path: "InstanceId", Err: errors.New("the id is missing, so the instance cannot be identified")},
		`{"InstanceId":""}`:          {Path: "InstanceId", Err: errors.New("the id is missing, so the instance cannot be identified")},
		`{"InstanceId":null}`:        {Path: "InstanceId", Err: errors.New("the id is missing, so the instance cannot be identified")},
		`{"InstanceId":["i-1"]}`:     {Path: "InstanceId", Err: errors.New("the value is not a string")},
		`{"Cpu":[],"InstanceId":[]}`: {Path: "InstanceId", Err: errors.New("the value is not a string")},
		`null`:                       {Err: errors.New("the value is not an object")},
		`[{"InstanceId":"i-1"}]`:     {Err: errors.New("the value is not an object")},
	} {
		body := []byte(onePage(element))
		r, err := decodeDescribeInstances(body)
		if err != nil || len(r.Undecoded) != 1 || len(r.Instances) != 0 {
			t.Errorf("%s: %v, %v", element, r, err)
			continue
		}
		clear(body)
		want.Raw = []byte(element)
		if got := r.Undecoded[0]; got.InstanceID != "" || got.Path != want.Path || string(got.Raw) != element || got.Err.Error() != want.Err.Error() {
			t.Errorf("%s: got %+v, want %+v", element, got, want)
		}
	}
	for element, id := range map[string]string{`{"InstanceId":5,"Cpu":[]}`: "5", `{"Cpu":[],"Instance\u0049d":"i-\u0031"}`: "i-1", `{"InstanceId":[],"InstanceId":"i-2"}`: "i-2"} {
		r, err := decodeDescribeInstances([]byte(onePage(element)))
		if err != nil || len(r.Instances) != 1 || r.Instances[0].InstanceID != id || len(r.Undecoded) != 1 || r.Undecoded[0].InstanceID != id {
			t.Errorf("%s: got %+v, %v", element, r, err)
		}
	}
}

// TestRawTextsAreBounded checks that the number and the length of the Raw values in a page's errors are limited.
func TestRawTextsAreBounded(t *testing.T) {
	t.Parallel()
	long := `"` + strings.Repeat("x", 2*maxRawLength) + `"`
	elements := []string{`{"InstanceId":"i-long","Cpu":` + long + `}`, `{"Description":` + long + `}`}
	for i := range maxRawValues {
		elements = append(elements, fmt.Sprintf(`{"InstanceId":"i-%d","CreationTime":123}`, i))
	}
	r, err := decodeDescribeInstances([]byte(onePage(elements...)))
	if err != nil || len(r.Undecoded) != maxRawValues+2 || len(r.Instances) != maxRawValues+1 {
		t.Fatal(len(r.Undecoded), len(r.Instances), err)
	}
	for i, bad := range r.Undecoded {
		want := 3
		switch {
		case i < 2:
			want = maxRawLength
		case i >= maxRawValues:
			want = 0
		}
		if len(bad.Raw) != want || bad.Err == nil || bad.Path == "" {
			t.Errorf("error %d: Raw has %d bytes, want %d", i, len(bad.Raw), want)
		}
	}
	if extra := r.Instances[maxRawValues].Extra["CreationTime"]; string(extra) != "123" || len(r.Instances[0].Extra["Cpu"]) != len(long) {
		t.Errorf("Extra does not keep the values that could not be read: %s", extra)
	}
}

// TestErrorsQuoteNoValue checks that an error message contains the path of an unreadable value, but not the value,
// which may be private.
func TestErrorsQuoteNoValue(t *testing.T) {
	t.Parallel()
	for _, tt := range odd {
		r, err := decodeDescribeInstances([]byte(onePage(`{"InstanceId":"i-odd",` + strings.ReplaceAll(tt.member, "four", "secret") + `}`)))
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range r.Undecoded {
			if text := bad.Error(); strings.Contains(text, "secret") || strings.ContainsAny(text, "\n\x00") || !strings.Contains(text, "i-odd") {
				t.Error(text)
			}
		}
	}
}

func TestUnmarshalInstance(t *testing.T) {
	t.Parallel()
	old := Instance{InstanceID: "old", CPU: 4, Extra: map[string]json.RawMessage{"New": []byte("1")}}
	for text, want := range map[string]Instance{
		`null`:               old,
		`{"Memory":"8"}`:     {Memory: 8}, // UnmarshalJSON does not require an id
		` {"New":[ 1 ]} `:    {Extra: map[string]json.RawMessage{"New": []byte("[1]")}},
		`{"InstanceId":"i"}`: {InstanceID: "i"},
	} {
		got := old
		if err := got.UnmarshalJSON([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{``, `{`, `{}{}`, `[]`, `"i-1"`, `{"Cpu":[1]}x`, `{"Tags":[` + strings.Repeat(`{},`, 250_000) + `{}]}`} {
		got := old
		if err := got.UnmarshalJSON([]byte(text)); err == nil || !reflect.DeepEqual(got, old) {
			t.Errorf("%.20s: got %v, %v", text, got.InstanceID, err)
		}
	}
	var list []Instance
	err := json.Unmarshal([]byte(`[{"InstanceId":"i-1"},{"InstanceId":"i-2","CpuOptions":{"CoreCount":{"a":1},"Numa":"ON"}}]`), &list)
	if err != nil || len(list) != 2 || list[1].CPUOptions.NUMA != "ON" || string(list[1].Extra["CpuOptions.CoreCount"]) != `{"a":1}` {
		t.Errorf("got %+v, %v", list, err)
	}
}

// TestParts checks that the JSON methods of types such as NetworkInterface use the API's format.
func TestParts(t *testing.T) {
	t.Parallel()
	vpc := VPCAttributes{VPCID: "vpc-1", PrivateIPAddress: []string{"10.0.0.1"}}
	nic := NetworkInterface{NetworkInterfaceID: "eni-1", PrivateIPSets: []PrivateIPSet{{PrivateIPAddress: "10.0.0.1", Primary: true}}}
	text, err := json.Marshal([]any{vpc, nic})
	const want = `[{"VpcId":"vpc-1","VSwitchId":"","PrivateIpAddress":{"IpAddress":["10.0.0.1"]},"NatIpAddress":""},` +
		`{"NetworkInterfaceId":"eni-1","MacAddress":"","PrimaryIpAddress":"","PrivateIpSets":{"PrivateIpSet":[{"PrivateIpAddress":"10.0.0.1","Primary":true}]}}]`
	if err != nil || string(text) != want {
		t.Errorf("got %s, %v", text, err)
	}
	var gotVPC VPCAttributes
	var gotNIC NetworkInterface
	if err := json.Unmarshal(text, &[]any{&gotVPC, &gotNIC}); err != nil || !reflect.DeepEqual(gotVPC, vpc) || !reflect.DeepEqual(gotNIC, nic) {
		t.Errorf("got %+v, %+v, %v", gotVPC, gotNIC, err)
	}
	if bad, ok := errorAs[*DecodeError](gotVPC.UnmarshalJSON([]byte(`{"PrivateIpAddress":5}`))); !ok || bad.Path != "PrivateIpAddress" || string(bad.Raw) != "5" {
		t.Errorf("got %+v", bad)
	}
	for _, text := range []string{`{"PrivateIpAddress":5}`, `[]`, `{`} {
		if err := gotVPC.UnmarshalJSON([]byte(text)); err == nil || !reflect.DeepEqual(gotVPC, vpc) {
			t.Errorf("%s: got %+v, %v", text, gotVPC, err)
		}
	}
}

// TestMarshalInstance checks that MarshalJSON writes the members of Extra to their places, unless a field already has a
// value.
func TestMarshalInstance(t *testing.T) {
	t.Parallel()
	inst := Instance{InstanceID: "i-1", Memory: 4, Tags: []Tag{{Key: "k"}}, SecurityGroupIDs: []string{"", "sg-2"}, Extra: map[string]json.RawMessage{
		"Tags.Tag.0.New": []byte("1"), "Tags.Tag.1.New": []byte("2"), "Tags.Tag.x": []byte("3"), "Tags.New": []byte("4"), "New": []byte("5"),
		"Other.New.a~1b": []byte("6"), "Cpu": []byte(`{"a": 7}`), "Memory": []byte("8"), "SecurityGroupIds.SecurityGroupId.0": []byte("[9]"),
		"SecurityGroupIds.SecurityGroupId.1": []byte("[10]"), "ImageOptions": []byte("11"), "EipAddress.Bandwidth": []byte(`"12"`),
	}}
	checkMember(t, "Extra", Instance{Extra: map[string]json.RawMessage{"New": []byte(`"<"`)}}, `"New":"<"`)
	text, err := inst.MarshalJSON()
	var got map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Tags": `{"Tag":[{"TagKey":"k","TagValue":"","New":1}],"New":4}`, "New": "5", "Other": `{"New":{"a.b":6}}`, "Cpu": `{"a": 7}`, "Memory": "4",
		"SecurityGroupIds": `{"SecurityGroupId":[[9],"sg-2"]}`, "ImageOptions": "11", "EipAddress": `{"AllocationId":"","IpAddress":"","InternetChargeType":"","Bandwidth":"12"}`,
	} {
		if string(got[name]) != want {
			t.Errorf("%s: got %s, want %s", name, got[name], want)
		}
	}
	inst.Extra["New"] = nil
	if text, err := inst.MarshalJSON(); err == nil || err.Error() != `ecs: instance "i-1": the extra member "New" is not valid JSON` {
		t.Errorf("got %s, %v", text, err)
	}
	for _, price := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if text, err := json.Marshal(Instance{SpotPriceLimit: price}); err == nil {
			t.Errorf("got %s", text)
		}
	}
}

// TestManyExtraMembers checks that marshaling time is proportional to the number of extra members.
func TestManyExtraMembers(t *testing.T) {
	t.Parallel()
	inst := Instance{InstanceID: "i-1", Extra: map[string]json.RawMessage{}}
	for i := range 100_000 { // a quadratic implementation would take minutes
		inst.Extra[fmt.Sprintf("New%d", i)] = []byte("1")
	}
	if text, err := inst.MarshalJSON(); err != nil || strings.Count(string(text), `"New`) != 100_000 {
		t.Error(err)
	}
}

// TestNothingOfTheBodyIsKept checks that a decoded page does not refer to the response body, because the body's buffer
// is reused.
func TestNothingOfTheBodyIsKept(t *testing.T) {
	t.Parallel()
	body := []byte(onePage(slices.Concat([]string{`{"Cpu":[1]}`, `{"InstanceId":"i-bad","Cpu":[2]}`, `{"InstanceId":"i-new","New":{"a":"b"},"N\u0065w.2":1}`},
		slices.Repeat([]string{`{"InstanceId":"i-1","ZoneId":"z","Tags":{"Tag":[{"TagKey":"k","TagValue":"v"}]}}`}, 3))...))
	want, err := decodeDescribeInstances(bytes.Clone(body))
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeDescribeInstances(body)
	if err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = 'x'
	}
	if !reflect.DeepEqual(got, want) || got.Instances[1].InstanceID != "i-new" || string(got.Undecoded[0].Raw) != `{"Cpu":[1]}` || string(got.Undecoded[1].Raw) != "[2]" {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// TestAnInstanceHoldsNoOther checks that an instance does not keep other instances or the response body in memory.
func TestAnInstanceHoldsNoOther(t *testing.T) {
	t.Parallel()
	const page, at = 20, 10
	kept := Instance{}
	var gone []func() bool
	watch := func(name string, alive func() bool) {
		gone = append(gone, func() bool {
			if alive() {
				t.Errorf("%s is still in memory", name)
			}
			return true
		})
	}
	for _, make := range []func(int) []byte{fullPage, typicalPage} {
		func() {
			body := make(page)
			r, err := decodeDescribeInstances(body)
			if err != nil {
				t.Fatal(err)
			}
			kept = r.Instances[at]
			of := func(name string, p weak.Pointer[byte]) { watch(name, func() bool { return p.Value() != nil }) }
			of("the body", weak.Make(&body[0]))
			slice := weak.Make(&r.Instances[0])
			watch("the page", func() bool { return slice.Value() != nil })
			for i, inst := range r.Instances {
				if i == at {
					continue
				}
				of(fmt.Sprintf("the text of instance %d", i), weak.Make(unsafe.StringData(inst.InstanceID)))
				nic := weak.Make(&inst.NetworkInterfaces[0])
				watch(fmt.Sprintf("an interface of instance %d", i), func() bool { return nic.Value() != nil })
			}
		}()
		runtime.GC()
		for _, check := range gone {
			check()
		}
		if kept.InstanceID == "" {
			t.Error("nothing was kept")
		}
		runtime.KeepAlive(&kept)
	}
}

// TestNoRoomIsShared checks that the strings of an instance do not share a buffer with strings of the page.
func TestNoRoomIsShared(t *testing.T) {
	t.Parallel()
	const size = 41 // length of RequestId and NextToken, which leaves a few bytes of their buffers unused
	behind := func(text, other string) bool {
		return unsafe.Add(unsafe.Pointer(unsafe.StringData(text)), size) == unsafe.Pointer(unsafe.StringData(other))
	}
	body := fmt.Appendf(nil, `{"RequestId":"%041d","Instances":[{"InstanceId":"i-1","InstanceName":"n-1"}],"NextToken":"%041d"}`, 1, 2)
	next := []byte(`{"Instances":[{"InstanceId":"i-2","InstanceName":"n-2"}]}`)
	for range 10 {
		page, err := decodeDescribeInstances(body)
		if err != nil {
			t.Fatal(err)
		}
		other, err := decodeDescribeInstances(next)
		if err != nil {
			t.Fatal(err)
		}
		if behind(page.RequestID, page.Instances[0].InstanceName) || behind(page.NextToken, other.Instances[0].InstanceName) {
			t.Fatal("the name of an instance was placed behind a string of a page")
		}
	}
}

// TestSharedTexts checks that instances share the memory of common values such as the region id. The name and the host
// name of an instance must be in one buffer, and the instance id must not be in that buffer.
func TestSharedTexts(t *testing.T) {
	t.Parallel()
	r, err := decodeDescribeInstances(typicalPage(100))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]map[*byte]bool{}
	for i, inst := range r.Instances {
		for name, text := range map[string]string{"region": inst.RegionID, "status": string(inst.Status), "image": inst.ImageID, "os": inst.OSName, "charge": string(inst.InstanceChargeType)} {
			if texts[name] == nil {
				texts[name] = map[*byte]bool{}
			}
			texts[name][unsafe.StringData(text)] = true
		}
		address := func(s string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(s))) }
		name, host, id := address(inst.InstanceName), address(inst.HostName), address(inst.InstanceID)
		// The first instance is skipped because its buffer size cannot be predicted.
		if apart := max(name, host) - min(name, host); apart > 4096 && i > 0 {
			t.Fatalf("two strings of %s are %d bytes apart", inst.InstanceID, apart)
		}
		if host < id && id < name || name < id && id < host {
			t.Fatalf("the id of %s is in the same buffer as its other strings", inst.InstanceID)
		}
	}
	for name, copies := range texts {
		if len(copies) > 16 { // a new copy is permitted for the first instances and when the value changes
			t.Errorf("%d copies of the %s", len(copies), name)
		}
	}
}

// TestAnIDHoldsNoInstance checks that an id does not keep its instance in memory.
func TestAnIDHoldsNoInstance(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"i-bp67acfmxazb4p0001", "eci-" + strings.Repeat("x", 40)} {
		var name weak.Pointer[byte]
		kept := func() string {
			r, err := decodeDescribeInstances([]byte(onePage(`{"InstanceName":"` + strings.Repeat("n", 100) + `","InstanceId":"` + id + `"}`)))
			if err != nil || len(r.Instances) != 1 {
				t.Fatal(r, err)
			}
			name = weak.Make(unsafe.StringData(r.Instances[0].InstanceName))
			return r.Instances[0].InstanceID
		}()
		runtime.GC()
		if name.Value() != nil {
			t.Errorf("the id %s keeps the name of the instance alive", kept)
		}
		runtime.KeepAlive(kept)
	}
}

//nolint:paralleltest // AllocsPerRun counts allocations in all goroutines
func TestAllocations(t *testing.T) {
	for _, tt := range []struct {
		name string
		body []byte
		most float64
	}{{"full", fullPage(100), 25}, {"typical", typicalPage(100), 10}} {
		got := testing.AllocsPerRun(5, func() {
			if r, err := decodeDescribeInstances(tt.body); err != nil || len(r.Instances) != 100 {
				t.Fatal(err)
			}
		}) / 100
		if got > tt.most {
			t.Errorf("%s page: %.1f allocations for each instance, want %.0f", tt.name, got, tt.most)
		}
	}
}

// TestConcurrentPages checks that several goroutines can decode pages concurrently.
func TestConcurrentPages(t *testing.T) {
	t.Parallel()
	bodies := map[int][]byte{}
	want := map[int]*DescribeInstancesResponse{}
	for n := range 8 {
		bodies[n] = typicalPage(3 * n)
		if n%2 == 0 {
			bodies[n] = fullPage(n)
		}
		var err error
		if want[n], err = oraclePage(bodies[n]); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				for n, body := range bodies {
					// An error must not affect pages that are decoded later.
					_, _ = decodeDescribeInstances(body[:len(body)/2])
					if got, err := decodeDescribeInstances(body); err != nil || !reflect.DeepEqual(got, want[n]) {
						t.Errorf("page %d: %v", n, err)
					}
				}
			}
		})
	}
	wg.Wait()
}

// compare fails the test if the decoder and the oracle return different results for body.
func compare(t *testing.T, body []byte) {
	t.Helper()
	got, err := decodeDescribeInstances(body)
	if err != nil && (strings.Contains(err.Error(), "nested more than") || strings.Contains(err.Error(), "more than")) {
		return // the oracle does not enforce limits
	}
	want, wantErr := oraclePage(body)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%q\ngot error  %v\nwant error %v", body, err, wantErr)
	}
	if err != nil {
		return
	}
	undecoded := got.Undecoded
	got.Undecoded = nil
	for _, bad := range undecoded {
		if bad.Err == nil {
			t.Fatalf("%q\nan error has no Err", body)
		}
		got.Undecoded = append(got.Undecoded, &DecodeError{InstanceID: bad.InstanceID, Path: bad.Path, Raw: bad.Raw})
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q\ngot  %+v\nwant %+v", body, got, want)
	}
	doc, err := parseNode(body)
	if err != nil || doc.repeatsMember() {
		return
	}
	for _, inst := range got.Instances {
		text, err := inst.MarshalJSON()
		if err != nil {
			t.Fatalf("%q\n%v", body, err)
		}
		var again Instance
		if err := again.UnmarshalJSON(text); err != nil || !reflect.DeepEqual(again, inst) {
			t.Fatalf("%q\nwritten as %s, %v\ngot  %+v\nwant %+v", body, text, err, again, inst)
		}
	}
}

func FuzzDecodePage(f *testing.F) {
	for _, tt := range odd {
		f.Add([]byte(onePage(`{"InstanceId":"i-1",` + tt.member + `}`)))
	}
	for _, name := range slices.Sorted(maps.Keys(envelopes)) {
		if body := envelopes[name].body; len(body) < 10_000 {
			f.Add([]byte(body))
		}
	}
	f.Add([]byte(onePage(`{"InstanceId":"i-1","Tags":[{"New":1}],"Tags":null}`)))
	f.Add(fullPage(1))
	f.Add(typicalPage(2))
	f.Fuzz(compare)
}

// TestAnyOrder checks that pages are decoded correctly if members are reordered, missing or surrounded by white space.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var page struct {
		Instances struct{ Instance []map[string]json.RawMessage }
	}
	orders := 10
	if testing.Short() {
		orders = 2
	}
	for _, body := range [][]byte{fullPage(3), typicalPage(40)} {
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatal(err)
		}
		for range orders {
			var elements []string
			for _, inst := range page.Instances.Instance {
				var members []string
				for name, value := range inst { // map iteration order is random
					if name == "InstanceId" || random.IntN(10) > 0 {
						members = append(members, fmt.Sprintf("%q:%s", name, value))
					}
				}
				elements = append(elements, "{"+strings.Join(members, ",")+"}")
			}
			var spaced bytes.Buffer
			if err := json.Indent(&spaced, []byte(onePage(elements...)), "\r\n", " \t"); err != nil {
				t.Fatal(err)
			}
			compare(t, []byte(onePage(elements...)))
			compare(t, bytes.ReplaceAll(spaced.Bytes(), []byte(`":`), []byte(`" :`)))
		}
	}
}

// TestAgainstOracle checks that the decoder and the oracle return the same result for pages that are too large for the
// fuzz test.
func TestAgainstOracle(t *testing.T) {
	t.Parallel()
	for _, body := range [][]byte{fullPage(120), typicalPage(250), pageOf(nil)} {
		compare(t, body)
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, body)
	}
}

// TestLargeLists checks that a response with many small elements does not use gigabytes of memory.
//
//nolint:paralleltest // measures the allocations of the whole process
func TestLargeLists(t *testing.T) {
	for name, call := range map[string]struct {
		body string
		send func(c *Client) error
	}{
		"Region": {`{"Regions":{"Region":[%s{}]}}`, func(c *Client) error {
			_, err := c.DescribeRegions(t.Context(), DescribeRegionsRequest{})
			return err
		}},
		"TagResource": {`{"TagResources":{"TagResource":[%s{}]}}`, func(c *Client) error {
			for _, err := range c.ListTagResources(t.Context(), ListTagResourcesRequest{ResourceIDs: []string{"i-1"}}) {
				return err
			}
			return nil
		}},
		"any": {`{"New":[%s{}]}`, func(c *Client) error {
			var out any
			return c.Call(t.Context(), "DescribeNew", nil, &out)
		}},
	} {
		n := 8 << 20
		if testing.Short() {
			n = 1 << 20
		}
		body := fmt.Sprintf(call.body, strings.Repeat("{},", n))
		c := mocked(t, func(*http.Request) (*http.Response, error) { return httpmock.NewStringResponse(200, body), nil })
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := call.send(c)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "the JSON document contains more than") {
			t.Errorf("%s: got %v", name, err)
		}
		if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 500 { // each attempt reads the whole body
			t.Errorf("%s: %d MB allocated", name, mb)
		}
	}
}

// TestStringListsAreIndependent checks that appending to a string list of an instance does not overwrite another list.
func TestStringListsAreIndependent(t *testing.T) {
	t.Parallel()
	instance := func(groups, public, inner string) string {
		return fmt.Sprintf(`{"InstanceId":"i-1","SecurityGroupIds":{"SecurityGroupId":[%s]},"PublicIpAddress":{"IpAddress":[%s]},"InnerIpAddress":{"IpAddress":[%s]}}`,
			groups, public, inner)
	}
	resp, err := decodeDescribeInstances([]byte(`{"Instances":{"Instance":[` + strings.Join([]string{
		instance(`"a"`, `"b"`, `"c"`), instance(`"a","b"`, `"c"`, ``), instance(`"a"`, `"b","c","d"`, `"e"`), instance(`"a","b"`, `"c"`, `"d","e"`),
	}, ",") + `]}}`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][3][]string{
		{{"a"}, {"b"}, {"c"}}, {{"a", "b"}, {"c"}, nil}, {{"a"}, {"b", "c", "d"}, {"e"}}, {{"a", "b"}, {"c"}, {"d", "e"}},
	} {
		inst := resp.Instances[i]
		_ = append(inst.SecurityGroupIDs, "x") //nolint:gocritic // appending must not overwrite another list
		_ = append(inst.PublicIPAddress, "y")  //nolint:gocritic // appending must not overwrite another list
		if got := [3][]string{inst.SecurityGroupIDs, inst.PublicIPAddress, inst.InnerIPAddress}; !reflect.DeepEqual(got, want) {
			t.Errorf("instance %d: %q, want %q", i, got, want)
		}
	}
}
