// Package ecscache keeps the ECS instances that match a request in memory, and reports changes. It is an informer, as
// used by controllers, service discovery systems and autoscalers.
//
//	cache, err := ecscache.New(client, ecs.DescribeInstancesRequest{}, nil)
//	if err != nil {
//		return err
//	}
//	go cache.Run(ctx) // lists immediately and then every minute, until ctx is done
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
// Use a cache if a program reads the same instances many times: one listing per minute serves any number of readers.
// For a single query, use [ecs.Client.Instances]. To wait until an instance is running or gone, use
// [ecs.Client.WaitForStatus] or [ecs.Client.WaitUntilGone], and then update the cache with [Cache.Refresh].
//
//   - [Cache.Lookup] and [Cache.Instances] read the cache and never wait for the API.
//   - [Cache.Get] asks the API for an instance that is not in the cache, such as one that was just created.
//   - [Cache.Watch] yields the existing instances and then every change that a listing or [Cache.Get] finds. A change
//     that is reverted between two listings is not reported. A quick restart shows only as a newer StartTime.
//   - [Cache.Refresh] updates some or all instances immediately.
//   - [Cache.WaitForSync] waits for the first complete listing.
//   - [Cache.Status] returns how complete and how old the content of the cache is.
//
// # What is guaranteed
//
// The cache removes an instance only if the API has shown that the instance is gone or no longer matches the request.
// Each region is listed separately. If a listing ends without an error, it is complete, and the cache removes the
// instances that the listing did not return. A listing ends with an error if the region fails, if the permission is
// missing, if an empty list cannot be confirmed, if the listing cannot be continued past the API's cap of 1,000
// instances, or if an instance cannot be read. In that case, all instances of the region remain in the cache, and the
// instances that the listing returned are still added or changed. If a member of an instance cannot be read, the
// instance is changed but not removed. A region that DescribeRegions no longer returns is still listed.
//
// A removal therefore means that a complete and permitted listing, or a Refresh of the instance, did not find the
// instance. The instance was released, or it no longer matches the request: a cache of running instances also removes
// instances that were stopped. Use [ecs.Client.GetInstance] to distinguish the two cases.
//
// If a listing began before a [Cache.Refresh] or [Cache.Get], it may have read an older state. The cache does not
// overwrite newer results with that state.
//
// A program that acts on missing instances, for example by deleting the records of instances that are gone, must
// first wait for [EventSynced] or [Cache.WaitForSync]. Until every region has been listed completely, an instance may
// be missing because it has not been listed yet. With [Options.AllRegions], a single region that always fails
// prevents the cache from becoming complete. Use [Options.Exclude] for the regions that you are not permitted to
// list.
//
// After that, [EventRemoved] proves that an instance is gone or no longer matches. That an instance is not in the
// cache proves nothing, because an instance that was created after the last listing is missing as well. If
// [Cache.Lookup] does not find an instance, call [Cache.Get], and act only on an [*ecs.NotFoundError]. Any other
// error leaves it open whether the instance exists.
//
//	var gone *ecs.NotFoundError
//	if _, err := cache.Get(ctx, id); errors.As(err, &gone) {
//		remove(id)
//	}
//
// # Old content
//
// The cache prefers old content to wrong content, so monitor its age. Status().Synced is the time up to which the
// content is complete. It falls behind if a region keeps failing. [Options.OnError] is called for every failure, and
// [RegionStatus].Err is the last failure of a region.
//
// # Watchers
//
// Each loop over [Cache.Watch] is a separate watcher. It receives every instance, in successively newer states.
// [Event].Old is the state that the watcher received last. A slow watcher does not delay the cache or other watchers.
// Its pending changes are merged, so at most one event is stored for each instance.
//
// Instances are returned as plain values, but all readers of a cache share their slices, maps and pointers. Do not
// modify them. If a reader modifies them, other readers see wrong values, but the cache still detects changes.
//
// # Costs
//
// A listing takes one request per 100 instances of a region, and at least one request per region. A region that looks
// empty is checked by a dry run and a second listing, unless the region was checked within the last five minutes (see
// [ecs.Options].TrustEmpty). [Options.AllRegions] adds one DescribeRegions request per interval. For example, 10,000
// instances in one of 30 regions take about 130 requests a minute, plus 12 requests a minute for the checks.
//
// The API counts the quota of DescribeInstances by account, region and operation, for all programs together. If
// requests are throttled, the client slows down, and listings take longer but lose nothing. Choose an
// [Options.Interval] that leaves enough quota for other programs. Regions are listed independently, at slightly
// varying intervals. A failing region is listed less often, but at least every five minutes, until a listing succeeds
// or Refresh is called.
//
// An instance takes about 2 kB of memory.
//
// # Testing
//
// Package [github.com/aliyun-ecs/sdk-go/ecs/ecstest] provides a server with instances that a test can change, and
// with faults that a test can inject. In [testing/synctest], the test does not have to wait for the minutes between
// listings:
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
//			t.Error("the cache removed an instance without a complete listing")
//		}
//		server.ClearFaults()
//		time.Sleep(time.Hour)
//		if _, ok := cache.Lookup("i-1"); ok {
//			t.Error("the cache still contains a deleted instance")
//		}
//	})
package ecscache
