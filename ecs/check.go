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

// CheckOptions configure Check. nil, and every zero field, is the default.
type CheckOptions struct {
	// Regions are the regions whose permissions are checked. If empty, it is the client's own region.
	Regions []string
	// AllRegions checks all regions that DescribeRegions returns. It cannot be combined with Regions.
	AllRegions bool
	// Exclude names regions that are not checked even if AllRegions is set. The client's own region is still asked for
	// the list of regions. An id that no region has excludes nothing.
	Exclude []string
	// Requests are the requests that the caller means to list with: a policy may permit some filters and deny others. Only
	// the first 100 elements of a longer list are checked. If empty, it is the zero request.
	Requests []DescribeInstancesRequest
	// OnStep, if not nil, is called with each step as soon as it and all steps before it have ended. It is called by the
	// goroutine that called Check.
	OnStep func(CheckStep)
}

// The names of the steps, in the order in which things can go wrong.
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

// maxProbes is how many requests Check sends at once.
const maxProbes = 64

// Check determines whether the client can list instances and, if not, why. It lists nothing and changes nothing, and
// returns no error itself: [Report.Err] says whether a listing would work.
//
// The steps of the report are, in this order: the credentials; the way to the endpoint (proxy, dns, connect, tls,
// response); the clock; the signature; the permission for each operation in each region; and the quota. The step setup
// comes first, and alone, if the client, ctx or the options are unusable.
//
// A wrong key and an expired token both fail at the step signature and match ErrCredentials; Code of the [*Error] tells
// them apart: InvalidAccessKeyId.NotFound, SignatureDoesNotMatch, InvalidSecurityToken.Expired and others. A mistyped
// region usually fails at the step dns, because it has no host; with Options.Endpoint, at the step response, with the code
// InvalidRegionId.NotFound. A missing permission fails at the step permission, and a broken network at one of the steps
// from proxy to response.
//
// Check sends a dry run of DescribeInstances for each request and region, ListTagResources once for each region, and
// DescribeRegions once: with a single request, 2 requests for each region and 1 more. A failed request is retried like
// that of any call. The first dry run, in the client's own region or the first one of Regions, is sent alone; if it shows
// that no other request can succeed, none is sent. The others are sent in parallel, up to 64 at once, through the
// client's limiter and throttle control.
//
// A denied ListTagResources or DescribeRegions does not make Err return an error unless a listing would need it: the one
// for requests with tags or a resource group, the other with AllRegions.
//
// Check relies on the API's response to a dry run. It cannot detect policies that decide by the instances that a listing
// would return, nor predict how much of a quota other programs will use.
func (c *Client) Check(ctx context.Context, opts *CheckOptions) *Report {
	k := &checker{client: c, report: &Report{}}
	if opts != nil {
		k.CheckOptions = *opts
	}
	if err := k.prepare(ctx); err != nil {
		advice := "correct the call of Check"
		if !errors.Is(err, ErrInvalidParameter) {
			advice = "the context had ended before Check was called: call it with one that is not done"
		}
		k.add(CheckStep{Name: stepSetup, Status: CheckStatusFailed, Detail: reason(err), Advice: advice, Err: err})
		return k.report
	}
	k.run(ctx)
	return k.report
}

// checker is one call of Check.
type checker struct {
	CheckOptions
	client  *Client   // the caller's
	regions []*Client // clients of the regions to check; the first dry run is sent through the first of them
	report  *Report
	source  string // where the key came from
	probed  []probe
}

// probe is one request whose result is a step.
type probe struct {
	client   *Client
	action   string
	optional bool
	send     func(context.Context) error
}

// step returns the step of a probe, without a result.
func (p probe) step() CheckStep {
	return CheckStep{Name: stepPermission, Region: p.client.region, Action: p.action, Optional: p.optional}
}

// add appends a step to the report.
func (k *checker) add(s CheckStep) {
	k.report.Steps = append(k.report.Steps, s)
	if k.OnStep != nil {
		k.OnStep(s)
	}
}

