// Package ecstest is an in-memory ECS over real HTTP, for tests of code that lists instances and for demonstrations.
//
// A test starts a server with the instances it needs and hands a client of it to the code under test:
//
//	srv := ecstest.NewServer(
//		ecs.Instance{InstanceID: "i-1", InstanceName: "web-1", Status: ecs.InstanceStatusRunning},
//		ecs.Instance{InstanceID: "i-2", InstanceName: "db-1", Status: ecs.InstanceStatusStopped},
//	)
//	t.Cleanup(srv.Close)
//	client, err := srv.Client("cn-hangzhou", nil)
//
// The client is an ordinary [ecs.Client]; code that makes its own takes [Server.URL] as Options.Endpoint and
// [Server.Credentials]. Nothing is shared between servers, so each test can have its own and run in parallel.
//
// # How true it is
//
// The server speaks the protocol, not the client: it verifies both kinds of signatures by itself, refuses old timestamps
// and used nonces, reads every filter of DescribeInstances, pages by token and by number, and answers errors with the
// documented codes, in JSON or XML. The vendor's own clients work against it. It also has the habits of the API that
// surprise people: a caller without permission gets an empty list, InstanceIds=[] matches nothing, unknown parameters and
// address lists without their InstanceNetworkType are ignored, filters by tag or resource group stop at 1,000, TotalCount
// is 0 in token mode, some members are filled on request only. It knows DescribeInstances, DescribeInstanceStatus,
// DescribeRegions and ListTagResources; everything else is InvalidApi.NotFound.
//
// Where the API's documents leave something open, [Settings] has both: how a listing ends, whether bounds of time filters
// belong to them, what the cap counts, whether there is a page mode at all.
//
// # Fleets
//
// [Fleet] makes any number of realistic instances. [Server.Put], [Server.Update] and [Server.Delete] change the fleet while
// it is being listed, and Settings.OnRequest does so at a certain request. A listing by token is complete for the
// instances that stay; Settings.Overlap makes rows come twice, as they may in life.
//
// # Trouble
//
// [Server.Inject] queues a [Fault] for the next requests that fit: error codes, bare statuses, bodies and headers of any
// kind, latency, resets, cut and dripping answers, black holes, a wrong clock, denied permission, token loops. [Quota]
// throttles. [Server.AddKey] and [Server.RevokeKey] play with credentials. [Server.Requests] tells afterwards what was
// asked, and whether it was signed correctly.
//
// # Time
//
// Retries, waiters and throttling take time. [NewPipeServer] works inside [testing/synctest], where hours pass at once:
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := ecstest.NewPipeServer(fleet...)
//		defer srv.Close()
//		client, err := srv.Client("cn-hangzhou", nil)
//		…
//		defer client.CloseIdleConnections()
//	})
package ecstest
