// Package ecstest provides an in-memory ECS that speaks HTTP, for tests of code that lists instances, and for demos.
//
// A test starts a server with the instances it needs and passes a client to the code under test:
//
//	srv := ecstest.NewServer(
//		ecs.Instance{InstanceID: "i-1", InstanceName: "web-1", Status: ecs.InstanceStatusRunning},
//		ecs.Instance{InstanceID: "i-2", InstanceName: "db-1", Status: ecs.InstanceStatusStopped},
//	)
//	t.Cleanup(srv.Close)
//	client, err := srv.Client("cn-hangzhou", nil)
//
// The client is an ordinary [ecs.Client]. Code that creates its own client needs [Server.URL] as Options.Endpoint and
// [Server.Credentials]. Servers share nothing, so every test can have its own and run in parallel. [Server.Requests]
// returns what the server received.
//
// A unit test that needs no HTTP can do without a server: see [Seq], and the example with httpmock.
//
// # Instances
//
// [Fleet] and [FleetIn] return any number of realistic instances. [Server.Put], [Server.Update] and [Server.Delete]
// change the fleet, also while it is being listed; Settings.OnRequest does so at a certain request. A listing by token
// includes every instance that exists throughout the listing. Settings.Overlap makes instances appear on two pages, as
// may happen with the real API.
//
// # Permissions
//
// Key.Deny withdraws permissions from a [Key], Key.DenyIn in single regions only. A request without permission is refused
// with 403 Forbidden.RAM. The API behaves so since 2025-12-20, as far as it was announced; before, it returned an empty
// list, and private clouds may still do so: see Settings.EmptyIfDenied. Code that handles both is tested with both:
//
//	srv.AddKey(ecstest.Key{Credentials: srv.Credentials(), Deny: []string{"ecs:DescribeInstances"}})
//	for _, empty := range []bool{false, true} {
//		srv.Configure(func(s *ecstest.Settings) { s.EmptyIfDenied = empty })
//		…
//	}
//
// [Server.UpdateKey] withdraws and restores a permission at any time. The fault {Denied: true, Skip: 2, Times: 3} denies
// three requests, after two that were permitted.
//
// # Credentials
//
// A start-up check can be tested against every state of an access key: unknown, inactive, temporary, expired, without its
// token, with another secret. [Key] lists the states and their error codes, and its example plays them all.
// [Server.IssueKey] issues temporary keys as STS does. Settings.ClockSkew makes the server's clock wrong, and Quota
// throttles.
//
// # Fault injection
//
// [Server.Inject] queues a [Fault] for the next matching requests: error codes, other statuses, bodies and headers of any
// kind, latency, resets, truncated and slow responses, requests that are never answered, a wrong clock, denied
// permission, repeated tokens.
//
// # Virtual time
//
// Retries, waiters and throttling take time. [NewPipeServer] works inside [testing/synctest], where hours pass at once:
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := ecstest.NewPipeServer(ecs.Instance{InstanceID: "i-1", Status: ecs.InstanceStatusStarting})
//		defer srv.Close()
//		client, err := srv.Client("cn-hangzhou", nil)
//		if err != nil {
//			t.Fatal(err)
//		}
//		defer client.CloseIdleConnections()
//		time.AfterFunc(2*time.Minute, func() {
//			srv.Update("i-1", func(i *ecs.Instance) { i.Status = ecs.InstanceStatusRunning })
//		})
//		if _, err := client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, "i-1"); err != nil {
//			t.Fatal(err)
//		}
//	})
//
// # Fidelity
//
// The server has an implementation of the protocol of its own. It verifies both kinds of signatures, refuses timestamps
// that are more than 15 minutes off and nonces that were used before, applies every filter of DescribeInstances, pages
// by token and by number, and returns errors with the documented codes, as JSON or XML. The vendor's own Go client works
// with it.
//
// It also reproduces what surprises users of the API: InstanceIds=[] matches nothing; unknown parameters, and address
// lists without their InstanceNetworkType, are ignored; filters by tag or resource group match at most 1,000 instances;
// TotalCount is 0 in token mode; MaxResults is raised to 10 and capped at 100; some members are returned on request only.
//
// Where the documentation leaves something open, [Settings] offers both: how a listing ends, whether a request without
// paging parameters receives a token, whether the bounds of time filters are inclusive, what the cap counts, whether
// there are pages by number, or nothing else. A TagFilter of ListTagResources matches exact values; how the API compares
// them is not documented.
//
// The operations are DescribeInstances, DescribeInstanceStatus, DescribeRegions and ListTagResources. [Server.Handle] adds
// others; without it they are refused with InvalidApi.NotFound.
package ecstest
