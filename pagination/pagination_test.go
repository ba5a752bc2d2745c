package pagination_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

type (
	page = pagination.Page[int]
	run  = func(context.Context) iter.Seq2[int, error]
)

var (
	errServer = errors.New("500 from the server")
	errCause  = errors.New("the user went away")
)

// server simulates a paged service. It returns prepared pages by their token. It does not support concurrent listings.
type server struct {
	pages   map[string]page
	fail    map[string]error // error to return instead of a page, by token
	latency func() time.Duration
	fetched []string    // tokens of all requests, in the order of the requests
	times   []time.Time // start times of all requests
	served  []int       // items on all pages that were returned
}

func (s *server) fetch(ctx context.Context, token string) (page, error) {
	s.fetched = append(s.fetched, token)
	s.times = append(s.times, time.Now())
	if s.latency != nil {
		select {
		case <-time.After(s.latency()):
		case <-ctx.Done():
			return page{Items: []int{-1}}, fmt.Errorf("fetch: %w", ctx.Err())
		}
	}
	if err := s.fail[token]; err != nil {
		return page{Items: []int{-1}, Next: "x"}, err // the page must be ignored, because there is an error
	}
	p, ok := s.pages[token]
	if !ok {
		return page{}, fmt.Errorf("unknown token %q", token)
	}
	s.served = append(s.served, p.Items...)
	return p, nil
}

func (s *server) run(ctx context.Context) iter.Seq2[int, error] {
	return pagination.Items(pagination.Pages(ctx, s.fetch))
}

// chain returns pages with the given items. The tokens of the pages are "", "1", "2" and so on.
func chain(lists ...[]int) map[string]page {
	pages := map[string]page{}
	for i, items := range lists {
		token, next := "", ""
		if i > 0 {
			token = strconv.Itoa(i)
		}
		if i+1 < len(lists) {
			next = strconv.Itoa(i + 1)
		}
		pages[token] = page{Items: items, Next: next}
	}
	return pages
}

// numbered returns n pages with size items each. The items are 0, 1, 2 and so on.
func numbered(n, size int) map[string]page {
	lists := make([][]int, n)
	for i := range n * size {
		lists[i/size] = append(lists[i/size], i)
	}
	return chain(lists...)
}

func upTo(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// collect ranges over seq to its end and returns all items and errors. If once is true, collect fails the test if
// anything follows an error.
func collect(t *testing.T, seq iter.Seq2[int, error], once bool) (items []int, errs []error) {
	t.Helper()
	for item, err := range seq {
		if once && len(errs) > 0 {
			t.Errorf("yielded (%v, %v) after the error %v", item, err, errs[0])
		}
		if err == nil {
			items = append(items, item)
			continue
		}
		errs = append(errs, err)
		if item != 0 {
			t.Errorf("item %v beside the error %v", item, err)
		}
	}
	return items, errs
}

// wantErr fails the test unless got consists of exactly one error, which matches all errors in want. If want is empty,
// got must be empty.
func wantErr(t *testing.T, got []error, want ...error) {
	t.Helper()
	if len(want) == 0 {
		if len(got) > 0 {
			t.Errorf("errors %v, want none", got)
		}
		return
	}
	if len(got) != 1 {
		t.Errorf("errors %v, want one that is %v", got, want)
		return
	}
	for _, w := range want {
		if !errors.Is(got[0], w) {
			t.Errorf("error %v is not %v", got[0], w)
		}
	}
}

func equal(t *testing.T, what string, got, want []int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %d %v, want %d %v", what, len(got), got, len(want), want)
	}
}

