package signer_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

var (
	request = signer.Request{
		Method:  http.MethodPost,
		Host:    "ecs.cn-hangzhou.aliyuncs.com",
		Action:  "DescribeInstances",
		Version: "2014-05-26",
		Params:  url.Values{"RegionId": {"cn-hangzhou"}, "InstanceName": {"web *"}},
		Time:    time.Date(2024, 2, 4, 12, 46, 24, 0, time.UTC), // usually time.Now()
		Nonce:   "3156853299f313e23d1673dc12e1703d",             // usually crypto/rand.Text()
	}
	credentials = signer.Credentials{AccessKeyID: "testid", AccessKeySecret: "testsecret"}
)

// This example signs a request and converts the result to an HTTP request. The same code works with any Signer.
func Example() {
	signed, err := signer.V3{}.Sign(request, credentials)
	if err != nil {
		fmt.Println(err)
		return
	}
	req, err := http.NewRequestWithContext(context.Background(), request.Method, "https://"+request.Host+"/?"+signed.Query, http.NoBody)
	if err != nil {
		fmt.Println(err)
		return
	}
	maps.Copy(req.Header, signed.Header)

	fmt.Println(req.Method, req.URL)
	for part := range strings.SplitSeq(req.Header.Get("Authorization"), ",") {
		fmt.Println(part)
	}
	// Output:
	// POST https://ecs.cn-hangzhou.aliyuncs.com/?InstanceName=web%20%2A&RegionId=cn-hangzhou
	// ACS3-HMAC-SHA256 Credential=testid
	// SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version
	// Signature=8dfccf3e18e791995a6e3bc5612644a65cd34e9768be7a89ce3492777688b30f
}

func ExampleV1() {
	signed, err := signer.V1{}.Sign(request, credentials)
	if err != nil {
		fmt.Println(err)
		return
	}
	for param := range strings.SplitSeq(signed.Query, "&") {
		fmt.Println(param)
	}
	// Output:
	// AccessKeyId=testid
	// Action=DescribeInstances
	// Format=JSON
	// InstanceName=web%20%2A
	// RegionId=cn-hangzhou
	// SignatureMethod=HMAC-SHA1
	// SignatureNonce=3156853299f313e23d1673dc12e1703d
	// SignatureVersion=1.0
	// Timestamp=2024-02-04T12%3A46%3A24Z
	// Version=2014-05-26
	// Signature=MS%2Bva6H5E5%2FQrCtHQMepPMMrIpA%3D
}

// If the API returns SignatureDoesNotMatch, compare the result of StringToSign with the string in the error message.
func ExampleStringToSign() {
	fmt.Println(signer.StringToSign("GET", url.Values{"InstanceName": {"web *"}}))
	// Output:
	// GET&%2F&InstanceName%3Dweb%2520%252A
}

// CanonicalRequest returns the string that is hashed and signed by V3. A server can use it to verify a request.
func ExampleCanonicalRequest() {
	header := http.Header{"Accept": {"application/json"}, "X-Acs-Action": {"DescribeInstances"}, "X-Acs-Version": {"2014-05-26"}}
	fmt.Println(signer.CanonicalRequest(request, header))
	// Output:
	// POST
	// /
	// InstanceName=web%20%2A&RegionId=cn-hangzhou
	// host:ecs.cn-hangzhou.aliyuncs.com
	// x-acs-action:DescribeInstances
	// x-acs-version:2014-05-26
	//
	// host;x-acs-action;x-acs-version
	// e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
}

// Printing or logging Credentials does not reveal the secret.
func ExampleCredentials() {
	c := signer.Credentials{AccessKeyID: "LTAI5tExampleKeyId00", AccessKeySecret: "example"}
	fmt.Printf("%+v\n", c)
	// Output:
	// signer.Credentials{AccessKeyID: LTAI****, AccessKeySecret: ****, SecurityToken: unset}
}

// hostSigner is a Signer for requests that pass through a proxy that changes the host name.
type hostSigner struct{ host string }

func (s hostSigner) Sign(r signer.Request, c signer.Credentials) (signer.Signed, error) {
	if s.host == "" {
		return signer.Signed{}, errors.New("hostSigner: no host: set the endpoint's name")
	}
	r.Host = s.host
	return signer.V3{}.Sign(r, c)
}

// A custom Signer can wrap another Signer.
func ExampleSigner() {
	var s signer.Signer = hostSigner{"ecs.aliyuncs.com"}
	signed, err := s.Sign(request, credentials)
	fmt.Println(signed, err)
	// Output:
	// signer.Signed{Query: 43 bytes, Header: 7 fields} <nil>
}