// prepare checks the arguments of Check.
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
	case checkRegions("CheckOptions.Exclude", k.Exclude...) != nil:
		return invalidCall(call, region, checkRegions("CheckOptions.Exclude", k.Exclude...))
	}
	requests := []DescribeInstancesRequest{}
	for _, req := range k.Requests {
		split, err := req.split(ctx)
		if err != nil {
			return invalidCall(call, region, err)
		}
		req = split[0]
		req.MaxResults, req.NextToken = 0, ""
		requests = append(requests, req)
	}
	if len(requests) == 0 {
		requests = append(requests, DescribeInstancesRequest{})
	}
	k.Requests = requests
	return k.addRegions(k.Regions)
}

// addRegions appends clients of the given regions, each once; the client's own region comes first.
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

// run carries out the steps.
func (k *checker) run(ctx context.Context) {
	first := k.regions[0]
	probes := k.probes(first, true)
	if !k.checkCredentials(ctx) {
		for _, name := range []string{stepProxy, stepDNS, stepConnect, stepTLS, stepResponse, stepClock, stepSignature} {
			k.skip(CheckStep{Name: name, Region: first.region})
		}
		k.skipProbes(append(probes, k.otherProbes()...))
		k.addQuota()
		return
	}
	var trace connectionTrace
	start := time.Now()
	err := probes[0].send(httptrace.WithClientTrace(ctx, trace.hooks()))
	e, _ := err.(*Error) //nolint:errorlint // the failed call itself
	reached := k.addEndpointSteps(first, &trace, e, ctx.Err() != nil)
	accepted := k.addClock(first, e, reached) && k.addSignature(e, reached)
	switch {
	case reached && accepted:
		k.probed = append(k.probed, probes[0])
		step := permissionStep(probes[0], err)
		step.Duration = time.Since(start)
		k.add(step)
		if k.AllRegions { // the other regions are known when the probes of the first have been sent
			k.sendProbes(ctx, probes[1:])
			k.sendProbes(ctx, k.otherProbes())
		} else {
			k.sendProbes(ctx, append(probes[1:], k.otherProbes()...))
		}
	case accepted && e.problem != transport.ProxyFailed:
		k.skipProbes(probes)
		k.sendElsewhere(ctx, first.host)
	default:
		k.skipProbes(append(probes, k.otherProbes()...))
	}
	k.addQuota()
}

// sendElsewhere checks the regions whose endpoint is not host, which does not respond.
func (k *checker) sendElsewhere(ctx context.Context, host string) {
	var elsewhere []probe
	for _, p := range k.otherProbes() {
		if p.client.host == host {
			k.skip(p.step())
			continue
		}
		elsewhere = append(elsewhere, p)
	}
	k.sendProbes(ctx, elsewhere)
}

// probes returns the requests of one region. DescribeRegions is sent to the first region only.
func (k *checker) probes(c *Client, first bool) (probes []probe) {
	if first && k.AllRegions && slices.Contains(k.Exclude, c.region) {
		return []probe{k.regionsProbe(c)}
	}
	capped := false
	for _, req := range k.Requests {
		capped = capped || len(req.Tags) > 0 || req.ResourceGroupID != ""
		probes = append(probes, probe{c, describeInstances, false, func(ctx context.Context) error { return c.DryRun(ctx, req) }})
	}
	if first {
		probes = append(probes, k.regionsProbe(c))
	}
	return append(probes, probe{c, listTagResources, !capped, func(ctx context.Context) error {
		// No resource has this tag, so the response is an empty list.
		return c.Call(ctx, listTagResources, url.Values{"ResourceType": {string(ResourceTypeInstance)}, "Tag.1.Key": {"ecs-sdk-permission-check"}}, nil)
	}})
}

// regionsProbe returns the request that lists the regions.
func (k *checker) regionsProbe(c *Client) probe {
	return probe{c, describeRegions, !k.AllRegions, func(ctx context.Context) error {
		regions, err := c.allRegions(ctx)
		if err == nil && k.AllRegions {
			err = k.addRegions(slices.DeleteFunc(regions, func(region string) bool { return slices.Contains(k.Exclude, region) }))
		}
		return err
	}}
}

