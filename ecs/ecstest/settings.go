package ecstest

import "time"

// Settings configures the server. Most fields select the server's behavior in cases where the API's documentation is
// unclear or the API has changed. With the zero value, the server behaves like the current API, as far as known.
type Settings struct {
	// Regions are the known regions, in addition to the regions of the instances. nil means the public regions of 2024.
	// An empty list adds no regions.
	Regions []string
	// Latency delays every response.
	Latency time.Duration
	// Quota limits the request rate of each operation in each region. The zero value sets no limit.
	Quota Quota
	// ClockSkew is how far the server's clock is ahead of this machine's clock. It may be negative.
	ClockSkew time.Duration

	// EmptyIfDenied makes the server respond with an empty list to a DescribeInstances request without permission, as
	// the API did until 2025-12-20 and as private clouds may still do. If EmptyIfDenied is false, such a request fails
	// with status 403 and the code Forbidden.RAM. A dry run without permission always fails with this error.
	EmptyIfDenied bool

	// NoPageMode makes DescribeInstances reject PageNumber and PageSize. It simulates the announced removal of these
	// parameters from the API.
	NoPageMode bool
	// NoTokenMode makes DescribeInstances support only page numbers, as older installations and private clouds do.
	// MaxResults and NextToken are ignored, no response has a NextToken, and TotalCount is always valid. NoTokenMode
	// takes precedence over NoPageMode.
	NoTokenMode bool
	// TokensOnRequest omits NextToken from a DescribeInstances response unless the request had MaxResults or NextToken.
	// If TokensOnRequest is false, the response to a request without paging parameters has a NextToken and a valid
	// TotalCount. The API's documentation does not say which behavior is correct.
	TokensOnRequest bool
	// EmptyLastPage ends every listing that uses page tokens with an additional empty page.
	EmptyLastPage bool
	// Overlap is the number of instances that each page repeats from the end of the previous page. The real API may
	// repeat instances if the fleet changes during a listing. The maximum is 9.
	Overlap int
	// RepeatEndToken makes the last page of ListTagResources contain the request's own token as its NextToken. If
	// RepeatEndToken is false, the last page has an empty NextToken.
	RepeatEndToken bool

	// ExclusiveTimes makes the bounds of a time filter exclusive: an instance whose time equals a bound does not
	// match. The API's documentation does not say whether the bounds are inclusive.
	ExclusiveTimes bool
	// CapFirst applies the cap of 1,000 resources for filters by tag or resource group before the other filters. A
	// listing may then contain fewer instances than the cap. The API's documentation does not say when the API applies
	// the cap.
	CapFirst bool

	// OnRequest, if not nil, is called for each request before the request is handled, in the goroutine that handles
	// it. By then, the authentication of the request has been checked. OnRequest may call the server's methods, for
	// example to change the fleet or a permission between two pages.
	OnRequest func(Request)
}

// Configure calls change to modify the server's settings. Requests in progress continue with the previous settings. The
// function change must not call the server.
func (s *Server) Configure(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.settings)
}