// TestListing checks complete and failing listings with every kind of iterator.
func TestListing(t *testing.T) {
	t.Parallel()
	empties := func(n int) map[string]page {
		lists := [][]int{{0}}
		lists = append(lists, make([][]int, n)...)
		return chain(append(lists, []int{1}, nil, []int{2})...)
	}
	huge := strings.Repeat("x", 1<<20)
	tests := []struct {
		name    string
		pages   map[string]page
		fail    map[string]error
		items   []int
		err     error
		fetches int
	}{
		{name: "one page", pages: numbered(1, 3), items: upTo(3), fetches: 1},
		{name: "nothing", pages: numbered(1, 0), fetches: 1},
		{name: "many pages", pages: numbered(50, 7), items: upTo(350), fetches: 50},
		{name: "P01 same token forever", pages: map[string]page{"": {[]int{0}, "a"}, "a": {[]int{1}, "a"}}, items: upTo(2), err: pagination.ErrTokenLoop, fetches: 2},
		{name: "N01 cycle A B A", pages: map[string]page{"": {[]int{0}, "a"}, "a": {[]int{1}, "b"}, "b": {[]int{2}, "a"}}, items: upTo(3), err: pagination.ErrTokenLoop, fetches: 3},
		{name: "N01 cycle of empty pages", pages: map[string]page{"": {nil, "a"}, "a": {nil, "b"}, "b": {nil, "a"}}, err: pagination.ErrTokenLoop, fetches: 3},
		{name: "N02 first page fails", fail: map[string]error{"": errServer}, err: errServer, fetches: 1},
		{name: "N02 page 3 fails", pages: numbered(5, 2), fail: map[string]error{"2": errServer}, items: upTo(4), err: errServer, fetches: 3},
		{name: "N05 empty pages between others", pages: chain(nil, nil, []int{0}, nil, []int{1}, nil), items: upTo(2), fetches: 6},
		{name: "N05 100 empty pages in a row", pages: empties(100), items: upTo(3), fetches: 104},
		{name: "N05 101 empty pages in a row", pages: empties(101), items: upTo(1), err: pagination.ErrEmptyPages, fetches: 102},
		{name: "N05 100 empty pages, the last without token", pages: chain(make([][]int, 101)...), fetches: 101},
		{name: "N08 huge tokens, different in the last byte", pages: map[string]page{"": {[]int{0}, huge + "a"}, huge + "a": {[]int{1}, huge + "b"}, huge + "b": {[]int{2}, ""}}, items: upTo(3), fetches: 3},
		{name: "N08 huge token repeated", pages: map[string]page{"": {[]int{0}, huge}, huge: {[]int{1}, huge}}, items: upTo(2), err: pagination.ErrTokenLoop, fetches: 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			check := func(t *testing.T, s *server, items []int, errs []error) {
				t.Helper()
				equal(t, "items", items, tt.items)
				if tt.err == nil {
					wantErr(t, errs)
				} else {
					wantErr(t, errs, tt.err)
				}
				if len(s.fetched) != tt.fetches {
					t.Errorf("%d fetches, want %d", len(s.fetched), tt.fetches)
				}
			}
			t.Run("Pages", func(t *testing.T) {
				t.Parallel()
				s := &server{pages: tt.pages, fail: tt.fail}
				var items []int
				var errs []error
				yielded := 0
				for p, err := range pagination.Pages(t.Context(), s.fetch) {
					if err != nil {
						errs = append(errs, err)
						if p.Items != nil || p.Next != "" {
							t.Errorf("page %v beside the error %v", p, err)
						}
						continue
					}
					yielded++
					items = append(items, p.Items...)
				}
				check(t, s, items, errs)
				want := tt.fetches
				if errors.Is(tt.err, errServer) {
					want--
				}
				if yielded != want {
					t.Errorf("%d pages, want %d, including empty ones", yielded, want)
				}
			})
			t.Run("Items", func(t *testing.T) {
				t.Parallel()
				s := &server{pages: tt.pages, fail: tt.fail}
				items, errs := collect(t, s.run(t.Context()), true)
				check(t, s, items, errs)
			})
			t.Run("Stream", func(t *testing.T) {
				t.Parallel()
				for _, buffer := range []int{-1, 0, 1, 100} {
					s := &server{pages: tt.pages, fail: tt.fail}
					items, errs := collectStream(t.Context(), buffer, s.run)
					check(t, s, items, errs)
				}
			})
			t.Run("Merge", func(t *testing.T) {
				t.Parallel()
				s := &server{pages: tt.pages, fail: tt.fail}
				items, errs := collect(t, pagination.Merge(t.Context(), 0, s.run), true)
				check(t, s, items, errs)
			})
		})
	}
}

