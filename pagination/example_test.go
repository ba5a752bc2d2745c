package pagination_test

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

// fetchFruit simulates a request to a paged service. The second page is empty, as can happen if a service filters
// items.
func fetchFruit(_ context.Context, token string) (pagination.Page[string], error) {
	switch token {
	case "":
		return pagination.Page[string]{Items: []string{"apple", "banana"}, Next: "t1"}, nil
	case "t1":
		return pagination.Page[string]{Next: "t2"}, nil
	case "t2":
		return pagination.Page[string]{Items: []string{"cherry"}}, nil
	}
	return pagination.Page[string]{}, errors.New("no such page")
}

func ExamplePages() {
	for page, err := range pagination.Pages(context.Background(), fetchFruit) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%q, next %q\n", page.Items, page.Next)
	}
	// Output:
	// ["apple" "banana"], next "t1"
	// [], next "t2"
	// ["cherry"], next ""
}

func ExampleItems() {
	pages := pagination.Pages(context.Background(), fetchFruit)
	for fruit, err := range pagination.Items(pages) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(fruit)
	}
	// Output:
	// apple
	// banana
	// cherry
}

// The server repeats a token. A simple loop would never end.
func ExampleItems_tokenLoop() {
	fetch := func(context.Context, string) (pagination.Page[string], error) {
		return pagination.Page[string]{Items: []string{"apple"}, Next: "again"}, nil
	}
	for fruit, err := range pagination.Items(pagination.Pages(context.Background(), fetch)) {
		if errors.Is(err, pagination.ErrTokenLoop) {
			fmt.Println("not complete:", err)
			return
		}
		fmt.Println(fruit)
	}
	// Output:
	// apple
	// apple
	// not complete: pagination: the listing is not complete: the server repeated a page token (after page 2)
}

func ExampleNewStream() {
	const pageSize = 2
	stream := pagination.NewStream(context.Background(), pageSize-1, func(ctx context.Context) iter.Seq2[string, error] {
		return pagination.Items(pagination.Pages(ctx, fetchFruit))
	})
	defer stream.Stop()
	for fruit := range stream.C {
		fmt.Println(fruit)
	}
	if err := stream.Err(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("complete")
	// Output:
	// apple
	// banana
	// cherry
	// complete
}

// This example merges three listings, one of which fails.
func ExampleMerge() {
	shelf := func(fetch pagination.Fetch[string]) func(context.Context) iter.Seq2[string, error] {
		return func(ctx context.Context) iter.Seq2[string, error] {
			return pagination.Items(pagination.Pages(ctx, fetch))
		}
	}
	broken := func(context.Context, string) (pagination.Page[string], error) {
		return pagination.Page[string]{}, errors.New("this shelf is locked")
	}
	for fruit, err := range pagination.Merge(context.Background(), 2, shelf(fetchFruit), shelf(broken), shelf(fetchFruit)) {
		if err != nil {
			fmt.Println("error:", err)
			continue
		}
		fmt.Println(fruit)
	}
	// Unordered output:
	// apple
	// apple
	// banana
	// banana
	// cherry
	// cherry
	// error: this shelf is locked
}