// otherProbes returns the requests of all regions but the first.
func (k *checker) otherProbes() (probes []probe) {
	for _, c := range k.regions[1:] {
		probes = append(probes, k.probes(c, false)...)
	}
	return probes
}

// sendProbes sends requests in parallel and adds their steps in order.
func (k *checker) sendProbes(ctx context.Context, probes []probe) {
	if len(probes) == 0 || ctx.Err() != nil {
		k.skipProbes(probes)
		return
	}
	k.probed = append(k.probed, probes...)
	type result struct {
		index int
		step  CheckStep
	}
	runs := make([]func(context.Context) iter.Seq2[result, error], len(probes))
	for i, p := range probes {
		// The context of Merge is not for the probes: they report themselves that ctx has ended.
		runs[i] = func(context.Context) iter.Seq2[result, error] {
			return func(yield func(result, error) bool) {
				start := time.Now()
				step := permissionStep(p, p.send(ctx))
				step.Duration = time.Since(start)
				yield(result{i, step}, nil)
			}
		}
	}
	steps, next := make([]CheckStep, len(probes)), 0
	for r := range pagination.Merge(context.WithoutCancel(ctx), maxProbes, runs...) { //nolint:errcheck // no run yields an error
		for steps[r.index] = r.step; next < len(steps) && steps[next].Name != ""; next++ {
			k.add(steps[next])
		}
	}
}

// skip adds a step that could not run because an earlier one failed.
func (k *checker) skip(s CheckStep) {
	s.Status, s.Detail = CheckStatusSkipped, "an earlier step failed"
	k.add(s)
}

func (k *checker) skipProbes(probes []probe) {
	for _, p := range probes {
		k.skip(p.step())
	}
}

// permissionStep returns the step of a probe that ended with err. The permission is unknown unless the API itself refused
// the request, for a reason that does not pass.
func permissionStep(p probe, err error) CheckStep {
	s := p.step()
	s.Status, s.Detail, s.Err = CheckStatusPassed, "permitted", err
	e, ok := err.(*Error) //nolint:errorlint // the failed call itself
	if !ok {
		return s
	}
	s.Status, s.Detail, s.Advice = CheckStatusUnknown, causeText(e), cmp.Or(connectAdvice(p.client, e), e.whatToDo())
	switch {
	case e.Code == "" && e.Message != "" && e.err == nil: // the server ignored DryRun
		s.Advice = "only a listing can show whether it is permitted: Options.TrustEmpty accepts an empty one"
		s.Optional = p.client.trustEmpty
	case e.Code == "" || errors.Is(e, ErrThrottled) || errors.Is(e, ErrUnavailable):
		s.Advice = cmp.Or(s.Advice, "the API did not decide: check the network, and try again later")
	case errors.Is(e, ErrForbidden):
		if p.action == describeInstances && e.AccessDenied != nil && isOtherAction(e.AccessDenied.AuthAction) {
			s.Optional = true // see verifyEmpty
			s.Advice = "listing works without " + printable(e.AccessDenied.AuthAction) + ", which only the dry run needs"
			break
		}
		s.Status, s.Detail, s.Advice = CheckStatusFailed, s.Detail+policyText(e), denialAdvice(e)
	default:
		s.Status = CheckStatusFailed
		s.Advice = cmp.Or(s.Advice, "the API does not accept this request: correct it")
	}
	if s.Optional && s.Status == CheckStatusFailed {
		s.Advice += map[string]string{
			describeRegions:  ": it is needed only to list all regions",
			listTagResources: ": it is needed only to list more than 1,000 instances by tag or resource group",
		}[p.action]
	}
	return s
}

// causeText returns what went wrong in a call, without what identifies the request and without advice.
func causeText(e *Error) string {
	text := e.Message
	switch {
	case e.Code != "":
		message, _, _ := strings.Cut(e.Message, " server string to sign") // of SignatureDoesNotMatch
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