// TestFetchRetries checks that retries in the fetch function do not change the result of a listing.
func TestFetchRetries(t *testing.T) {
	t.Parallel()
	s := &server{pages: numbered(5, 2), fail: map[string]error{"2": errServer}}
	fetch := func(ctx context.Context, token string) (page, error) {
		p, err := s.fetch(ctx, token)
		if err != nil {
			delete(s.fail, token)
			return s.fetch(ctx, token)
		}
		return p, nil
	}
	items, errs := collect(t, pagination.Items(pagination.Pages(t.Context(), fetch)), true)
	equal(t, "items", items, upTo(10))
	wantErr(t, errs)
}

// TestErrorText checks that an error message contains the number of the page, but not its token.
func TestErrorText(t *testing.T) {
	t.Parallel()
	s := &server{pages: map[string]page{"": {nil, "secret"}, "secret": {nil, "secret"}}}
	_, errs := collect(t, s.run(t.Context()), true)
	wantErr(t, errs, pagination.ErrTokenLoop)
	if text := errs[0].Error(); !strings.Contains(text, "page 2") || strings.Contains(text, "secret") {
		t.Errorf("text %q, want the number of the page and not its token", text)
	}
}

// TestItemsEndsAtFirstError checks that Items ends at the first error.
func TestItemsEndsAtFirstError(t *testing.T) {
	t.Parallel()
	pages := func(yield func(page, error) bool) {
		_ = yield(page{Items: []int{1}}, nil) && yield(page{Items: []int{2}}, errServer) && yield(page{Items: []int{3}}, nil)
	}
	items, errs := collect(t, pagination.Items(pages), true)
	equal(t, "items", items, []int{1})
	wantErr(t, errs, errServer)
}

// TestIteratorsAreLazy checks that an iterator fetches nothing until a range statement uses it.
func TestIteratorsAreLazy(t *testing.T) {
	t.Parallel()
	s := &server{pages: numbered(2, 2)}
	_ = pagination.Pages(t.Context(), s.fetch)
	_ = s.run(t.Context())
	_ = pagination.Merge(t.Context(), 0, s.run)
	if len(s.fetched) != 0 {
		t.Errorf("%d fetches before any range", len(s.fetched))
	}
}

// TestIteratorsRestart checks that each range statement over an iterator starts from the first page.
func TestIteratorsRestart(t *testing.T) {
	t.Parallel()
	pages := numbered(3, 2)
	fetch := func(_ context.Context, token string) (page, error) { return pages[token], nil }
	items := func(ctx context.Context) iter.Seq2[int, error] {
		return pagination.Items(pagination.Pages(ctx, fetch))
	}
	for name, seq := range map[string]iter.Seq2[int, error]{
		"Items": items(t.Context()),
		"Merge": pagination.Merge(t.Context(), 1, items),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range seq {
				break
			}
			for range seq {
				inner, errs := collect(t, seq, true)
				equal(t, "nested", inner, upTo(6))
				wantErr(t, errs)
			}
			for range 4 {
				t.Run("concurrent", func(t *testing.T) {
					t.Parallel()
					got, errs := collect(t, seq, true)
					equal(t, "items", got, upTo(6))
					wantErr(t, errs)
				})
			}
		})
	}
}

