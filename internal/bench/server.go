package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// setup describes the instances that the benchmark server simulates, and how the server responds.
type setup struct {
	Kind      string // name of the template for the instances, such as "full"
	Fleet     int    // number of instances
	Latency   time.Duration
	Exclusive bool // whether the bounds of creation times are exclusive
	Bursts    bool // whether the instances were created in bursts instead of at equal intervals
	Elsewhere int  // number of instances in every other region; 0 means the same number as in the client's region
}

// counts contains the address of the server, and the numbers of requests and connections since the setup of the server
// last changed.
type counts struct {
	Addr                  string
	Requests, Connections int64
}

// server controls the server process from the benchmark's process.
type server struct {
	url   string
	in    io.Closer
	to    *json.Encoder
	from  *json.Decoder
	child *exec.Cmd
}

// serverEnv is the environment variable that makes this program run as the server. See main and TestMain.
const serverEnv = "ECS_BENCH_SERVER"

// startServer runs this program again as the server, in a separate process. The CPU time of the server is therefore not
// counted as the client's.
func startServer(ctx context.Context) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	child := exec.CommandContext(ctx, self)
	child.Env = append(os.Environ(), serverEnv+"=1")
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := child.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err = child.Start(); err != nil {
		return nil, err
	}
	s := &server{in: in, to: json.NewEncoder(in), from: json.NewDecoder(out), child: child}
	c, err := s.set(setup{Kind: full, Fleet: 1})
	s.url = "http://" + c.Addr
	return s, err
}

// set changes the server's setup and returns the counts for the previous setup.
func (s *server) set(to setup) (c counts, err error) {
	if err = s.to.Encode(to); err == nil {
		err = s.from.Decode(&c)
	}
	return c, err
}

// close ends the server by closing the server's standard input. The operating system closes it if this process crashes.
func (s *server) close() error {
	_ = s.in.Close()
	return s.child.Wait()
}

// serve runs the server. It reads one setup per line from in. For each setup, it writes the counts for the previous
// setup to out.
func serve(ctx context.Context, in io.Reader, out io.Writer) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var now atomic.Pointer[api]
	var connections atomic.Int64
	s := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { now.Load().ServeHTTP(w, r) }),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		},
	}
	defer s.Close()
	prepared := map[string][]template{}
	for from, to := json.NewDecoder(in), json.NewEncoder(out); ; {
		var next setup
		if err = from.Decode(&next); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if n := min(next.Fleet, maxTemplates); len(prepared[next.Kind]) < n {
			if prepared[next.Kind], err = newTemplates(next.Kind, n); err != nil {
				return err
			}
		}
		seen := counts{Addr: listener.Addr().String(), Connections: connections.Swap(0)}
		if before := now.Swap(newAPI(next, prepared[next.Kind])); before != nil {
			seen.Requests = before.requests.Load()
		} else {
			go func() { _ = s.Serve(listener) }()
		}
		if err = to.Encode(seen); err != nil {
			return err
		}
	}
}

// template is an instance as JSON. The server overwrites the id and the creation time in each copy.
type template struct {
	json        []byte
	id, created int // offsets of the id and of the creation time
}

// maxTemplates is the maximum number of templates. Beyond this number, several instances share a template and differ
// only in their ids and creation times.
const maxTemplates = 10_000

func newTemplates(kind string, n int) ([]template, error) {
	instances, err := newInstances(kind, n)
	if err != nil {
		return nil, err
	}
	list := make([]template, n)
	for i, b := range instances {
		list[i] = template{
			json:    b,
			id:      bytes.Index(b, []byte(idStart)) + len(idStart),
			created: bytes.Index(b, []byte(createdStart)) + len(createdStart),
		}
		if list[i].id < len(idStart) || list[i].created < len(createdStart) {
			return nil, fmt.Errorf("page %q: the template has no id or no creation time", kind)
		}
	}
	return list, nil
}

// api serves DescribeInstances. It lists instances in the order of their creation. A page token is the number of the
// first instance on the page.
type api struct {
	setup
	templates []template
	bursts    []time.Time // creation times if the instances were created in bursts, otherwise nil
	requests  atomic.Int64
	bodies    sync.Pool
}

