// Package ecstest provides an in-memory server with the HTTP API of ECS, for tests of code that lists instances, and
// for demos.
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
// The client is an ordinary [ecs.Client]. Code that creates its own client must set Options.Endpoint to [Server.URL],
// and use the key k that [Server.Credentials] returns: ecs.StaticCredentials(k.AccessKeyID, k.AccessKeySecret,
// k.SecurityToken). [Server.Requests] returns the requests that the server received.
//
// A server represents one account: all keys have access to all instances, and a test with two accounts needs two
// servers. Servers share no state, so every test can have its own server, and tests can run in parallel.
//
// A unit test that does not depend on HTTP needs no server: see [Seq] and the example that uses httpmock.
//
// # Instances
//
// [Fleet] and [FleetIn] return any number of realistic instances. [Server.Put], [Server.Update] and [Server.Delete]
// change the fleet at any time, even while a client is listing it. To change the fleet when a certain request arrives,
// use Settings.OnRequest. A listing with page tokens includes every instance that exists throughout the listing. With
// Settings.Overlap, instances appear on two pages, as may happen with the real API.
//
// # Permissions
//
// Key.Deny withdraws permissions from a [Key] in every region, and Key.DenyIn withdraws permissions in certain regions.
// A request without permission fails with 403 Forbidden.RAM. According to an announcement by Alibaba Cloud, the API has
// responded in this way since 2025-12-20. Before that date, it returned an empty list, and private clouds may still do
// so: see Settings.EmptyIfDenied. A test should cover both responses:
//
//	srv.AddKey(ecstest.Key{Credentials: srv.Credentials(), Deny: []string{"ecs:DescribeInstances"}})
//	for _, empty := range []bool{false, true} {
//		srv.Configure(func(s *ecstest.Settings) { s.EmptyIfDenied = empty })
//		…
//	}
//
// [Server.UpdateKey] withdraws and restores a permission at any time. The fault {Denied: true, Skip: 2, Times: 3}
// permits two requests and then denies three.
//
// # Credentials
//
// A server recognizes every kind of invalid access key: an unknown, inactive or expired key, a wrong secret, or a
// missing security token. The documentation of [Key] lists the error codes and has an example of each case.
// [Server.IssueKey] issues temporary keys as STS does. Settings.ClockSkew changes the server's clock, and
// Settings.Quota limits the request rate.
//
// # Fault injection
//
// [Server.Inject] queues a [Fault] for the next matching requests. A fault can change the error code, status, headers
// or body of a response. It can also delay, slow down, truncate or suppress the response, reset the connection, change
// the server's clock, deny a permission, or repeat a page token.
//
// # Virtual time
//
// Tests of retries, waiters and throttling take a long time if they use the real clock. [NewPipeServer] works with
// [testing/synctest], in which time is virtual and hours pass immediately:
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
// The server implements the protocol independently of the client. It verifies V1 and V3 signatures. It rejects a
// request whose timestamp is more than 15 minutes off, or whose nonce was used before. It applies every filter of
// DescribeInstances, supports page tokens and page numbers, and returns the documented error codes, as JSON or XML. The
// vendor's own Go client works with this server.
//
// The server also reproduces behavior of the API that may surprise users:
//
//   - InstanceIds=[] matches nothing.
//   - Unknown parameters are ignored, and so are lists of addresses without the matching InstanceNetworkType.
//   - Filters by tag or resource group match at most 1,000 instances.
//   - TotalCount is 0 in responses to requests with page tokens.
//   - MaxResults is raised to 10 if it is lower, and capped at 100.
//   - Some members are returned only on request.
//
// Where the API's documentation is unclear, [Settings] offers each possible behavior. For example,
// Settings.EmptyLastPage changes how a listing ends, and Settings.ExclusiveTimes changes the bounds of time filters. A
// TagFilter of ListTagResources matches exact values; the API does not document how it compares them.
//
// The operations are DescribeInstances, DescribeInstanceStatus, DescribeRegions and ListTagResources.
// [Server.Handle] adds other operations. A request for any other operation fails with InvalidApi.NotFound.
package ecstest