// TestBreak checks that no page is fetched after the loop ends. A call of yield after the loop would panic.
func TestBreak(t *testing.T) {
	t.Parallel()
	for n := range 6 {
		s := &server{pages: numbered(3, 2)}
		for item := range s.run(t.Context()) {
			if item == n {
				break
			}
		}
		if want := n/2 + 1; len(s.fetched) != want {
			t.Errorf("break at item %d: %d fetches, want %d", n, len(s.fetched), want)
		}
		s = &server{pages: numbered(3, 2)}
		for p := range pagination.Pages(t.Context(), s.fetch) {
			if slices.Contains(p.Items, n) {
				break
			}
		}
		if want := n/2 + 1; len(s.fetched) != want {
			t.Errorf("break at the page of item %d: %d fetches, want %d", n, len(s.fetched), want)
		}
	}
	// A break after an error must also stop fetching.
	for _, s := range []*server{
		{fail: map[string]error{"": errServer}},
		{pages: map[string]page{"": {nil, "a"}, "a": {nil, "a"}}},
		{pages: chain(make([][]int, 200)...)},
	} {
		for _, err := range s.run(t.Context()) {
			if err != nil {
				break
			}
		}
	}
}

// TestPagesContext checks how a listing ends if its context is done before or between fetches.
func TestPagesContext(t *testing.T) {
	t.Parallel()
	t.Run("L01 already canceled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errCause)
		s := &server{pages: numbered(2, 2)}
		items, errs := collect(t, s.run(ctx), true)
		equal(t, "items", items, nil)
		wantErr(t, errs, context.Canceled, errCause)
		if len(s.fetched) != 0 {
			t.Errorf("%d fetches", len(s.fetched))
		}
	})
	t.Run("N04 between pages", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		s := &server{pages: numbered(3, 2)}
		var got []int
		var errs []error
		for item, err := range s.run(ctx) {
			if err != nil {
				errs = append(errs, err)
				continue
			}
			got = append(got, item)
			if item == 2 { // item 2 is on page 2, which has been fetched completely
				cancel(errCause)
			}
		}
		equal(t, "items", got, upTo(4))
		wantErr(t, errs, context.Canceled, errCause)
		if len(s.fetched) != 2 {
			t.Errorf("%d fetches, want 2", len(s.fetched))
		}
	})
	t.Run("on the last page", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := &server{pages: numbered(1, 2)}
		for _, err := range s.run(ctx) {
			if err != nil {
				t.Errorf("error %v, but the listing is complete", err)
			}
			cancel()
		}
	})
	t.Run("cause that is the context's error", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := fmt.Errorf("shutting down: %w", context.Canceled)
		cancel(cause)
		_, errs := collect(t, (&server{}).run(ctx), true)
		wantErr(t, errs, context.Canceled, cause)
		if errs[0].Error() != "shutting down: context canceled" {
			t.Errorf("text %q repeats itself", errs[0])
		}
		if errs[0] == cause { // contextError must wrap the cause, which may be an error of another listing
			t.Error("the cause is not wrapped")
		}
	})
	t.Run("L02 L04 during a fetch", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			s := &server{pages: numbered(3, 2), latency: func() time.Duration { return 300 * time.Millisecond }}
			items, errs := collect(t, s.run(ctx), true)
			equal(t, "items", items, upTo(2))
			wantErr(t, errs, context.DeadlineExceeded)
			if d := time.Since(start); d != 500*time.Millisecond {
				t.Errorf("ended after %v", d)
			}
		})
	})
}

// script is a random listing with the expected items and error.
type script struct {
	*server
	want []int
	err  error // nil if the listing is complete
}

