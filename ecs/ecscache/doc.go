// Package ecscache keeps the ECS instances that match a request in memory, and tells what changes: an informer, as
// controllers, service discoveries and autoscalers need one.
//
//	cache, err := ecscache.New(client, ecs.DescribeInstancesRequest{}, nil)
//	if err != nil {
//		return err
//	}
//	go cache.Run(ctx) // lists now and then every minute, until ctx ends
//	for ev := range cache.Watch(ctx) {
//		switch ev.Type {
//		case ecscache.EventAdded, ecscache.EventChanged:
//			update(ev.Instance)
//		case ecscache.EventRemoved:
//			remove(ev.Instance.InstanceID)
//		}
//	}
//
// # When to use it
//
// Use a cache when a program reads the same instances many times: one listing per minute then serves any number
// of readers. For a single query, use [ecs.Client.Instances]. To wait until an instance is running or gone, use
// [ecs.Client.WaitForStatus] or [ecs.Client.WaitUntilGone], and update the cache with [Cache.Refresh] afterwards.
//
//   - [Cache.Lookup] and [Cache.Instances] read the cache and never wait for the API.
//   - [Cache.Get] asks the API if an instance is not in the cache, such as one that was just created.
//   - [Cache.Watch] yields the existing instances and then every change.
//   - [Cache.Refresh] updates some or all instances immediately.
//   - [Cache.WaitForSync] waits for the first complete listing, [Cache.Status] tells how old the content is.
//
// # What is guaranteed
//
// An instance is removed only when it is certain to be gone. Each region is listed separately. If a listing ends without
// an error, it is complete, and instances that it did not return are removed from the cache. If it ends with an error, because the region fails,
// the permission is missing, an empty list could not be confirmed, the API's cap of 1,000 was hit or an instance could
// not be read, all instances of the region stay; those that it returned are still added and changed. A member that
// cannot be read changes its instance, and never removes it. A region that DescribeRegions no longer returns is still
// listed.
//
// A removal therefore means that a complete and permitted listing, or a Refresh of the instance, did not find it. It was
// released, or it no longer matches the request: a cache of running instances also removes those that were stopped.
// [ecs.Client.GetInstance] distinguishes the two cases.
//
// Results of [Cache.Refresh] or [Cache.Get] are not overwritten by a listing that began earlier and read an older state.
//
// A program that acts on missing instances, for example by deleting the records of instances that are gone, must wait
// for [EventSynced] or [Cache.WaitForSync] first: until every region was listed completely, an instance may be missing
// because it has not been listed yet. With [Options.AllRegions], a single region that keeps failing prevents
// that, so name the regions that you are not permitted to list in [Options.Exclude].
//
// After that, [EventRemoved] is proof, but the absence of an instance is not: one that was created since the last
// listing is missing, too. So ask [Cache.Get] about an instance that [Cache.Lookup] does not know, and act only on an
// [*ecs.NotFoundError], because any other error leaves it open whether the instance exists:
//
//	var gone *ecs.NotFoundError
//	if _, err := cache.Get(ctx, id); errors.As(err, &gone) {
//		remove(id)
//	}
//
// # Old content
//
// The cache prefers old content to wrong content, so watch its age: Status().Synced is the time up to which everything
// is known, and falls behind if a region keeps failing. [Options.OnError] is called with every failure, and
// [RegionStatus].Err has the last one.
//
// # Watchers
//
// Each loop over [Cache.Watch] is a separate watcher: it receives every instance, in successively newer states, and
// [Event].Old is the state that it received last. A slow watcher delays neither the cache nor other watchers. Its pending
// changes are merged, so that at most one event for each instance is stored.
//
// Instances are handed out as plain values, but their slices, maps and pointers are shared among all readers of a cache:
// do not modify them. A reader that does so misleads the others, but changes are still detected.
//
// # Costs
//
// A listing takes one request for 100 instances of a region, and one for a region without any. A region that looks empty
// is checked by a dry run and a second listing, unless that was done in the last five minutes (see
// [ecs.Options].TrustEmpty). [Options.AllRegions] adds one DescribeRegions per interval. So 10,000 instances in one of 30
// regions take about 130 requests a minute, plus 12 for the checks.
//
// The API's quota of DescribeInstances is counted by account, region and operation, for all programs together. Throttled
// requests are paced by the client and listings then take longer; nothing is lost. Choose an [Options.Interval] that
// leaves enough quota for others. Regions are listed independently and at slightly varying intervals; one that fails is listed
// less and less often, at least every five minutes, until it succeeds or Refresh is called.
//
// In memory, an instance takes about 2 kB.
//
// # Testing
//
// Package [github.com/aliyun-ecs/sdk-go/ecs/ecstest] serves a fleet that a test can change, and lets requests fail. In
// [testing/synctest], minutes pass at once:
//
//	synctest.Test(t, func(t *testing.T) {
//		server := ecstest.NewPipeServer(ecs.Instance{InstanceID: "i-1"})
//		defer server.Close()
//		client, err := server.Client("cn-hangzhou", nil)
//		if err != nil {
//			t.Fatal(err)
//		}
//		defer client.CloseIdleConnections()
//		cache, err := ecscache.New(client, ecs.DescribeInstancesRequest{}, nil)
//		if err != nil {
//			t.Fatal(err)
//		}
//		ctx, cancel := context.WithCancel(t.Context())
//		defer cancel()
//		go func() { _ = cache.Run(ctx) }()
//		if err := cache.WaitForSync(ctx); err != nil {
//			t.Fatal(err)
//		}
//
//		server.Delete("i-1")
//		server.Inject(ecstest.Fault{Code: "ServiceUnavailable", Times: -1})
//		time.Sleep(time.Hour)
//		if _, ok := cache.Lookup("i-1"); !ok {
//			t.Error("removed without proof")
//		}
//		server.ClearFaults()
//		time.Sleep(time.Hour)
//		if _, ok := cache.Lookup("i-1"); ok {
//			t.Error("still there")
//		}
//	})
package ecscache
