package ecs

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/transport"
	"github.com/aliyun-ecs/sdk-go/pagination"
)

// CheckOptions contains the options of [Client.Check]. A nil pointer or a zero field means the default.
type CheckOptions struct {
	// Regions lists the regions in which permissions are checked. The default is the client's region.
	Regions []string
	// AllRegions checks every region that DescribeRegions returns. It cannot be combined with Regions.
	AllRegions bool
	// Exclude lists regions that are not checked even if AllRegions is set. Unknown region ids are ignored. Even if
	// Exclude contains the client's own region, Check sends a DescribeRegions request to it.
	Exclude []string
	// Requests contains the requests to test, because a policy may permit some filters and deny others. The default is
	// the zero request. Only the first 100 elements of a list in a request are tested.
	Requests []DescribeInstancesRequest
	// OnStep, if not nil, is called for each step in the order of the report, as soon as the result is known. OnStep
	// runs in the goroutine that called Check.
	OnStep func(CheckStep)
}

// The names of the steps, in the order of the report.
const (
	stepSetup       = "setup"
	stepCredentials = "credentials"
	stepProxy       = "proxy"
	stepDNS         = "dns"
	stepConnect     = "connect"
	stepTLS         = "tls"
	stepResponse    = "response"
	stepClock       = "clock"
	stepSignature   = "signature"
	stepPermission  = "permission"
	stepQuota       = "quota"
)

const describeRegions = "DescribeRegions"

// maxParallelChecks is the maximum number of requests that Check sends in parallel.
const maxParallelChecks = 64

// Check determines whether the client can list instances and, if not, why. Check neither lists nor changes anything.
// [Report.Err] of the returned report is nil if a listing would succeed.
//
// The report has the following steps, in this order:
//
//   - credentials: whether the client has an access key.
//   - proxy, dns, connect, tls and response: whether the client can reach the endpoint.
//   - clock: whether the API accepts the local time.
//   - signature: whether the API accepts the key and the signature.
//   - permission: whether the caller is permitted to call an operation in a region. The report has one permission step
//     for each request that Check sends or skips.
//   - quota: the rate limits that the API reported, if any.
//
// If the client, ctx or opts cannot be used, the report has a single step, setup. If the API rejects the key, the
// signature step fails with an error that matches ErrCredentials. If the region is mistyped, the dns step usually
// fails, because the endpoint's host does not exist.
//
// Check sends one DescribeRegions request and, for each region, one ListTagResources request and one dry run of
// DescribeInstances for each element of CheckOptions.Requests. After the first dry run, Check sends up to 64 requests
// in parallel. If the first dry run shows that no other request can succeed, Check sends no more requests.
//
// Only listings by tag or resource group need ListTagResources, and only AllRegions needs DescribeRegions. If a denied
// operation is not needed, its step is optional and Err ignores it.
//
// Check cannot detect policies that depend on the instances that a listing would return, and it cannot predict how much
// of a quota other programs will use.
func (c *Client) Check(ctx context.Context, opts *CheckOptions) *Report {
	k := &checker{client: c, report: &Report{}}
	if opts != nil {
		k.CheckOptions = *opts
	}
	if err := k.prepare(ctx); err != nil {
		advice := "correct the arguments of Check"
		if !errors.Is(err, ErrInvalidParameter) {
			advice = "the context had already ended when Check started: pass a context that is still active"
		}
		k.add(CheckStep{Name: stepSetup, Status: CheckStatusFailed, Detail: reason(err), Advice: advice, Err: err})
		return k.report
	}
	k.run(ctx)
	return k.report
}

// checker holds the state of one call of Check.
type checker struct {
	CheckOptions
	client  *Client   // the receiver of Check
	regions []*Client // one client for each region to check
	report  *Report
	source  string            // where the key comes from, such as "Options.Credentials"
	sent    []permissionCheck // the checks that were sent
}

// permissionCheck is a request that tests one permission. It corresponds to one step of the report.
type permissionCheck struct {
	client   *Client
	action   string
	optional bool
	send     func(context.Context) error
}

// step returns the report step for the request, without a result.
func (p permissionCheck) step() CheckStep {
	return CheckStep{Name: stepPermission, Region: p.client.region, Action: p.action, Optional: p.optional}
}

// add appends a step to the report.
func (k *checker) add(s CheckStep) {
	k.report.Steps = append(k.report.Steps, s)
	if k.OnStep != nil {
		k.OnStep(s)
	}
}