// randomScript returns a listing with a random number of pages and items, which may end with an error. Some items occur
// twice, as in a real service whose items change during a listing.
func randomScript(r *rand.Rand, from int) script {
	s := script{server: &server{pages: map[string]page{}, fail: map[string]error{}}}
	tokens := []string{""}
	n := 1 + r.IntN(12)
	emptyFrom := -1 // if not -1, every page from this index on is empty
	if r.IntN(10) == 0 {
		emptyFrom = r.IntN(n)
		n += 90 + r.IntN(20)
	}
	emptyInRow := 0
	for i := range n {
		var items []int
		if emptyFrom < 0 || i < emptyFrom {
			for range r.IntN(6) {
				item := from + len(s.want) + len(items)
				if r.IntN(20) == 0 && len(s.want) > 0 {
					item = s.want[r.IntN(len(s.want))]
				}
				items = append(items, item)
			}
		}
		emptyInRow++
		if len(items) > 0 {
			emptyInRow = 0
		}
		token, next := tokens[i], strconv.FormatUint(r.Uint64(), 36)
		last := i == n-1
		kind := r.IntN(3)
		switch {
		case last && kind == 0 && i > 0:
			next = tokens[1+r.IntN(i)]
			s.err = pagination.ErrTokenLoop
		case last && kind == 1:
			s.fail[token] = errServer
			s.err = errServer
			return s
		case last:
			next = ""
		case emptyInRow > 100:
			last = true
			s.err = pagination.ErrEmptyPages
		}
		s.pages[token] = page{items, next}
		s.want = append(s.want, items...)
		tokens = append(tokens, next)
		if last {
			return s
		}
	}
	return s
}

func (s script) check(t *testing.T, how string, items []int, errs []error) {
	t.Helper()
	equal(t, how, items, s.want)
	equal(t, how+", compared with the items served", items, s.served)
	if s.err == nil {
		wantErr(t, errs)
	} else {
		wantErr(t, errs, s.err)
	}
	if want := len(s.pages) + len(s.fail); len(s.fetched) != want {
		t.Errorf("%s: %d fetches, want %d", how, len(s.fetched), want)
	}
}

// TestRandomListings checks that every random listing yields exactly the items that the server returned.
func TestRandomListings(t *testing.T) {
	t.Parallel()
	kinds := map[error]int{}
	for seed := range uint64(1500) {
		fresh := func() script { return randomScript(rand.New(rand.NewPCG(seed, 1)), 1) }

		s := fresh()
		kinds[s.err]++
		items, errs := collect(t, s.run(t.Context()), true)
		s.check(t, "Items", items, errs)

		s = fresh()
		items, errs = collectStream(t.Context(), int(seed%7)-1, s.run)
		s.check(t, "Stream", items, errs)

		s = fresh()
		items, errs = collect(t, pagination.Merge(t.Context(), int(seed%3), nil, s.run, nil), true)
		s.check(t, "Merge", items, errs)

		s = fresh() // list the same pages with all kinds of iterators
		items, errs = collectStream(t.Context(), 0, func(ctx context.Context) iter.Seq2[int, error] {
			return pagination.Merge(ctx, 2, s.run)
		})
		s.check(t, "Stream of Merge", items, errs)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	for _, err := range []error{nil, errServer, pagination.ErrTokenLoop, pagination.ErrEmptyPages} {
		if kinds[err] == 0 {
			t.Errorf("no script ended with %v", err)
		}
	}
}

// TestChangingList changes a list during a listing. The iterator must yield exactly the items that it receives.
func TestChangingList(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		list := upTo(r.IntN(60))
		var served []int
		fetches := 0
		fetch := func(_ context.Context, token string) (page, error) {
			if fetches++; fetches > 1000 {
				return page{}, errors.New("the listing does not end")
			}
			offset, _ := strconv.Atoi(token)
			end := min(offset+1+r.IntN(5), len(list))
			p := page{Items: slices.Clone(list[min(offset, end):end])}
			if end < len(list) {
				p.Next = strconv.Itoa(end)
			}
			served = append(served, p.Items...)
			switch i := r.IntN(len(list) + 1); r.IntN(3) {
			case 0:
				list = slices.Insert(list, i, 1000+fetches)
			case 1:
				list = slices.Delete(list, min(i, len(list)), min(i+1, len(list)))
			}
			return p, nil
		}
		items, errs := collect(t, pagination.Items(pagination.Pages(t.Context(), fetch)), true)
		equal(t, fmt.Sprintf("seed %d", seed), items, served)
		wantErr(t, errs)
	}
}
