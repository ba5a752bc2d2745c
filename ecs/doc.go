// Package ecs lists the ECS instances of an Alibaba Cloud account: completely, fast and typed. It speaks the API
// DescribeInstances, version 2014-05-26, and tells "there are none" from "you may not see them".
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
// # Paging
//
// A listing is complete if and only if it ends without an error. Choose by what you need:
//
//   - [Client.Instances]: every instance, in a loop. The usual way.
//   - [Client.StreamInstances]: the same through a channel, for workers; the next page is fetched meanwhile.
//   - [Client.InstancePages]: by pages, with request ids.
//   - [Client.ScanInstances]: a region of a thousand instances and more, through several token chains at once.
//   - [Client.InstancesInRegions]: several or all regions at once; a region that fails does not end the others.
//   - [Client.GetInstances]: by id, any number, in your order; says which are missing.
//   - [Client.DescribeInstances]: a single page, as the API gives it (10 instances unless you ask for more).
//
// [Client.WaitForStatus] and [Client.WaitUntilGone] poll until instances have changed. [Client.Call] carries out any other
// operation of the ECS API.
//
// # Contexts and goroutines
//
// A client is immutable and serves any number of goroutines; make one and keep it. Requests are plain values that no call
// modifies. The context reaches the connection, the waits, the limiter and the credentials: when it ends, the call does,
// with an error that matches the context's. A nil context is refused. Iterators work in the goroutine of their loop, except where
// several listings go on at once; breaking out of the loop ends them all.
//
// # Permissions
//
// A caller without the permission ecs:DescribeInstances gets an empty list from this API, not an error. So a listing that
// saw nothing makes one dry run, and ends with [ErrForbidden] when that is denied ([Options.TrustEmpty] turns it off).
// [Client.DryRun] checks beforehand, without listing. The least policy is ecs:DescribeInstances, plus ecs:DescribeRegions
// to list all regions and ecs:ListTagResources to list more than 1,000 instances by tag or resource group.
//
// # What the API does silently
//
//   - Without permission the list is empty: checked by a dry run, see above.
//   - A page has 10 instances unless asked for more: listings ask for 100 and page to the end.
//   - Filters by tag or resource group stop at 1,000 instances: the listing goes on by ListTagResources and ids, or ends
//     with [*CappedError].
//   - Unknown parameters are ignored, so a typo lists everything: requests are typed.
//   - An empty id list matches nothing, an absent one everything: nil and empty [JSONList] keep the difference.
//   - Private, inner and elastic addresses filter nothing unless InstanceNetworkType is set as well: it is sent with them.
//   - MaxResults below 10 is taken for 10: a page may hold more than was asked for.
//   - Page numbers are ignored next to MaxResults or NextToken: refused here.
//   - An instance that moves while pages are read may come twice: it is delivered once.
//   - An instance that cannot be read costs no other: [*DecodeError], [*IncompleteError].
//   - A filter on ids that do not exist just gives fewer rows: [*NotFoundError] from GetInstances.
//   - TotalCount is meaningless in token mode: nothing here relies on it.
//
// # Errors
//
// A failed call returns an [*Error] with the API's code and request id. Tell the kinds apart with [errors.Is]:
// [ErrThrottled], [ErrForbidden], [ErrCredentials], [ErrInvalidParameter], [ErrUnavailable], and the context's own errors.
// Texts are one line, say what to do, and never hold a secret. Listings may also end with [*IncompleteError],
// [*CappedError] or [pagination.ErrTokenLoop]; InstancesInRegions yields [*RegionError], waiters return [*WaitError].
//
// # Retries and throttling
//
// Connection errors, unreadable answers, 408, 500, 502, 503, 504 and internal errors are tried up to 3 times with jittered
// backoff ([RetryPolicy]); each attempt is signed anew and times out after 10 s. Certificates that are not trusted and
// hosts that do not exist fail at once. A retry quota keeps a dead server from being hammered. A wrong clock is noticed and
// corrected for.
//
// Throttled calls wait in a throttle control shared by all goroutines and by the clients that [Client.InRegion] makes, for
// each region and operation: it costs nothing until the first throttled answer, then paces the calls as the API allows,
// learning the quota. [Options.Limiter] adds a limit of your own. No wait passes the context's deadline: the call then ends
// at once, with the context's error and the API's last answer in one.
//
// Details of retries may change between releases and are not covered by compatibility promises.
//
// # Signing
//
// [signer.V1] (the default) signs with HMAC-SHA1 and puts the signature, and the token of a temporary key, into the query
// string, where a proxy that opens TLS may log them. [signer.V3] signs with HMAC-SHA256 in headers: take it when there is
// such a proxy, under FIPS 140, or when a policy asks for it. The API takes either for every call.
//
// # Credentials
//
// Without [Options.Credentials], the first call looks through the default chain of github.com/aliyun/credentials-go:
//
//  1. ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and, for a temporary key, ALIBABA_CLOUD_SECURITY_TOKEN
//  2. an OIDC role: ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN, ALIBABA_CLOUD_OIDC_TOKEN_FILE
//  3. the vendor CLI's profile, ~/.aliyun/config.json
//  4. the profile file, ~/.alibabacloud/credentials
//  5. the instance's RAM role, unless ALIBABA_CLOUD_ECS_METADATA_DISABLED is true
//  6. ALIBABA_CLOUD_CREDENTIALS_URI
//
// [CredentialsFrom] takes any credential of that module, [StaticCredentials] a fixed key, and any [CredentialsProvider]
// will do.
//
// # Observability
//
// [Options.Logger] gets attempts at Debug, retries at Info, and at Warn what was believed or used for want of better: an
// empty listing that no dry run could confirm, the last good key while a provider fails. [Options.OnAttempt] sees every HTTP
// request; the module github.com/aliyun-ecs/sdk-go/ecs/ecsotel makes OpenTelemetry spans and a histogram of it. Neither
// sees a secret.
//
// # Testing your code
//
// Package [github.com/aliyun-ecs/sdk-go/ecs/ecstest] is an in-memory ECS over HTTP on loopback that checks signatures,
// filters, pages, throttles and fails on demand.
//
// # Not known
//
// What no source says is not guessed: whether the API's time bounds are inclusive, whether tokens expire, in which order
// instances come, and which quota applies. The client works under every reading.
package ecs
