package ecs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// oddECS is an http.RoundTripper that serves DescribeInstances from memory. Unlike ecstest, it supports very large
// fleets and unusual server behavior.
type oddECS struct {
	rows []row

	afterExcluded, beforeExcluded bool          // whether the bounds of time filters are exclusive
	seconds                       bool          // compare seconds, although responses show only minutes
	shift                         time.Duration // added to the bounds of time filters
	gapsIgnored                   bool          // ignore Filter.2 unless Filter.1 is present
	timesIgnored                  bool          // ignore all time filters
	undatedExcluded               bool          // a time filter excludes rows whose creation time is unknown
	emptyEnd                      bool          // a listing ends with an empty page
	pages                         int           // page mode: 0 works, 1 is rejected, 2 is treated as token mode
	total                         func(n int) int
	latency                       time.Duration
	before                        func(r *http.Request) // called before each response
	// intercept may replace the server's response by returning a body. n is the number of the page request, counted
	// from 1, or 0 for a dry run.
	intercept func(q url.Values, n int) (status int, body []byte)

	mu                   sync.Mutex
	lists, counts        int
	dryRuns              int
	underWay, mostAtOnce int
}

type row struct {
	id      string
	created time.Time // zero means that the creation time is unknown
}

func (o *oddECS) client(t *testing.T, edit ...func(*ecs.Options)) *ecs.Client {
	t.Helper()
	opts := &ecs.Options{Credentials: ecs.StaticCredentials("id", "secret", ""), HTTPClient: &http.Client{Transport: o}}
	for _, e := range edit {
		e(opts)
	}
	c, err := ecs.NewClient("cn-hangzhou", opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (o *oddECS) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	o.underWay++
	o.mostAtOnce = max(o.mostAtOnce, o.underWay)
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		o.underWay--
		o.mu.Unlock()
	}()
	if o.latency > 0 {
		timer := time.NewTimer(o.latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if o.before != nil {
		o.before(r)
	}
	q := r.URL.Query()
	status, body := 200, []byte(nil)
	paged := q.Has("PageSize") && o.pages != 2
	o.mu.Lock()
	dryRun, n := q.Get("DryRun") == "true", 0
	switch {
	case dryRun:
		o.dryRuns++
	case q.Get("PageSize") == "1":
		o.counts++
	default:
		o.lists++
		n = o.lists
	}
	if o.intercept != nil && (n > 0 || dryRun) {
		if s, b := o.intercept(q, n); b != nil {
			status, body = s, b
		}
	}
	o.mu.Unlock()
	switch {
	case body != nil: // intercept has set the response
	case q.Get("DryRun") == "true":
		status, body = 400, []byte(`{"Code":"DryRunOperation","Message":"m"}`)
	case paged && o.pages == 1:
		status, body = 400, []byte(`{"Code":"NotSupported.PageNumberAndPageSize","Message":"m"}`)
	default:
		body = o.page(q.Get, paged)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}

// filter returns a function that reports whether a row matches the ids and times in a request.
func (o *oddECS) filter(get func(string) string) func(row) bool {
	bound := func(n string) (at int64, ok bool) {
		t, err := time.Parse("2006-01-02T15:04Z", get("Filter."+n+".Value"))
		return t.Add(o.shift).Unix(), err == nil && !o.timesIgnored
	}
	first, last := int64(math.MinInt64), int64(math.MaxInt64)
	after, hasAfter := bound("1")
	if hasAfter {
		first = after
		if o.afterExcluded {
			first++
		}
	}
	before, hasBefore := bound("2")
	if hasBefore = hasBefore && (hasAfter || !o.gapsIgnored); hasBefore {
		last = before
		if o.beforeExcluded {
			last--
		}
	}
	var wanted map[string]bool
	if text := get("InstanceIds"); text != "" {
		var ids []string
		_ = json.Unmarshal([]byte(text), &ids)
		wanted = map[string]bool{}
		for _, id := range ids {
			wanted[id] = true
		}
	}
	return func(w row) bool {
		if w.created.IsZero() && o.undatedExcluded && (hasAfter || hasBefore) {
			return false
		}
		at := w.created.Unix()
		if !o.seconds {
			at -= ((at % 60) + 60) % 60
		}
		return at >= first && at <= last && (wanted == nil || wanted[w.id])
	}
}

func (o *oddECS) page(get func(string) string, paged bool) []byte {
	match := o.filter(get)
	var b bytes.Buffer
	if paged {
		size, _ := strconv.Atoi(get("PageSize"))
		number, _ := strconv.Atoi(get("PageNumber"))
		var rows []string
		n, first := 0, (number-1)*size
		for _, w := range o.rows {
			if match(w) {
				if first <= n && n < first+size {
					rows = append(rows, w.json())
				}
				n++
			}
		}
		if o.total != nil {
			n = o.total(n)
		}
		return fmt.Appendf(nil, `{"TotalCount":%d,"PageNumber":%d,"PageSize":%d,"Instances":{"Instance":[%s]}}`, n, number, size, strings.Join(rows, ","))
	}
	size := 10
	if n, _ := strconv.Atoi(get("MaxResults")); n > 0 {
		size = min(max(n, 10), 100)
	}
	start, _ := strconv.Atoi(get("NextToken"))
	b.WriteString(`{"Instances":{"Instance":[`)
	n := 0
	next := ""
	for i := start; i < len(o.rows); i++ {
		if !match(o.rows[i]) {
			continue
		}
		if n == size {
			next = strconv.Itoa(i)
			break
		}
		if n++; n > 1 {
			b.WriteByte(',')
		}
		b.WriteString(o.rows[i].json())
	}
	if o.emptyEnd && next == "" && n > 0 {
		next = strconv.Itoa(len(o.rows))
	}
	fmt.Fprintf(&b, `]},"NextToken":%q}`, next)
	return b.Bytes()
}

func (w row) json() string {
	return `{"InstanceId":"` + w.id + `","CreationTime":"` + shown(w.created) + `"}`
}

func shown(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04Z")
}

// rowsOf returns n rows in random order with the given creation times.
func rowsOf(n int, rng *rand.Rand, created func(i int) time.Time) []row {
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{fmt.Sprintf("i-bp1%017d", i), created(i)}
	}
	rng.Shuffle(n, func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows
}

// exact fails the test unless a scan yields every row exactly once.
func (o *oddECS) exact(t *testing.T, req ecs.DescribeInstancesRequest, workers int) {
	t.Helper()
	got, err := collect(o.client(t).ScanInstances(t.Context(), req, &ecs.ScanOptions{Workers: workers}))
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for _, w := range o.rows {
		if got[w.id] != 1 {
			if wrong++; wrong <= 5 {
				t.Errorf("%s (created %v) was yielded %d times", w.id, w.created, got[w.id])
			}
		}
	}
	if len(got) != len(o.rows) {
		t.Errorf("got %d instances, want %d", len(got), len(o.rows))
	}
}
