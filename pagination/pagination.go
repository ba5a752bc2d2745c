// Package pagination lists the items of a paged API. The caller provides a function that fetches one page. The package
// provides iterators over the pages and over their items, a channel of items, and an iterator that merges several
// listings. It does not depend on any particular service.
//
//	pages := pagination.Pages(ctx, fetch)
//	for item, err := range pagination.Items(pages) {
//		if err != nil {
//			return err // the items so far are valid, but the listing is not complete
//		}
//		use(item)
//	}
//
// # Rules for all iterators
//
//   - No page is fetched before the range statement, and each range statement starts from the first page. Several range
//     statements over the same iterator may run at the same time if the caller's functions support it.
//   - If an iterator ends without yielding an error, the listing is complete. The item yielded together with an error
//     is the zero value.
//   - An error caused by a context ctx matches both ctx.Err() and context.Cause(ctx).
//   - If the loop ends early, the iterator stops all work before the program continues: no further page is fetched, and
//     no goroutine remains.
//
// The fetch function should retry failed requests itself, because an error ends the listing. The package does not
// remove duplicates. If the service returns an item twice, the item is yielded twice.
package pagination

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
)

// These errors end a listing that would otherwise never end. Use errors.Is to test for them.
var (
	// ErrTokenLoop means that two pages have the same Next token, so the iterator would fetch the same pages forever.
	// The items of both pages are yielded before the error.
	ErrTokenLoop = errors.New("pagination: the listing is not complete: the server repeated a page token")

	// ErrEmptyPages means that the service returned more than 100 consecutive pages that had a Next token but no new
	// items.
	ErrEmptyPages = errors.New("pagination: the listing is not complete: the server sent too many consecutive pages without a new item")
)

// maxEmptyPages is the maximum number of consecutive empty pages. A few empty pages are normal for a service that
// divides items into pages before it filters them.
const maxEmptyPages = 100

// Page is one page of a listing.
type Page[T any] struct {
	Items []T    // may be empty, even if more pages follow
	Next  string // token of the next page; "" on the last page
}

// Fetch returns the page for a token. The token of the first page is "". Fetch must return when ctx is done. If the
// error is not nil, the page is ignored.
type Fetch[T any] func(ctx context.Context, token string) (Page[T], error)

// Pages returns an iterator over the pages of a listing, including empty pages. It fetches each page when the loop
// needs the page. The iterator ends after a page whose Next token is empty, or after one of the following errors:
//
//   - the error of fetch, unchanged;
//   - the context's error, if ctx is done before a page is fetched;
//   - [ErrTokenLoop] or [ErrEmptyPages], if the listing would never end.
//
// The iterator stores a hash of each token, which takes 32 bytes per page.
func Pages[T any](ctx context.Context, fetch Fetch[T]) iter.Seq2[Page[T], error] {
	return func(yield func(Page[T], error) bool) {
		token, empty := "", 0
		seen := map[[sha256.Size]byte]struct{}{}
		for fetched := 1; ; fetched++ {
			if err := contextError(ctx); err != nil {
				yield(Page[T]{}, err)
				return
			}
			page, err := fetch(ctx, token)
			if err != nil {
				yield(Page[T]{}, err)
				return
			}
			if !yield(page, nil) || page.Next == "" {
				return
			}
			token = page.Next
			sum := sha256.Sum256([]byte(token))
			if _, ok := seen[sum]; ok {
				yield(Page[T]{}, fmt.Errorf("%w (after page %d)", ErrTokenLoop, fetched))
				return
			}
			seen[sum] = struct{}{}
			if empty++; len(page.Items) > 0 {
				empty = 0
			}
			if empty > maxEmptyPages {
				yield(Page[T]{}, fmt.Errorf("%w (after page %d)", ErrEmptyPages, fetched))
				return
			}
		}
	}
}

// Items returns an iterator over the items of all pages, page by page. An error ends the iterator. The next page is
// fetched after all items of the current page have been yielded. To fetch it earlier, use [NewStream].
func Items[T any](pages iter.Seq2[Page[T], error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for page, err := range pages {
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

var errNilContext = errors.New("pagination: ctx must not be nil: use context.Background()")

// contextError returns nil if ctx is not done. Otherwise it returns an error that matches both ctx.Err() and
// context.Cause(ctx).
func contextError(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if cause == err { //nolint:errorlint // the context has no separate cause
		return err
	}
	// Wrap the cause, because it may be an error of another listing.
	if errors.Is(cause, err) {
		return fmt.Errorf("%w", cause)
	}
	return fmt.Errorf("%w: %w", err, cause)
}
