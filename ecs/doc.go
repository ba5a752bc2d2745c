// Package ecs lists the ECS instances of an Alibaba Cloud account: completely, fast and typed. It calls the API operation
// DescribeInstances, version 2014-05-26, and distinguishes "there are none" from "permission denied".
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
//   - [Client.StreamInstances] sends the instances to a channel, for several workers, and prefetches the next page.
//   - [Client.InstancePages] yields pages, with request ids.
//   - [Client.ScanInstances] fetches several pages at once, for regions of a thousand instances and more.
//   - [Client.InstancesInRegions] lists several or all regions at once. A region that fails does not end the others.
//   - [Client.GetInstances] finds instances by id, and [Client.GetInstance] a single one; both report missing ids.
//   - [Client.DescribeInstances] fetches a single page: 10 instances unless MaxResults is set.
//
// [Client.WaitForStatus] and [Client.WaitUntilGone] poll until instances have changed. [Client.ListTagResources] lists tags.
// [Client.Call] and [CallPages] call any other operation of the ECS API.
//
// # Contexts and goroutines
//
// A client is immutable and safe for concurrent use: create one and reuse it. Requests are plain values that no call
// modifies. The context reaches the connection, the delays, the limiter and the credentials. When it is done, the call ends
// with an error that matches the context's error. A nil context is an ErrInvalidParameter. Iterators run in the goroutine of
// their loop, unless they fetch several pages at once; breaking out of the loop ends all requests and goroutines.
//
// # Permissions
//
// The API may respond in two ways to a caller without the permission ecs:DescribeInstances. According to the vendor's announcement
// of 2025-09-25, the API answers with HTTP 403 and the code Forbidden.RAM in all regions from 2025-12-20. Before that date it
// answered with HTTP 200 and an empty list, and private clouds and older installations may still do so.
//
// The listings handle both. A denied request ends the listing with [ErrForbidden]. A request that ends with an empty page
// is checked by one dry run, also in the middle of a listing: if the dry run is denied, the listing ends with ErrForbidden; if
// it fails in any other way, the listing ends with [*UnconfirmedError]. If it passes, the request is sent once more, since
// the permission may have been granted in the meantime; a second empty page is accepted. An empty listing that was confirmed is
// remembered for five minutes for the same region and request. [Options.TrustEmpty] accepts empty pages without a check.
//
// The smallest policy is ecs:DescribeInstances, with
// ecs:DescribeRegions to list all regions and ecs:ListTagResources to list more than about 1,000 instances by tag or
// resource group.
//
// # Checking permissions
//
// [Client.DryRun] checks, by one request, the permission to list in one region. [Client.Check] finds out why a listing does
// not work: it tells apart missing credentials, a mistyped region, a broken network, proxy or certificate, a wrong clock, a
// key or token that the API does not accept, and missing permissions, with advice for each. The [Report] prints as a table
// and as JSON, and [Report.Policy] is the RAM policy that is missing.
//
//	report := client.Check(ctx, &ecs.CheckOptions{AllRegions: true})
//	fmt.Println(report)
//	if err := report.Err(); err != nil {
//		return err
//	}
//
// Check lists nothing. It sends, for each region, one dry run of DescribeInstances for each request in
// CheckOptions.Requests and one ListTagResources, and one DescribeRegions altogether: 61 requests for 30 regions, most of
// them in parallel. It cannot know of policies that depend on the instances that a listing would return, nor how much of a
// quota other programs use. That a service refuses nothing does not prove that it will be up a minute later: handle the
// errors of listings as well.
//
// # What the API does silently
//
//   - It may return an empty list to a caller without permission. See above.
//   - A page has 10 instances by default. The listings request 100 and read all pages.
//   - A listing by tag or resource group stops at 1,000 instances. The listings find the others by ListTagResources and
//     fetch them by id, or end with a [*CappedError].
//   - Unknown parameters are ignored, so a typo lists everything. Requests are typed.
//   - An empty list of ids matches nothing, and a missing one matches everything. A nil and an empty [JSONList] preserve
//     the difference.
//   - Private, inner and elastic addresses are ignored without InstanceNetworkType, so it is sent with them.
//   - MaxResults below 10 is raised to 10, so a page may have more instances than requested.
//   - Page numbers are ignored if MaxResults or NextToken is set. Such a request is refused.
//   - An instance may be on two pages if the list changes during the listing. It is delivered once.
//   - Ids that do not exist are left out. GetInstances reports them in a [*NotFoundError].
//   - TotalCount has no meaning in a listing by tokens. It is used only to detect a server that supports page numbers only.
//     Such a server, an old private cloud for instance, cannot be listed exactly while instances are created and deleted.
//
// # Errors
//
// A failed call returns an [*Error] with the API's code and the request id. [errors.Is] tells the kinds apart:
// [ErrThrottled], [ErrForbidden], [ErrCredentials], [ErrInvalidParameter], [ErrUnavailable], [ErrNotFound], and the errors of
// the context. Each text is one line, says what to do, and contains no secret.
//
// Listings may also end with [*UnconfirmedError], [*CappedError], [*IncompleteError] for what could not be decoded, or, if
// the server never ends the listing, [pagination.ErrTokenLoop] and [pagination.ErrEmptyPages]. InstancesInRegions yields
// [*RegionError], and the waiters return [*WaitError].
//
// # Retries and throttling
//
// Connection errors, unreadable responses, internal errors and the statuses 408, 500, 502, 503 and 504 are retried with
// jittered backoff, a single call for a few seconds and each page of a listing long enough for a restart of the service; see
// [RetryPolicy]. Each attempt has a new signature and times out after 10 s. Untrusted certificates and unknown hosts are not
// retried. A retry budget limits the requests to a server that stays down. A wrong local clock is detected and corrected.
//
// A throttled call waits in a throttle control, one for each region and operation, which all goroutines and the clients made
// by [Client.InRegion] share. It adds no delay until the first throttled response. Then it learns the quota and sends
// requests at the rate that the API accepts. [Options.Limiter] adds a limit. A delay that would pass the deadline of the
// context ends the call immediately, with an error that matches both the context's error and the last response.
//
// The details of retries may change between releases.
//
// # Signing
//
// [signer.V1], the default, signs with HMAC-SHA1 and sends the signature, and the token of a temporary key, in the query
// string, where a proxy that decrypts TLS may log them. [signer.V3] signs with HMAC-SHA256 in headers: use it behind such a
// proxy, with FIPS 140, or if a policy requires it. The API accepts both for every call.
//
// # Credentials
//
// Without [Options.Credentials], the first call looks for a key in these places:
//
//  1. ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and, for a temporary key, ALIBABA_CLOUD_SECURITY_TOKEN
//  2. an OIDC role: ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN, ALIBABA_CLOUD_OIDC_TOKEN_FILE
//  3. the profile of the vendor's CLI, ~/.aliyun/config.json
//  4. the profile file, ~/.alibabacloud/credentials
//  5. the RAM role of the instance, unless ALIBABA_CLOUD_ECS_METADATA_DISABLED is true
//  6. ALIBABA_CLOUD_CREDENTIALS_URI
//
// [CredentialsFrom] accepts any credential of github.com/aliyun/credentials-go, and [StaticCredentials] a fixed key; any
// [CredentialsProvider] will do. [Client.WithCredentials] returns a client for another account.
//
// # Observability
//
// [Options.Logger] receives attempts at level Debug, retries at Info, and a warning when an older key is used because the
// provider fails. [Options.OnAttempt] is called after every HTTP request; the module
// github.com/aliyun-ecs/sdk-go/ecs/ecsotel turns that into OpenTelemetry spans and metrics. Neither sees a secret.
//
// # Testing your code
//
// Package [github.com/aliyun-ecs/sdk-go/ecs/ecstest] is an in-memory ECS, over HTTP on a loopback address, that checks
// signatures, filters, pages, throttles, and fails on demand.
//
// # What is not documented
//
// The API does not document whether the bounds of its time filters are inclusive, whether tokens expire, in which order
// instances are listed, and which quota applies. This client does not depend on any of them.
package ecs
