// Package ecs lists the ECS instances of an Alibaba Cloud account: completely, fast and typed. It speaks the API
// DescribeInstances, version 2014-05-26, and tells "there are none" from "you may not see them".
//
//	client, err := ecs.NewClient("cn-hangzhou", nil) // credentials from the default chain
//	if err != nil {
//		return err
//	}
//	for inst, err := range client.Instances(ctx, ecs.DescribeInstancesRequest{Status: ecs.StatusRunning}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(inst.InstanceID, inst.InstanceName, inst.Addr())
//	}
//
// # Paging
//
// The listing is complete if and only if it ends without an error. Choose by what you need:
//
//   - [Client.Instances]: every instance, in a loop. The usual way.
//   - [Client.StreamInstances]: the same through a channel, for workers; the next page is fetched meanwhile.
//   - [Client.InstancePages]: by pages, with request ids.
//   - [Client.ScanInstances]: a large region through several token chains at once.
//   - [Client.InstancesInRegions]: several or all regions at once; a region that fails does not end the others.
//   - [Client.GetInstances]: by id, any number, in your order; says which are missing.
//   - [Client.DescribeInstances]: a single page, as the API gives it (10 instances unless you ask for more).
//
// [Client.WaitForStatus] and [Client.WaitUntilGone] poll until instances have changed.
//
// # Permissions
//
// A caller without the permission ecs:DescribeInstances gets an empty list from this API, not an error. So a listing that
// saw nothing makes one dry run, and ends with [ErrForbidden] when that is denied ([Options].TrustEmpty turns it off).
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
//   - MaxResults beyond 10 … 100 is clamped; page numbers are ignored next to MaxResults: refused here.
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
// [*CappedError], or pagination.ErrTokenLoop; InstancesInRegions yields [*RegionError], waiters return [*WaitError].
//
// # Retries and throttling
//
// Connection errors, unreadable answers, 5xx and internal errors are tried up to 3 times with jittered backoff
// ([RetryPolicy]); each attempt is signed anew and times out after 10 s. A retry quota keeps a dead server from being
// hammered. Throttled calls wait in a throttle control shared by all goroutines and by the clients that InRegion makes
// for the same region: it costs nothing until the first throttled answer, then paces the calls as the API allows,
// learning the quota. [Options].Limiter adds a limit of your own. A wrong clock is noticed and corrected for. No wait
// passes the context's deadline: the call then ends at once, with the context's error and the API's last answer in one.
//
// Details of retries may change between releases and are not covered by compatibility promises.
//
// # Signing
//
// signer.V1 (the default) is understood by every endpoint and puts the signature into the query string, where proxies
// may log it. signer.V3 signs with SHA-256 in headers: take it when a proxy between you and the API logs URLs, or a
// policy asks for it. Both work for every call.
//
// # Credentials
//
// [Options].Credentials nil means the default chain of github.com/aliyun/credentials-go: environment variables
// ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and ALIBABA_CLOUD_SECURITY_TOKEN, an OIDC role, the CLI's
// profile, the profile file, the instance's RAM role, a credentials URI. [CredentialsFrom] takes any credential of that
// module, [StaticCredentials] a fixed key, and any [CredentialsProvider] will do.
//
// # Testing your code
//
// Package ecstest is an in-memory ECS over HTTP on loopback that checks signatures, filters, pages, throttles and fails on
// demand.
//
// # Not known
//
// What no source says is not guessed: whether the API's time bounds are inclusive, whether tokens expire, in which order
// instances come, and which quota applies. The client works under every reading.
package ecs