func newAPI(s setup, templates []template) *api {
	a := &api{setup: s, templates: templates}
	if !s.Bursts {
		return a
	}
	rng := rand.New(rand.NewPCG(1, 2))
	period := int64(lastCreated.Sub(firstCreated))
	for len(a.bursts) < s.Fleet {
		at := firstCreated.Add(time.Duration(rng.Int64N(period))).Truncate(time.Minute)
		for range min(1+rng.IntN(1+rng.IntN(450)), s.Fleet-len(a.bursts)) { // the nested IntN makes most bursts small
			a.bursts = append(a.bursts, at)
		}
	}
	slices.SortFunc(a.bursts, time.Time.Compare)
	return a
}

// All instances of the server were created between these times. If setup.Bursts is false, they were created at equal
// intervals.
var (
	firstCreated = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	lastCreated  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// created returns the creation time of instance i. The precision is one minute, as in the API.
func (a *api) created(i int) time.Time {
	if a.bursts != nil {
		return a.bursts[i]
	}
	return firstCreated.Add(time.Duration(float64(lastCreated.Sub(firstCreated)) * float64(i) / float64(a.Fleet))).Truncate(time.Minute)
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.requests.Add(1)
	body, _ := a.bodies.Get().(*[]byte)
	if body == nil {
		body = new([]byte)
	}
	var err error
	if *body, err = a.answer((*body)[:0], r.URL.Query()); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if a.Latency > 0 {
		select {
		case <-time.After(a.Latency):
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(*body)))
	_, _ = w.Write(*body)
	a.bodies.Put(body)
}

// answer appends the response to the query q to b.
func (a *api) answer(b []byte, q url.Values) ([]byte, error) {
	first, end, err := a.matching(q)
	if err != nil {
		return nil, err
	}
	token, total := "", 0
	number, err := strconv.Atoi(cmp.Or(q.Get("PageNumber"), "1"))
	if err != nil {
		return nil, err
	}
	size, err := strconv.Atoi(cmp.Or(q.Get("MaxResults"), q.Get("PageSize"), "10"))
	if err != nil {
		return nil, err
	}
	if q.Has("MaxResults") || q.Has("NextToken") {
		if t := q.Get("NextToken"); t != "" {
			if first, err = fromToken(t); err != nil {
				return nil, err
			}
		}
		size = min(max(size, 10), pageSize)
		if first+size < end {
			token = tokenOf(first + size)
		}
	} else { // the request has a page number instead of a token
		total = end - first
		first += (number - 1) * size
	}
	b = append(b, `{"Instances":{"Instance":[`...)
	for i := first; i < min(first+size, end); i++ {
		if i > first {
			b = append(b, ',')
		}
		t := a.templates[i%len(a.templates)]
		at := len(b)
		b = append(b, t.json...)
		appendID(b[:at+t.id], mix(uint64(i+1)))
		a.created(i).AppendFormat(b[:at+t.created], createdLayout)
	}
	return fmt.Appendf(b, `]},"TotalCount":%d,"NextToken":%q,"PageSize":%d,"PageNumber":%d,"RequestId":"473469C7-AA6F-4DC5-B3DB-%012X"}`,
		total, token, size, number, a.requests.Load()), nil
}

// tokenOf returns the token of the page that begins with instance i.
func tokenOf(i int) string { return fmt.Sprintf("%032x", i) }

func fromToken(token string) (int, error) {
	i, err := strconv.ParseInt(token, 16, 32)
	return int(i), err
}

// matching returns the range of instances whose creation times are within the bounds in the query q.
func (a *api) matching(q url.Values) (first, end int, err error) {
	after, before := q.Get("Filter.1.Value"), q.Get("Filter.2.Value")
	end = a.Fleet
	if a.Elsewhere > 0 && q.Get("RegionId") != region {
		end = a.Elsewhere
	}
	if after != "" {
		t, err := time.Parse(createdLayout, after)
		if err != nil {
			return 0, 0, err
		}
		first = sort.Search(end, func(i int) bool { return a.created(i).After(t) || !a.Exclusive && a.created(i).Equal(t) })
	}
	if before != "" {
		t, err := time.Parse(createdLayout, before)
		if err != nil {
			return 0, 0, err
		}
		end = sort.Search(end, func(i int) bool { return a.created(i).After(t) || a.Exclusive && a.created(i).Equal(t) })
	}
	return first, max(first, end), nil
}
