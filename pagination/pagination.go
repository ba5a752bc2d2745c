// Package pagination turns a function that fetches one page, and the token of the next, into iterators over pages and
// items, or into a channel, and merges several listings into one. It does not depend on any service.
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
//   - Nothing happens before the range statement. Each range statement starts from the beginning; several may run at the
//     same time if the caller's functions permit it.
//   - An error is yielded with the zero item. An iterator that ends without an error is complete: if the context ended it
//     early, it yields an error.
//   - errors.Is matches such an error with both ctx.Err() and context.Cause(ctx).
//   - Leaving the loop early stops everything before the range statement returns: there are no more fetches, and no
//     goroutine is left.
//
// Retries belong in the fetch function, since an error ends a listing. Items are passed on as they are: an item that
// the service returns twice, because its list changed meanwhile, is yielded twice.
package pagination

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
)

// Errors that end a listing that would otherwise never end. Match them with errors.Is; the returned errors include
// the number of pages.
var (
	// ErrTokenLoop means that a page has the same Next as an earlier page of the listing, so that following it
	// would list the same pages forever. It is yielded after the items of that page.
	ErrTokenLoop = errors.New("pagination: the server repeated a page token, the listing is not complete")

	// ErrEmptyPages means that more than 100 consecutive pages had a Next but no items, or no new ones.
	ErrEmptyPages = errors.New("pagination: the server sent too many pages in a row without a new item, the listing is not complete")
)

// maxEmptyPages is the number of consecutive empty pages that are accepted. A service that filters after paging
// sends a few; one with a bug may never stop.
const maxEmptyPages = 100

// Page is one page of a listing.
type Page[T any] struct {
	Items []T    // may be empty, even if more pages follow
	Next  string // token of the next page; "" on the last page
}

// Fetch returns the page with the given token; "" is the token of the first page. It must return when ctx is done.
// If the error is not nil, the page is ignored.
type Fetch[T any] func(ctx context.Context, token string) (Page[T], error)

// Pages returns an iterator over the pages of a listing, including empty ones. It fetches a page when the loop is ready
// for it. It ends after the page without a Next or, after yielding one error, when
//   - fetch returns an error: that error, unchanged;
//   - ctx is done before a fetch: the context's error;
//   - the listing does not end: [ErrTokenLoop] or [ErrEmptyPages].
//
// Every page that was fetched is yielded before the error. The iterator keeps a hash of each token, 32 bytes per page.
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

// Items returns an iterator over the items of pages, in order. The first error of pages ends it. The next page is
// fetched when all items of the current one have been yielded; see [NewStream] for fetching ahead.
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

var errNilContext = errors.New("pagination: nil context, use context.Background()")

// contextError returns nil if ctx is not done, otherwise an error that matches both ctx.Err() and
// context.Cause(ctx).
func contextError(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if cause == err { //nolint:errorlint // the context has no cause of its own
		return err
	}
	if errors.Is(cause, err) { // wrapped, because the cause itself may be an error with which another listing ended
		return fmt.Errorf("%w", cause)
	}
	return fmt.Errorf("%w: %w", err, cause)
}
