// Package pagination turns a call that answers one page and the token of the
// next into iterators over pages and over items, into a channel, and merges
// many such listings into one. It knows nothing of the service behind the call
// and needs only the standard library.
//
//	pages := pagination.Pages(ctx, fetch)
//	for item, err := range pagination.Items(pages) {
//		if err != nil {
//			return err // the items so far are good, the listing is not complete
//		}
//		use(item)
//	}
//
// # What holds for every iterator here
//
//   - Nothing happens before the range begins, and each range starts anew, so an
//     iterator may be ranged over twice, also at the same time, as far as the
//     caller's fetch or run may be called so.
//   - An error comes with the zero item. Ending without one means that the
//     listing is complete: a context that ended it early is always an error.
//   - Such a context error is both ctx.Err() and context.Cause(ctx) to errors.Is.
//   - Leaving the loop early ends all work before the loop statement returns: no
//     further fetch, no goroutine.
//
// Retries belong below this package, inside fetch: an error ends a listing.
// Items are passed on as they come; one that the service lists twice, because
// its list moved meanwhile, comes twice.
package pagination

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
)

// Errors of a listing that would never end. Match them with errors.Is; the text
// of the error returned adds the number of pages read.
var (
	// ErrTokenLoop reports a page whose Next was the Next of an earlier page of
	// the same listing: to follow it would list the same pages for ever. It comes
	// after the items of that page.
	ErrTokenLoop = errors.New("pagination: the server repeated a page token, the listing is not complete")

	// ErrEmptyPages reports more than 100 pages in a row that had no items, or
	// none that were new, and yet named a next page.
	ErrEmptyPages = errors.New("pagination: the server sent too many pages in a row without anything new, the listing is not complete")
)

// maxEmptyPages is how many empty pages in a row a server may send: filters that
// run after paging leave a few, a server that lost its way never stops.
const maxEmptyPages = 100

// Page is one answer of a paged call.
type Page[T any] struct {
	Items []T    // may be empty on any page, also when more follow
	Next  string // token of the next page; "" on the last
}

// Fetch gets the page that token names; "" names the first. It must return when
// ctx is done. The page is ignored when the error is not nil.
type Fetch[T any] func(ctx context.Context, token string) (Page[T], error)

// Pages lists page by page, each fetched when the loop asks for it, empty ones
// included. It ends after the page without Next or, yielding an error once and
// last, when
//   - fetch fails: that error, as it is;
//   - ctx is done before a fetch, which then does not happen: the context's error;
//   - the server never comes to an end: [ErrTokenLoop] or [ErrEmptyPages].
//
// Every page that came is yielded before the error. What Pages remembers is a
// hash of each token, 32 bytes a page.
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

// Items lists the items of pages in order. The first error of pages is yielded
// with the zero item and ends the listing. A page is asked for when the items of
// the one before are used up; use [NewStream] to have it fetched ahead.
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

// contextError is nil until ctx is done, then an error that is both ctx.Err()
// and the cause: who cancels with a cause may look for either.
func contextError(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if cause == err { //nolint:errorlint // there is none
		return err
	}
	if errors.Is(cause, err) { // the text says both; wrapped, so that it is not taken for what a run said
		return fmt.Errorf("%w", cause)
	}
	return fmt.Errorf("%w: %w", err, cause)
}
