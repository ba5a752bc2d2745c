package ecscache

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// model predicts the content of a cache. The listing or refresh that started last determines the state of an instance.
type model struct {
	t       *testing.T
	rng     *rand.Rand
	cache   *Cache
	regions []*task
	truth   map[string]string // names of the existing instances by id; the id "r-n" belongs to region r
	found   map[string]finding
	open    []*look
}

type finding struct {
	number uint64
	name   string // "" means that the instance does not exist
}

// look is a listing or refresh in progress. The instances that it has already read may be out of date.
type look struct {
	*observation
	ids    []string // the requested ids; nil means the whole region
	reads  []ecs.Instance
	unread []string // ids on pages that have not been read
	seen   map[string]bool
}

func (m *model) id(r, n int) string { return fmt.Sprintf("%d-%d", r, n) }

func (m *model) randomID() string { return m.id(m.rng.IntN(len(m.regions)), m.rng.IntN(8)) }

// begin starts a listing of a random region or a refresh of some of its instances.
func (m *model) begin() {
	t := m.regions[m.rng.IntN(len(m.regions))]
	l := &look{observation: m.cache.observe(t), seen: map[string]bool{}}
	for n := range 8 {
		l.unread = append(l.unread, m.id(slices.Index(m.regions, t), n))
	}
	if m.rng.IntN(2) == 0 {
		m.rng.Shuffle(len(l.unread), func(i, j int) { l.unread[i], l.unread[j] = l.unread[j], l.unread[i] })
		l.unread = l.unread[:1+m.rng.IntN(3)]
		l.ids = slices.Clone(l.unread)
	}
	m.open = append(m.open, l)
}

// goOn executes one step of a listing or refresh: it reads a page, processes an instance, or ends.
func (m *model) goOn(l *look) {
	switch {
	case len(l.unread) > 0 && (len(l.reads) == 0 || m.rng.IntN(3) == 0):
		n := 1 + m.rng.IntN(len(l.unread))
		for _, id := range l.unread[:n] {
			if name, ok := m.truth[id]; ok {
				l.reads = append(l.reads, ecs.Instance{InstanceID: id, InstanceName: name})
			}
		}
		l.unread = l.unread[n:]
	case len(l.reads) > 0:
		inst := l.reads[0]
		l.reads = l.reads[1:]
		l.current = inst
		l.see()
		l.seen[inst.InstanceID] = true
		m.find(inst.InstanceID, finding{l.number, inst.InstanceName})
	default:
		if m.rng.IntN(3) > 0 { // the listing or refresh is complete
			if l.ids == nil {
				l.completeListing()
			} else {
				l.completeRefresh(l.ids)
			}
			for r, n := slices.Index(m.regions, l.from), 0; n < 8; n++ {
				if id := m.id(r, n); !l.seen[id] && (l.ids == nil || slices.Contains(l.ids, id)) {
					m.find(id, finding{number: l.number})
				}
			}
		}
		m.end(l)
	}
	if m.rng.IntN(20) == 0 { // the listing or refresh fails
		m.end(l)
	}
}

func (m *model) end(l *look) {
	if i := slices.Index(m.open, l); i >= 0 {
		l.observation.end()
		m.open = slices.Delete(m.open, i, i+1)
	}
}

func (m *model) find(id string, f finding) {
	if f.number >= m.found[id].number {
		m.found[id] = f
	}
}

func (m *model) check() {
	m.t.Helper()
	want, got := map[string]string{}, map[string]string{}
	for id, f := range m.found {
		if f.name != "" {
			want[id] = f.name
		}
	}
	for inst := range m.cache.Instances() {
		got[inst.InstanceID] = inst.InstanceName
	}
	if !maps.Equal(got, want) {
		m.t.Fatalf("the cache contains %v, want %v", got, want)
	}
}

// replay is a slow watcher that rebuilds the set of instances from the events that it receives.
type replay struct {
	mu  sync.Mutex
	set map[string]ecs.Instance
}

