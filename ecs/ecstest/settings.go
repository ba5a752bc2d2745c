package ecstest

import "time"

// Settings selects the server's behavior in cases where the API's documentation is unclear, where the API has
// changed, or where the behavior is hard to provoke. With the zero value, the server behaves like the current
// API, as far as its behavior is known.
type Settings struct {
	// Regions are the known regions, in addition to the regions of the instances. nil means the public regions of
	// 2024; an empty list adds no regions.
	Regions []string
	// Latency delays every response.
	Latency time.Duration
	// Quota limits the request rate of each operation in each region. The zero value sets no limit.
	Quota Quota
	// ClockSkew is how far the server's clock is ahead of the clock of this machine. It may be negative.
	ClockSkew time.Duration

	// EmptyIfDenied makes the server respond to a DescribeInstances request without permission with status 200
	// and an empty list, as the API did until 2025-12-20 and as private clouds may still do. Otherwise such a
	// request fails with 403 Forbidden.RAM, which the API announced for that date. A dry run without permission
	// always fails with that error.
	EmptyIfDenied bool

	// NoPageMode makes DescribeInstances reject PageNumber and PageSize, as announced for the API.
	NoPageMode bool
	// NoTokenMode makes DescribeInstances page by number only, as older installations and private clouds do:
	// MaxResults and NextToken are ignored, no response has a NextToken, and TotalCount is always valid.
	// NoTokenMode takes precedence over NoPageMode.
	NoTokenMode bool
	// TokensOnRequest omits NextToken from a DescribeInstances response unless the request had MaxResults or
	// NextToken. Otherwise the response to a request without any paging parameter has both a NextToken and a
	// valid TotalCount. The API's documentation does not say which of the two is correct.
	TokensOnRequest bool
	// EmptyLastPage ends every listing by token with an additional page that is empty.
	EmptyLastPage bool
	// Overlap is how many instances of the previous page every page but the first begins with, as may happen with
	// the API when the fleet changes. The maximum is 9.
	Overlap int
	// RepeatEndToken ends a listing of ListTagResources by repeating the last token instead of sending an empty
	// one.
	RepeatEndToken bool

	// ExclusiveTimes makes the bounds of a time filter exclusive: an instance whose time equals a bound does not
	// match. The API's documentation does not say whether the bounds are inclusive.
	ExclusiveTimes bool
	// CapFirst applies the cap of 1,000 resources on tag and resource-group filters before the other filters, so
	// that a capped listing can contain fewer than 1,000 instances. The API's documentation can be read either
	// way.
	CapFirst bool

	// OnRequest is called for each request after authentication and before the request is handled, in the
	// goroutine that handles the request. OnRequest may call the server's methods, for example to change the
	// fleet or a permission between two pages.
	OnRequest func(Request)
}

// Configure changes the settings. Requests in progress keep the previous settings. change must not call the
// server.
func (s *Server) Configure(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.settings)
}
