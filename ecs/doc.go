// Package ecs lists the ECS instances of an Alibaba Cloud account. It calls the operation DescribeInstances of the ECS
// API, version 2014-05-26. The package reads all pages of a listing, decodes instances into Go structs, and
// distinguishes an empty result from a missing permission.
//
//	client, err := ecs.NewClient("cn-hangzhou", nil) // credentials from the default chain
//	if err != nil {
//		return err
//	}
//	for inst, err := range client.Instances(ctx, ecs.DescribeInstancesRequest{Status: ecs.InstanceStatusRunning}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(inst.InstanceID, inst.InstanceName, inst.PrivateAddr())
//	}
//
// # Choosing a listing method
//
// A listing is complete if and only if it ends without an error.
//
//   - [Client.Instances] yields every instance in a loop. Start here.
//   - [Client.StreamInstances] sends the instances to a channel, which several goroutines can read, and prefetches the
//     next page.
//   - [Client.InstancePages] yields pages of instances, each with its request id.
//   - [Client.ScanInstances] fetches several pages in parallel. Use it for regions with several thousand instances.
//   - [Client.InstancesInRegions] lists several regions, or all regions, in parallel. If the listing of a region fails,
//     the other regions are still listed.
//   - [Client.GetInstances] finds instances by id, and [Client.GetInstance] finds a single instance. Both methods
//     report missing ids.
//   - [Client.DescribeInstances] fetches a single page, which has at most 10 instances unless MaxResults is set.
//
// [Client.WaitForStatus] polls until instances have reached a status, and [Client.WaitUntilGone] polls until instances
// no longer exist. [Client.ListTagResources] lists tags. For every other operation of the ECS API, use [Client.Call],
// or [CallPages] if the operation returns a NextToken.
//
// # Contexts and goroutines
//
// A client is immutable and safe for concurrent use. Create one client and reuse it. Requests are plain values, and no
// call modifies them.
//
// The context of a call applies to its connections, its delays, the limiter and the credentials provider. When the
// context is done, the call returns an error that matches the context's error and its cause. If the context is nil, the
// call returns an error that matches ErrInvalidParameter.
//
// An iterator runs in the goroutine of its loop. Only methods that fetch several pages in parallel start goroutines.
// All requests and goroutines of an iterator end with its loop.
//
// # Permissions
//
// Listing requires the permission ecs:DescribeInstances. Listing all regions also requires ecs:DescribeRegions. Listing
// more than about 1,000 instances by tag or resource group also requires ecs:ListTagResources.
//
// The API has two ways to respond to a caller without the permission ecs:DescribeInstances. According to an
// announcement by Alibaba Cloud of 2025-09-25, the API responds with HTTP status 403 and the code Forbidden.RAM in all
// regions from 2025-12-20. Before that date, it responded with HTTP status 200 and an empty list. Private clouds and
// older installations may still return an empty list.
//
// The listing methods handle both responses. If a request is denied, the listing ends with [ErrForbidden]. If the last
// page is empty, even after pages with instances, the client sends one dry run to check the permission:
//
//   - If the dry run is denied, the listing ends with ErrForbidden.
//   - If the dry run fails for another reason, the listing ends with [*UnconfirmedError].
//   - If the dry run passes, the client requests the empty page again, because the permission may have been granted in
//     the meantime. If the page is still empty, the listing ends without an error.
//
// The client remembers a confirmed empty listing for five minutes, and sends no dry run if the same region and request
// is listed again in this time. If [Options.TrustEmpty] is set, the client always accepts empty pages.
//
// # Checking permissions
//
// [Client.DryRun] sends one request to check the permission to list in one region. [Client.Check] determines why a
// listing does not work, for example because of a missing permission, a rejected key, a mistyped region or a network
// problem. The [Report] contains advice for each problem, and can be printed as a table or encoded as JSON.
// [Report.Policy] returns a RAM policy that grants the missing permissions.
//
//	report := client.Check(ctx, &ecs.CheckOptions{AllRegions: true})
//	fmt.Println(report)
//	if err := report.Err(); err != nil {
//		return err
//	}
//
// Check lists no instances. By default, it sends two requests per region plus one, most of them in parallel. A listing
// may fail even after a successful check, for example because a policy depends on the instances that the listing would
// return. A program must therefore also handle the errors of listings.
//
// # Pitfalls of the API
//
// In the following cases, the API returns an unexpected response instead of an error. This package handles most of
// these cases.
//
//   - The API may return an empty list to a caller without permission: see Permissions.
//   - A page has 10 instances by default. The listing methods request pages of 100 instances and read all pages.
//   - A listing by tag or resource group stops at 1,000 instances. The listing methods find the remaining instances
//     with ListTagResources and fetch them by id, or end with a [*CappedError].
//   - The API ignores unknown parameters, so a request with a misspelled filter lists all instances. In this package,
//     requests are structs, so the compiler rejects misspelled filters.
//   - An empty list of ids matches no instance, but a request without the list matches all instances. An empty
//     [JSONList] is sent as an empty list, and a nil JSONList is not sent.
//   - The API ignores private, inner and elastic addresses in a request without InstanceNetworkType. This package sends
//     InstanceNetworkType with such addresses.
//   - The API raises a MaxResults below 10 to 10, so a page may have more instances than requested.
//   - The API ignores page numbers if MaxResults or NextToken is set. This package returns an error for such a request.
//   - An instance may be on two pages if instances are created or deleted during the listing. The listing methods
//     return the instance once.
//   - The API omits instances whose ids do not exist. GetInstances reports these ids in a [*NotFoundError].
//   - TotalCount is meaningless on servers that support page tokens. This package uses TotalCount to detect servers
//     that support only page numbers, such as old private clouds. With such a server, a listing may be inexact if
//     instances are created or deleted during the listing.
//
// # Errors
//
// A failed call returns an [*Error] with the API's error code and the request id. Use [errors.Is] to compare an error
// with [ErrThrottled], [ErrForbidden], [ErrCredentials], [ErrInvalidParameter], [ErrUnavailable], [ErrNotFound], or an
// error from package context. Error messages are one line long, usually contain advice, and never contain a secret.
//
// A listing may also end with the following errors:
//
//   - [*UnconfirmedError], if an empty result could not be verified;
//   - [*CappedError], if a listing by tag or resource group could not be continued after 1,000 instances;
//   - [*IncompleteError], if values could not be decoded;
//   - [pagination.ErrTokenLoop] or [pagination.ErrEmptyPages], if the server does not end the listing.
//
// InstancesInRegions yields a [*RegionError] for each region that fails, and WaitForStatus and WaitUntilGone return a
// [*WaitError].
//
// # Retries and throttling
//
// A call is retried after connection errors, unreadable responses, internal errors of the service, and the HTTP
// statuses 408, 500, 502, 503 and 504. It is not retried if the certificate is untrusted or the host is unknown. A
// single call is retried for a few seconds, and each page of a listing for up to 30 s; see [RetryPolicy]. Retries use
// exponential backoff with jitter, and each attempt times out after 10 s. A retry budget limits the number of requests
// to a server that stays down. If the local clock is wrong, the client uses the server's time in its requests.
//
// If the API throttles a request, the client learns the quota from the responses and sends requests at the rate that
// the API accepts. The rate is limited separately for each region and operation, for all goroutines together.
// [Options.Limiter] can limit the rate further. If a delay would exceed the context's deadline, the call immediately
// returns an error that matches both the context's error and the Err… variable for the last response.
//
// The details of retries may change between releases.
//
// # Signing
//
// [signer.V1] is the default. It signs with HMAC-SHA1. The query string contains the signature and, for a temporary
// key, the security token. A proxy that decrypts TLS may log the query string. [signer.V3] signs with HMAC-SHA256 and
// sends the signature in headers. Use V3 behind such a proxy, in FIPS 140 mode, or if a policy requires it. The API
// accepts both signatures for every call.
//
// # Credentials
//
// If [Options.Credentials] is nil, the client uses the default credential chain. The first call searches for a key in
// the following places, in this order:
//
//  1. the environment variables ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and, for a temporary key,
//     ALIBABA_CLOUD_SECURITY_TOKEN
//  2. an OIDC role, set by the environment variables ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN and
//     ALIBABA_CLOUD_OIDC_TOKEN_FILE
//  3. the current profile of the Alibaba Cloud CLI, in ~/.aliyun/config.json
//  4. the profile file ~/.alibabacloud/credentials
//  5. the RAM role of the ECS instance on which the program runs, unless the environment variable
//     ALIBABA_CLOUD_ECS_METADATA_DISABLED is true
//  6. the URL in the environment variable ALIBABA_CLOUD_CREDENTIALS_URI
//
// Other credentials are passed in Options.Credentials: a fixed key from [StaticCredentials], a credential of
// github.com/aliyun/credentials-go from [CredentialsFrom], a profile from [ProfileCredentials], or your own
// [CredentialsProvider]. [Client.WithCredentials] returns a client for another account.
//
// # Observability
//
// [Options.Logger] receives a record for each attempt at level Debug and for each retry at level Info, and a warning
// when the last valid key is reused because the credentials provider fails. [Options.OnAttempt] is called after every
// HTTP request. The module github.com/aliyun-ecs/sdk-go/ecs/ecsotel uses OnAttempt to create OpenTelemetry spans and
// metrics. Neither the logger nor OnAttempt receives a secret.
//
// # Testing your code
//
// Package [github.com/aliyun-ecs/sdk-go/ecs/ecstest] provides an in-memory ECS server that listens on a loopback
// address. The server checks signatures, supports filters and paging, and can throttle requests or inject failures.
//
// # Undocumented behavior of the API
//
// The API does not document whether the bounds of its time filters are inclusive, whether tokens expire, in which order
// instances are listed, or which quota applies to an account. This package does not depend on any of these details.
package ecs