func (r *replay) run(ctx context.Context, t *testing.T, c *Cache, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for ev := range c.Watch(ctx) {
		r.mu.Lock()
		id := ev.Instance.InstanceID
		old, known := r.set[id]
		if known != (ev.Type == EventChanged || ev.Type == EventRemoved) || !reflect.DeepEqual(old, ev.Old) {
			t.Errorf("%s %s: Old is %q, but the watcher last saw %q (seen: %t)", ev.Type, id, ev.Old.InstanceName, old.InstanceName, known)
		}
		switch ev.Type {
		case EventAdded, EventChanged:
			r.set[id] = ev.Instance
			if reflect.DeepEqual(old, ev.Instance) {
				t.Errorf("%s %s: the instance has not changed", ev.Type, id)
			}
		case EventRemoved:
			delete(r.set, id)
		case EventSynced:
			t.Error("unexpected EventSynced: Run has not listed any region")
		}
		r.mu.Unlock()
		if rng.IntN(4) == 0 {
			time.Sleep(time.Duration(rng.IntN(40)) * time.Second)
		}
	}
}

// TestModel runs random sequences of listings and refreshes, which may fail or read old states. The test compares the
// cache and the watchers with the model.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { runModel(t, seed) })
		})
	}
}

func runModel(t *testing.T, seed uint64) {
	client, err := ecs.NewClient("cn-hangzhou", &ecs.Options{Credentials: ecs.StaticCredentials("id", "secret", "")})
	if err != nil {
		t.Fatal(err)
	}
	cache, err := New(client, ecs.DescribeInstancesRequest{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &model{t: t, rng: rand.New(rand.NewPCG(seed, 0)), cache: cache, truth: map[string]string{}, found: map[string]finding{}}
	for r := range 3 {
		m.regions = append(m.regions, newTask(fmt.Sprint(r), client))
	}
	var replays []*replay
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer wg.Wait()
	defer cancel()
	for step := range 1500 {
		switch m.rng.IntN(10) {
		case 0:
			m.truth[m.randomID()] = fmt.Sprint("n", step/100) // often the same name as before
		case 1:
			delete(m.truth, m.randomID())
		case 2:
			if len(m.open) < 5 {
				m.begin()
			}
		case 3:
			time.Sleep(time.Duration(m.rng.IntN(10)) * time.Second)
		default:
			if len(m.open) > 0 {
				m.goOn(m.open[m.rng.IntN(len(m.open))])
			}
		}
		if step%250 == 0 {
			r := &replay{set: map[string]ecs.Instance{}}
			replays = append(replays, r)
			wg.Go(func() { r.run(ctx, t, cache, seed+uint64(step)) })
		}
		m.check()
	}
	for len(m.open) > 0 {
		m.end(m.open[0])
	}
	if n := len(cache.missing) + len(cache.observations); n > 0 {
		t.Errorf("%d missing ids and observations were not discarded", n)
	}
	time.Sleep(time.Hour) // lets the watchers catch up
	for i, r := range replays {
		r.mu.Lock()
		for id, inst := range r.set {
			if now, ok := cache.Lookup(id); !ok || !reflect.DeepEqual(now, inst) {
				t.Errorf("watcher %d has %s with name %q, but the cache has name %q (found: %t)", i, id, inst.InstanceName, now.InstanceName, ok)
			}
		}
		if len(r.set) != len(cache.records) {
			t.Errorf("watcher %d has %d instances, but the cache has %d", i, len(r.set), len(cache.records))
		}
		r.mu.Unlock()
	}
	cancel()
	wg.Wait()
	if n := len(cache.watchers); n > 0 {
		t.Errorf("%d watchers were not removed", n)
	}
}

// TestStalledWatcherIsBounded checks that the events stored for a stalled watcher do not accumulate when instances are
// created and deleted.
func TestStalledWatcherIsBounded(t *testing.T) {
	t.Parallel()
	client, err := ecs.NewClient("cn-hangzhou", &ecs.Options{Credentials: ecs.StaticCredentials("id", "secret", "")})
	if err != nil {
		t.Fatal(err)
	}
	cache, err := New(client, ecs.DescribeInstancesRequest{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := cache.join()
	defer cache.leave(w)
	for round := range 1000 {
		o := cache.observe(cache.tasks["cn-hangzhou"])
		for n := range 10 {
			o.current = ecs.Instance{InstanceID: fmt.Sprintf("i-%d-%d", round, n)}
			o.see()
		}
		o.current = ecs.Instance{InstanceID: "i-stays", InstanceName: fmt.Sprint(round)}
		o.see()
		o.completeListing()
		o.end()
	}
	if n, m := w.changes.Len(), len(w.byID); n != 11 || m != 11 {
		t.Errorf("%d changes of %d instances are stored, want 11 each", n, m)
	}
}
