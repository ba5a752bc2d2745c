// Package ecscache keeps the ECS instances that match a request in memory and reports changes. Controllers, service
// discovery systems and autoscalers use such a cache, which is also called an informer.
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
// Use a cache if a program reads the same instances many times. For a single query, use [ecs.Client.Instances]. To wait
// until an instance is running or gone, use [ecs.Client.WaitForStatus] or [ecs.Client.WaitUntilGone], and then update
// the cache with [Cache.Refresh].
//
//   - [Cache.Lookup] and [Cache.Instances] read the cache and never wait for the API.
//   - [Cache.Get] also queries the API if an instance is not in the cache, for example because it was just created.
//   - [Cache.Watch] yields the existing instances and then every change that a listing or [Cache.Get] finds. A change
//     that is reverted between two listings is not reported. If an instance restarts between two listings, only its
//     StartTime changes.
//   - [Cache.Refresh] updates some or all instances immediately.
//   - [Cache.WaitForSync] waits for the first complete listing.
//   - [Cache.Status] returns how complete and how old the content of the cache is.
//
// # What is guaranteed
//
// The cache removes an instance only if the API has shown that the instance is gone or no longer matches the request.
// Each region is listed separately. If a listing ends without an error, it is complete, and the cache removes the
// instances that the listing did not return. If a listing ends with an error, all instances of the region remain in the
// cache, and the instances that the listing did return are added or updated.
//
// A removed instance was either released or no longer matches the request. For example, a cache of running instances
// removes an instance that was stopped. Use [ecs.Client.GetInstance] to distinguish the two cases.
//
// A listing that began before a call of [Cache.Refresh] or [Cache.Get] may return an older state of an instance. The
// cache does not overwrite the newer state with the older state.
//
// A program that acts on missing instances, for example by deleting the records of instances that are gone, must first
// wait for [EventSynced] or [Cache.WaitForSync]. Until every region has been listed completely, an instance may be
// missing because it has not been listed yet. With [Options.AllRegions], a single region whose listing always fails
// prevents the cache from becoming complete. Use [Options.Exclude] for the regions that you are not permitted to list.
//
// If [Cache.Lookup] does not find an instance, the instance may have been created after the last listing. In this case,
// call [Cache.Get], and treat the instance as gone only if Get returns an [*ecs.NotFoundError]. After any other error,
// it is unknown whether the instance exists.
//
//	var gone *ecs.NotFoundError
//	if _, err := cache.Get(ctx, id); errors.As(err, &gone) {
//		remove(id)
//	}
//
// # Old content
//
// If a listing fails, the cache keeps its old content. Monitor Status().Synced, which is the time up to which the
// content is complete: it does not advance while the listing of a region fails. [Options.OnError] is called for every
// failure, and [RegionStatus].Err is the last failure of a region.
//
// # Watchers
//
// Each loop over [Cache.Watch] is a separate watcher. A watcher receives every instance, and the states of an instance
// in the order in which the cache saw them. [Event].Old is the state that the watcher received last. A slow watcher
// does not delay the cache or other watchers, because the changes of an instance that the watcher has not received yet
// are merged into one event.
//
// Instances are returned as plain values, but all readers of a cache share the slices, maps and pointers in an
// instance. Do not modify the slices, maps and pointers.
//
// # Costs
//
// A listing takes one request per 100 instances of a region, and at least one request per region. If the listing of a
// region is empty, a dry run and a second listing verify the result, unless it was verified within the last five
// minutes (see [ecs.Options].TrustEmpty). [Options.AllRegions] adds one DescribeRegions request per interval. For
// example, if an account has 10,000 instances in one of 30 regions, the cache sends about 140 requests per minute.
//
// The API counts the quota of DescribeInstances by account, region and operation, for all programs together. If
// requests are throttled, the client slows down: listings take longer but are still complete. Choose an
// [Options.Interval] that leaves sufficient quota for other programs. A failing region is listed less often, but at
// least every five minutes.
//
// An instance takes about 2 kB of memory.
//
// # Testing
//
// Package [github.com/aliyun-ecs/sdk-go/ecs/ecstest] provides a server for tests. A test can change the server's
// instances and inject faults. If the test uses [testing/synctest], it does not have to wait for the minutes between
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
