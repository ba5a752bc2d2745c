package ecstest

import "time"

// Settings configures the server. Most fields select the server's behavior in cases where the API's documentation is
// unclear or the API has changed. With the zero value, the server behaves like the current API, as far as the API's
// behavior is known.
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

	// EmptyIfDenied makes the server respond to a DescribeInstances request without permission with status 200 and an
	// empty list, as the API did until 2025-12-20 and as private clouds may still do. If EmptyIfDenied is false, such a
	// request fails with status 403 and the code Forbidden.RAM, as announced for the API from that date. A dry run
	// without permission always fails with this error.
	EmptyIfDenied bool

	// NoPageMode makes DescribeInstances reject PageNumber and PageSize. It simulates the announced removal of these
	// parameters from the API.
	NoPageMode bool
	// NoTokenMode makes DescribeInstances page by number only, as older installations and private clouds do:
	// MaxResults and NextToken are ignored, no response has a NextToken, and TotalCount is always valid.
	// NoTokenMode takes precedence over NoPageMode.
	NoTokenMode bool
	// TokensOnRequest omits NextToken from a DescribeInstances response unless the request had MaxResults or NextToken.
	// If TokensOnRequest is false, the response to a request without paging parameters has both a NextToken and a valid
	// TotalCount. The API's documentation does not say which of the two behaviors is correct.
	TokensOnRequest bool
	// EmptyLastPage ends every listing by token with an additional page that is empty.
	EmptyLastPage bool
	// Overlap is the number of instances that each page repeats from the end of the previous page. The real API may
	// repeat instances when the fleet changes during a listing. The maximum is 9.
	Overlap int
	// RepeatEndToken makes the last page of ListTagResources contain the token of the request as its NextToken. If
	// RepeatEndToken is false, the NextToken of the last page is empty.
	RepeatEndToken bool

	// ExclusiveTimes makes the bounds of a time filter exclusive: an instance whose time equals a bound does not
	// match. The API's documentation does not say whether the bounds are inclusive.
	ExclusiveTimes bool
	// CapFirst applies the cap of 1,000 resources, which exists for filters by tag and by resource group, before the
	// other filters. A capped listing can then contain fewer than 1,000 instances. The API's documentation does not say
	// when the API applies the cap.
	CapFirst bool

	// OnRequest, if not nil, is called for each request, after the request has been authenticated and before it is
	// handled. It is called in the goroutine that handles the request. OnRequest may call the server's methods, for
	// example to change the fleet or a permission between two pages.
	OnRequest func(Request)
}

// Configure calls change to modify the settings of the server. Requests in progress continue with the previous
// settings. The function change must not call the server.
func (s *Server) Configure(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.settings)
}