// prepare validates the arguments of Check and sets k.Requests and k.regions.
func (k *checker) prepare(ctx context.Context) error {
	const call = "Check"
	if err := k.client.ready(); err != nil {
		return invalidCall(call, "", err)
	}
	region := k.client.region
	switch {
	case ctx == nil:
		return invalidCall(call, region, errNilContext)
	case ctx.Err() != nil:
		return failure(call, region, transport.ContextError(ctx))
	case k.AllRegions && len(k.Regions) > 0:
		return invalidCall(call, region, invalid("CheckOptions.AllRegions", "cannot be combined with Regions"))
	}
	if err := checkRegions("CheckOptions.Exclude", k.Exclude...); err != nil {
		return invalidCall(call, region, err)
	}
	requests := []DescribeInstancesRequest{}
	for _, req := range k.Requests {
		batches, err := req.splitLists(ctx)
		if err != nil {
			return invalidCall(call, region, err)
		}
		req = batches[0]
		req.MaxResults, req.NextToken = 0, ""
		requests = append(requests, req)
	}
	if len(requests) == 0 {
		requests = append(requests, DescribeInstancesRequest{})
	}
	k.Requests = requests
	return k.addRegions(k.Regions)
}

// addRegions creates clients for the given regions. If regions is empty or contains the client's own region, that
// region comes first.
func (k *checker) addRegions(regions []string) error {
	own := k.client.region
	if len(regions) == 0 || slices.Contains(regions, own) {
		regions = append([]string{own}, regions...)
	}
	for _, region := range unique(regions) {
		if slices.ContainsFunc(k.regions, func(c *Client) bool { return c.region == region }) {
			continue
		}
		c := k.client
		if region != own {
			var err error
			if c, err = k.client.InRegion(region); err != nil {
				return invalidCall("Check", region, err)
			}
		}
		k.regions = append(k.regions, c)
	}
	return nil
}

// run executes the steps.
func (k *checker) run(ctx context.Context) {
	first := k.regions[0]
	checks := k.permissionChecks(first, true)
	if !k.checkCredentials(ctx) {
		for _, name := range []string{stepProxy, stepDNS, stepConnect, stepTLS, stepResponse, stepClock, stepSignature} {
			k.skip(CheckStep{Name: name, Region: first.region})
		}
		k.skipChecks(append(checks, k.otherChecks()...))
		k.addQuota()
		return
	}
	var trace connectionTrace
	start := time.Now()
	err := checks[0].send(httptrace.WithClientTrace(ctx, trace.hooks()))
	e, _ := err.(*Error) //nolint:errorlint // the error of this dry run, not an error that it wraps
	reached := k.addEndpointSteps(first, &trace, e, ctx.Err() != nil)
	timely := k.addClock(first, e, reached)
	accepted := k.addSignature(e, reached && timely) && timely
	switch {
	case reached && accepted:
		k.sent = append(k.sent, checks[0])
		step := permissionStep(checks[0], err)
		step.Duration = time.Since(start)
		k.add(step)
		if k.AllRegions { // the requests for the first region include DescribeRegions
			k.sendChecks(ctx, checks[1:])
			k.sendChecks(ctx, k.otherChecks())
		} else {
			k.sendChecks(ctx, append(checks[1:], k.otherChecks()...))
		}
	case accepted && e.problem != transport.ProxyFailed:
		k.skipChecks(checks)
		k.checkOtherHosts(ctx, first.host)
	default:
		k.skipChecks(append(checks, k.otherChecks()...))
	}
	k.addQuota()
}

// checkOtherHosts is called if a host does not respond. It skips the regions that have this host as their endpoint, and
// checks the other regions.
func (k *checker) checkOtherHosts(ctx context.Context, host string) {
	var others []permissionCheck
	for _, p := range k.otherChecks() {
		if p.client.host == host {
			k.skip(p.step())
			continue
		}
		others = append(others, p)
	}
	k.sendChecks(ctx, others)
}

// permissionChecks returns the requests that test the permissions in one region. If first is true, the requests include
// a DescribeRegions request.
func (k *checker) permissionChecks(c *Client, first bool) (checks []permissionCheck) {
	if first && k.AllRegions && slices.Contains(k.Exclude, c.region) {
		return []permissionCheck{k.regionsCheck(c)}
	}
	capped := false
	for _, req := range k.Requests {
		capped = capped || len(req.Tags) > 0 || req.ResourceGroupID != ""
		checks = append(checks, permissionCheck{c, describeInstances, false, func(ctx context.Context) error { return c.DryRun(ctx, req) }})
	}
	if first {
		checks = append(checks, k.regionsCheck(c))
	}
	return append(checks, permissionCheck{c, listTagResources, !capped, func(ctx context.Context) error {
		// Filter by a tag that no resource has, so that the response is an empty list.
		return c.Call(ctx, listTagResources, url.Values{"ResourceType": {string(ResourceTypeInstance)}, "Tag.1.Key": {"ecs-sdk-permission-check"}}, nil)
	}})
}

// regionsCheck returns the request that tests the permission for DescribeRegions.
func (k *checker) regionsCheck(c *Client) permissionCheck {
	return permissionCheck{c, describeRegions, !k.AllRegions, func(ctx context.Context) error {
		regions, err := c.allRegions(ctx)
		if err == nil && k.AllRegions {
			err = k.addRegions(slices.DeleteFunc(regions, func(region string) bool { return slices.Contains(k.Exclude, region) }))
		}
		return err
	}}
}

