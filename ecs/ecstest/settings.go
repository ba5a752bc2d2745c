package ecstest

import "time"

// Settings selects the server's behavior where the API's documentation leaves it open, where it has changed, or
// where it is hard to provoke. The zero value is the current behavior of the API, as far as it is known.
type Settings struct {
	// Regions are the known regions, in addition to those of the instances. nil means the public regions of 2024;
	// an empty list adds none.
	Regions []string
	// Latency delays every response.
	Latency time.Duration
	// Quota limits the request rate of each operation in each region. The zero value sets no limit.
	Quota Quota
	// ClockSkew is how far the server's clock is ahead of the clock of this machine. It may be negative.
	ClockSkew time.Duration

	// EmptyIfDenied responds to a DescribeInstances request without permission with status 200 and an empty list, as the
	// API did until 2025-12-20 and as private clouds may still do. Otherwise such a request is refused with 403
	// Forbidden.RAM, which the API announced for that date. A dry run is refused in either case.
	EmptyIfDenied bool

	// NoPageMode makes DescribeInstances refuse PageNumber and PageSize, as announced for the API.
	NoPageMode bool
	// NoTokenMode makes DescribeInstances page by number only, as older and private installations do: MaxResults and
	// NextToken are ignored, no response has a NextToken, and TotalCount is always valid. It takes precedence over
	// NoPageMode.
	NoTokenMode bool
	// TokensOnRequest omits the NextToken of a DescribeInstances response unless the request had MaxResults or
	// NextToken. Otherwise a request without any paging parameter receives one too, besides a valid TotalCount. The
	// documentation leaves this open.
	TokensOnRequest bool
	// EmptyLastPage ends every listing by token with an additional, empty page.
	EmptyLastPage bool
	// Overlap starts every page except the first with that many instances of the previous page, as may happen when
	// the fleet changes. At most 9.
	Overlap int
	// RepeatEndToken ends ListTagResources by repeating the last token instead of sending an empty one.
	RepeatEndToken bool

	// ExclusiveTimes excludes instances whose time equals a bound of a time filter. The documentation leaves this
	// open.
	ExclusiveTimes bool
	// CapFirst applies the cap of 1,000 resources on tag and resource-group filters before the other filters, so that
	// a capped listing can be shorter than 1,000. The documentation allows both readings.
	CapFirst bool

	// OnRequest is called with each request after it was authenticated and before it is handled, in the goroutine
	// that handles it. It may call the server's methods, for example to change the fleet or a permission between
	// two pages.
	OnRequest func(Request)
}

// Configure changes the settings. Requests in progress keep the previous ones. change must not call the server.
func (s *Server) Configure(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.settings)
}
