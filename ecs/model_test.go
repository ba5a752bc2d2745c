package ecs_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/pagination"
)

// model is a server with random behavior that knows which instances a complete listing must contain.
type model struct {
	rng *rand.Rand

	pageNumbers   string        // "work", "refused", "ignored" or "only"; "only" means that the server has no tokens
	totals        string        // TotalCount in token mode: "zero", "true", "stale", "negative" or "text"
	emptyLastPage bool          // whether a listing in token mode ends with an empty page
	emptyPages    int           // percentage of empty pages in the middle of a listing
	overlap       int           // number of instances that a page repeats from the previous page
	pageSize      int           // maximum number of instances on a page
	unreadable    int           // index of an instance with an unreadable member; negative means none
	tagCap        int           // maximum number of instances that a tag filter returns; 0 means unlimited
	denials       [][2]int      // ranges of denied requests, counted from 1; the end is exclusive
	hides         bool          // whether a denied listing is empty instead of an error
	dryRun        func() string // the response to a dry run; an empty string means the correct response
	faults        int           // percentage of requests that fail with 503
	changes       int           // percentage of requests after which the fleet changes

	mu       sync.Mutex
	requests int
	fleet    []row
	always   map[string]bool // instances that existed during the whole listing
	ever     map[string]bool
	denied   bool // whether any request was denied
	checked  bool // whether any dry run received an incorrect response
}

func newModel(seed uint64) *model {
	rng := rand.New(rand.NewPCG(seed, 10))
	oneOf := func(list ...string) string { return list[rng.IntN(len(list))] }
	sometimes := func(percent, value, otherwise int) int {
		if rng.IntN(100) < percent {
			return value
		}
		return otherwise
	}
	m := &model{
		rng: rng, pageNumbers: oneOf("work", "work", "refused", "ignored", "only"), totals: oneOf("zero", "true", "stale", "negative", "text"),
		emptyLastPage: rng.IntN(3) == 0, emptyPages: sometimes(20, 30, 0), overlap: sometimes(20, 1+rng.IntN(5), 0),
		pageSize: []int{10, 50, 100}[rng.IntN(3)], unreadable: sometimes(10, rng.IntN(20), -1), tagCap: sometimes(50, 1000, 0),
		hides: rng.IntN(4) > 0, faults: sometimes(20, 10, 0), changes: sometimes(20, 30, 0),
		dryRun: func() string { return "" }, always: map[string]bool{}, ever: map[string]bool{},
	}
	if m.pageNumbers == "only" { // without tokens, a changing fleet cannot be listed exactly: see numberedPages
		m.changes = 0
	}
	if rng.IntN(2) == 0 {
		from := 1 + rng.IntN(1+rng.IntN(12))
		m.denials = append(m.denials, [2]int{from, from + 1 + rng.IntN(2)*rng.IntN(12)})
	}
	if odd := []string{
		`503 {"Code":"ServiceUnavailable","Message":"m"}`, `403 <html>no</html>`, `200 {"Instances":{"Instance":[]},"NextToken":""}`,
		`400 {"Code":"InvalidParameter","Message":"m"}`, `403 {"Code":"Forbidden.RAM","Message":"m"}`, `200 not JSON`,
		`403 {"Code":"NoPermission","Message":"m","AccessDeniedDetail":{"AuthAction":"DescribeInstances"}}`,
	}; rng.IntN(3) == 0 {
		m.dryRun = func() string { return odd[rng.IntN(len(odd))] }
	}
	n := []int{0, 1, 9, 10, 95, 100, 101, 240, 470}[rng.IntN(9)]
	m.fleet = rowsOf(n, rng, func(i int) time.Time {
		return time.Now().Add(-time.Duration(rng.IntN(1+i*i*40)) * time.Minute)
	})
	slices.SortFunc(m.fleet, func(a, b row) int { return strings.Compare(a.id, b.id) })
	for _, r := range m.fleet {
		m.always[r.id], m.ever[r.id] = true, true
	}
	return m
}

func (m *model) String() string {
	return fmt.Sprintf("%d instances, page numbers %s, totals %s, pages of %d (empty last %v, empty %d %%, overlap %d), denials %v (hidden %v), faults %d %%, changes %d %%, unreadable %d",
		len(m.ever), m.pageNumbers, m.totals, m.pageSize, m.emptyLastPage, m.emptyPages, m.overlap, m.denials, m.hides, m.faults, m.changes, m.unreadable)
}