// otherChecks returns the requests that test the permissions in all regions except the first.
func (k *checker) otherChecks() (checks []permissionCheck) {
	for _, c := range k.regions[1:] {
		checks = append(checks, k.permissionChecks(c, false)...)
	}
	return checks
}

// sendChecks sends the requests in parallel and adds their steps to the report in the given order.
func (k *checker) sendChecks(ctx context.Context, checks []permissionCheck) {
	if len(checks) == 0 || ctx.Err() != nil {
		k.skipChecks(checks)
		return
	}
	k.sent = append(k.sent, checks...)
	type result struct {
		index int
		step  CheckStep
	}
	runs := make([]func(context.Context) iter.Seq2[result, error], len(checks))
	for i, p := range checks {
		// Use the caller's ctx, so that every request has a result even after ctx is done.
		runs[i] = func(context.Context) iter.Seq2[result, error] {
			return func(yield func(result, error) bool) {
				start := time.Now()
				step := permissionStep(p, p.send(ctx))
				step.Duration = time.Since(start)
				yield(result{i, step}, nil)
			}
		}
	}
	steps, next := make([]CheckStep, len(checks)), 0
	for r := range pagination.Merge(context.WithoutCancel(ctx), maxParallelChecks, runs...) { //nolint:errcheck // no run yields an error
		for steps[r.index] = r.step; next < len(steps) && steps[next].Name != ""; next++ {
			k.add(steps[next])
		}
	}
}

// skip adds a step that was not executed because an earlier step failed.
func (k *checker) skip(s CheckStep) {
	s.Status, s.Detail = CheckStatusSkipped, "an earlier step failed"
	k.add(s)
}

func (k *checker) skipChecks(checks []permissionCheck) {
	for _, p := range checks {
		k.skip(p.step())
	}
}

// permissionStep returns the report step for a request that failed with err or, if err is nil, succeeded. The status is
// unknown if the API neither permitted nor denied the request, or if the caller lacks only the permission for dry runs.
func permissionStep(p permissionCheck, err error) CheckStep {
	s := p.step()
	s.Status, s.Detail, s.Err = CheckStatusPassed, "permitted", err
	e, ok := err.(*Error) //nolint:errorlint // the error of the request itself, not an error that it wraps
	if !ok {
		return s
	}
	s.Status, s.Detail, s.Advice = CheckStatusUnknown, causeText(e), cmp.Or(connectAdvice(p.client, e), e.whatToDo())
	switch {
	case e.Code == "" && e.Message != "" && e.err == nil: // the server ignored DryRun
		s.Advice = "the server does not support dry runs, so only a listing can check the permission: set Options.TrustEmpty to accept an empty listing"
		s.Optional = p.client.trustEmpty
	case e.Code == "" || errors.Is(e, ErrThrottled) || errors.Is(e, ErrUnavailable):
		s.Advice = cmp.Or(s.Advice, "the API did not check the permission: check the network, and try again later")
	case errors.Is(e, ErrForbidden):
		if p.action == describeInstances && e.AccessDenied != nil && isOtherAction(e.AccessDenied.AuthAction) {
			s.Optional = true // only dry runs need this permission; see verifyEmpty
			s.Advice = "no action is needed: only the dry run needs " + printable(e.AccessDenied.AuthAction) + ", not the listing"
			break
		}
		s.Status, s.Detail, s.Advice = CheckStatusFailed, s.Detail+policyText(e), denialAdvice(e)
	default:
		s.Status = CheckStatusFailed
		s.Advice = cmp.Or(s.Advice, "the API rejected the request: correct the parameters")
	}
	if s.Optional && s.Status == CheckStatusFailed {
		s.Advice += map[string]string{
			describeRegions:  " (needed only to list all regions)",
			listTagResources: " (needed only to list more than 1,000 instances by tag or resource group)",
		}[p.action]
	}
	return s
}

// causeText returns the cause of a failed call, without the operation, the region, the request id and advice. The cause
// is shortened to 300 bytes.
func causeText(e *Error) string {
	text := e.Message
	switch {
	case e.Code != "":
		message, _, _ := strings.Cut(e.Message, " server string to sign") // the message of SignatureDoesNotMatch
		text = strings.TrimSuffix(e.Code+": "+message, ": ")
	case e.StatusCode != 0 && e.StatusCode != http.StatusOK:
		text = strings.TrimSuffix("HTTP status "+strconv.Itoa(e.StatusCode)+": "+e.Message, ": ")
	}
	switch {
	case e.err == nil:
	case errors.Is(e.err, io.EOF), errors.Is(e.err, io.ErrUnexpectedEOF):
		text = strings.TrimPrefix(text+"; the connection was closed before the response was complete", "; ")
	default:
		text = strings.TrimPrefix(text+"; "+e.err.Error(), "; ")
	}
	return truncate(text, 300)
}