func (m *model) client(t *testing.T, edit ...func(*ecs.Options)) *ecs.Client {
	t.Helper()
	opts := &ecs.Options{Credentials: ecs.StaticCredentials("id", "secret", ""), HTTPClient: &http.Client{Transport: m}}
	for _, e := range edit {
		e(opts)
	}
	c, err := ecs.NewClient("cn-hangzhou", opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (m *model) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests++
	status, body := m.respond(r.URL.Query().Get("Action")+r.Header.Get("X-Acs-Action"), r.URL.Query())
	if m.rng.IntN(100) < m.changes {
		m.change()
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}

// change releases or creates an instance.
func (m *model) change() {
	if n := len(m.fleet); n > 0 && m.rng.IntN(2) == 0 {
		i := m.rng.IntN(n)
		delete(m.always, m.fleet[i].id)
		m.fleet = slices.Delete(slices.Clone(m.fleet), i, i+1)
		return
	}
	id := fmt.Sprintf("i-new%017d", m.requests)
	m.ever[id] = true
	m.fleet = append(slices.Clone(m.fleet), row{id, time.Now()})
}

func (m *model) denies() bool {
	return slices.ContainsFunc(m.denials, func(d [2]int) bool { return m.requests >= d[0] && m.requests < d[1] })
}

func (m *model) respond(action string, q url.Values) (status int, body []byte) {
	if action == "ListTagResources" {
		return 200, m.tags()
	}
	dryRun := q.Get("DryRun") == "true"
	if m.rng.IntN(100) < m.faults {
		return 503, []byte(`{"Code":"ServiceUnavailable","Message":"m"}`)
	}
	switch {
	case m.denies() && (dryRun || !m.hides):
		m.denied = true
		return 403, []byte(`{"Code":"Forbidden.RAM","Message":"m","AccessDeniedDetail":{"AuthAction":"ecs:DescribeInstances"}}`)
	case m.denies():
		m.denied = true
		return 200, []byte(emptyList)
	case dryRun:
		if text := m.dryRun(); text != "" {
			m.checked = true
			code, body, _ := strings.Cut(text, " ")
			status, _ = strconv.Atoi(code)
			return status, []byte(body)
		}
		return 400, []byte(`{"Code":"DryRunOperation","Message":"m"}`)
	case q.Has("PageNumber") && m.pageNumbers == "refused":
		return 400, []byte(`{"Code":"NotSupported.PageNumberAndPageSize","Message":"m"}`)
	}
	return 200, m.page(q)
}

func (m *model) page(q url.Values) []byte {
	match := new(oddECS).filter(q.Get)
	matching := slices.DeleteFunc(slices.Clone(m.fleet), func(r row) bool { return !match(r) })
	if q.Has("Tag.1.Key") && m.tagCap > 0 { // every instance matches the tag filter
		matching = matching[:min(len(matching), m.tagCap)]
	}
	byNumber := m.pageNumbers == "only" || q.Has("PageNumber") && m.pageNumbers == "work"
	size, from := 10, 0
	total, next := fmt.Sprint(len(matching)), ""
	if byNumber {
		if n, _ := strconv.Atoi(q.Get("PageSize")); n > 0 {
			size = min(n, 100)
		}
		number, _ := strconv.Atoi(q.Get("PageNumber"))
		from = min(size*(max(number, 1)-1), len(matching))
	} else {
		if n, _ := strconv.Atoi(q.Get("MaxResults")); n > 0 {
			size = max(min(n, m.pageSize), 10)
		}
		// The token contains the id of the last instance.
		if after, ok := strings.CutPrefix(q.Get("NextToken"), "after "); ok {
			position, _, _ := strings.Cut(after, ",")
			from = slices.IndexFunc(matching, func(r row) bool { return r.id > position })
			if from < 0 {
				from = len(matching)
			}
		}
		switch m.totals {
		case "zero":
			total = "0"
		case "stale":
			total = fmt.Sprint(m.rng.IntN(3 * (len(matching) + 1)))
		case "negative":
			total = "-1"
		case "text":
			total = strconv.Quote(total)
		}
	}
	to := min(from+size, len(matching))
	begin := max(0, from-m.overlap)
	if byNumber {
		begin = from
	} else {
		if from < to && m.rng.IntN(100) < m.emptyPages {
			to, begin = from, from
		}
		if to < len(matching) || m.emptyLastPage && from < to {
			position := ""
			if to > 0 {
				position = matching[to-1].id
			}
			next = fmt.Sprintf("after %s,%d", position, m.requests)
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"RequestId":"R","NextToken":%q,"TotalCount":%s,"Instances":{"Instance":[`, next, total)
	for i, r := range matching[begin:to] {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"InstanceId":%q,"CreationTime":%q`, r.id, shown(r.created))
		if m.unreadable >= 0 && strings.HasSuffix(r.id, fmt.Sprintf("%017d", m.unreadable)) {
			b.WriteString(`,"Cpu":{"a":1}`)
		}
		b.WriteByte('}')
	}
	b.WriteString("]}}")
	return b.Bytes()
}

// tags returns a response to ListTagResources.
func (m *model) tags() []byte {
	var b bytes.Buffer
	b.WriteString(`{"NextToken":"","TagResources":{"TagResource":[`)
	for i, r := range m.fleet {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"ResourceId":%q,"TagKey":"k","TagValue":"v"}`, r.id)
	}
	b.WriteString("]}}")
	return b.Bytes()
}

var modelSeeds = flag.Int("model", 200, "number of servers that TestModel uses for each way of listing; at most 20 with -short")

// modelForms returns the ways of listing instances that TestModel tries.
func modelForms(rows []row) map[string]way {
	forms := truthForms(rows)
	forms["ScanInstances, 64 workers"] = func(c *ecs.Client, ctx context.Context, req ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
		return c.ScanInstances(ctx, req, &ecs.ScanOptions{Workers: 64})
	}
	forms["GetInstance by id"] = func(c *ecs.Client, ctx context.Context, _ ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
		one := func(id string) func(context.Context) iter.Seq2[ecs.Instance, error] {
			return func(ctx context.Context) iter.Seq2[ecs.Instance, error] {
				return func(yield func(ecs.Instance, error) bool) {
					inst, err := c.GetInstance(ctx, id)
					if inst.InstanceID != "" { // err may be an IncompleteError
						err = nil
					}
					yield(inst, err)
				}
			}
		}
		var runs []func(context.Context) iter.Seq2[ecs.Instance, error]
		for _, r := range rows {
			runs = append(runs, one(r.id))
		}
		return func(yield func(ecs.Instance, error) bool) {
			for inst, err := range pagination.Merge(ctx, 0, runs...) {
				if !yield(inst, err) || err != nil {
					return
				}
			}
		}
	}
	forms["WaitUntilGone by id"] = func(c *ecs.Client, ctx context.Context, _ ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
		return func(yield func(ecs.Instance, error) bool) {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			if err := c.WaitUntilGone(ctx, rowIDs(rows)...); err != nil {
				yield(ecs.Instance{}, err)
			}
		}
	}
	return forms
}

// TestModel lists instances from servers with random behavior. A listing without an error must be complete. If the
// server follows the API's rules, the listing must succeed.
func TestModel(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	ends := map[string]int{}
	t.Cleanup(func() { t.Log(ends) })
	for name := range modelForms(nil) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(volume(*modelSeeds, min(*modelSeeds, 20))) {
				synctest.Test(t, func(t *testing.T) {
					m := newModel(seed)
					got, err := collect(modelForms(m.fleet)[name](m.client(t, signedBy(int(seed))), t.Context(), ecs.DescribeInstancesRequest{}))
					m.mu.Lock()
					defer m.mu.Unlock()
					if problem := m.judge(got, err, name); problem != "" {
						t.Errorf("seed %d: %s\n%v\n%v", seed, problem, m, err)
					}
					mu.Lock()
					defer mu.Unlock()
					ends[fmt.Sprintf("%T", err)]++
				})
			}
		})
	}
}

// judge describes what is wrong with the result of a listing. It returns an empty string if the result is correct.
func (m *model) judge(got map[string]int, err error, form string) string {
	byID := strings.Contains(form, "by id") || form == "GetInstances"
	for id, n := range got {
		if n != 1 || !m.ever[id] {
			return fmt.Sprintf("%s was yielded %d times", id, n)
		}
	}
	missing, _ := errorAs[*ecs.NotFoundError](err)
	if missing != nil {
		for _, id := range missing.InstanceIDs {
			if m.always[id] {
				return id + " is reported as missing"
			}
		}
	}
	_, incomplete := errorAs[*ecs.IncompleteError](err)
	_, unconfirmed := errorAs[*ecs.UnconfirmedError](err)
	if err == nil || (incomplete || missing != nil) && !unconfirmed {
		for id := range m.always {
			if got[id] == 0 && (!byID || missing == nil || form == "GetInstances") {
				return fmt.Sprintf("%d instances without %s, but no error", len(got), id)
			}
		}
		return ""
	}
	if _, waited := errorAs[*ecs.WaitError](err); waited {
		return ""
	}
	correct := m.pageNumbers != "ignored"
	if correct && !m.denied && !m.checked && m.faults == 0 {
		return "an error, although the server behaved correctly"
	}
	return ""
}
