package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-querystring/query"

	"github.com/aliyun-ecs/sdk-go/internal/transport"
	"github.com/aliyun-ecs/sdk-go/pagination"
)

const describeInstances = "DescribeInstances"

// Limits of one DescribeInstances request, from the API's parameter table.
const (
	maxBatch      = 100 // ids or addresses in one list, rows in one page
	maxTags       = 20
	maxAttributes = 20
)

// DescribeInstancesRequest filters a listing. The zero value asks for every instance of the client's region.
//
// All given filters must match (AND). A zero field is not sent. It is passed by value and never modified, so one
// request may serve any number of goroutines. Each comment names the API parameter where it differs from the field.
type DescribeInstancesRequest struct {
	VPCID           string `url:"VpcId,omitempty"`
	VSwitchID       string `url:"VSwitchId,omitempty"`
	ZoneID          string `url:"ZoneId,omitempty"`
	SecurityGroupID string `url:"SecurityGroupId,omitempty"`
	ImageID         string `url:"ImageId,omitempty"`
	KeyPairName     string `url:"KeyPairName,omitempty"`
	// ResourceGroupID: the API stops at 1,000 instances without a sign; the iterators go on, see [CappedError].
	// Whether the default group can be asked for is documented both ways.
	ResourceGroupID string `url:"ResourceGroupId,omitempty"`
	HPCClusterID    string `url:"HpcClusterId,omitempty"`
	// InstanceName may hold "*" as a wildcard.
	InstanceName       string `url:"InstanceName,omitempty"`
	InstanceType       string `url:"InstanceType,omitempty"`
	InstanceTypeFamily string `url:"InstanceTypeFamily,omitempty"`
	// RDMAIPAddresses is a single address; whether the API takes several here is not documented.
	RDMAIPAddresses string `url:"RdmaIpAddresses,omitempty"`

	// InstanceNetworkType: "" is sent as the network that the address lists below need, if any is set, since the API
	// would not look at them otherwise. The other network than they are of is refused.
	InstanceNetworkType InstanceNetworkType `url:"InstanceNetworkType,omitempty"`
	InstanceChargeType  InstanceChargeType  `url:"InstanceChargeType,omitempty"`
	InternetChargeType  InternetChargeType  `url:"InternetChargeType,omitempty"`
	Status              InstanceStatus      `url:"Status,omitempty"`
	LockReason          LockReason          `url:"LockReason,omitempty"`
	HTTPEndpoint        MetadataEndpoint    `url:"HttpEndpoint,omitempty"`
	HTTPTokens          MetadataTokens      `url:"HttpTokens,omitempty"`

	// Lists of at most 100. nil is no filter; an empty list matches nothing. The iterators accept any number of
	// InstanceIDs and ask in batches; a single DescribeInstances refuses more than 100. An id that is there twice is sent once.
	InstanceIDs        JSONList `url:"InstanceIds"`
	InnerIPAddresses   JSONList `url:"InnerIpAddresses"`   // of the classic network
	PrivateIPAddresses JSONList `url:"PrivateIpAddresses"` // of a VPC
	PublicIPAddresses  JSONList `url:"PublicIpAddresses"`
	EIPAddresses       JSONList `url:"EipAddresses"` // of a VPC

	// IPv6Addresses (Ipv6Address.N), at most 100. The API has no form for a list that matches nothing: nil and empty are
	// no filter. An empty address is refused, since it may be none either.
	IPv6Addresses RepeatList[string] `url:"Ipv6Address"`
	// Tags (Tag.N.Key, Tag.N.Value), at most 20, all of which must match; nil and empty are no filter. The API
	// stops at 1,000 instances without a sign; the iterators go on, see [CappedError].
	Tags TagList `url:"Tag"`
	// AdditionalAttributes (AdditionalAttributes.N), at most 20, ask for members left empty otherwise.
	AdditionalAttributes RepeatList[AdditionalAttribute] `url:"AdditionalAttributes"`

	// Time windows (Filter.1 CreationStartTime … Filter.4 ExpiredEndTime). The API knows whole minutes in UTC: After is
	// rounded down and Before up, so that rounding can only widen a window. Whether the API's bounds are inclusive is
	// not documented.
	CreatedAfter  time.Time `url:"-"`
	CreatedBefore time.Time `url:"-"`
	ExpiresAfter  time.Time `url:"-"`
	ExpiresBefore time.Time `url:"-"`

	// nil is not sent.
	IOOptimized             *bool `url:"IoOptimized,omitempty"`
	NeedSaleCycle           *bool `url:"NeedSaleCycle,omitempty"`           // by invitation
	DeviceAvailable         *bool `url:"DeviceAvailable,omitempty"`         // by invitation
	HTTPPutResponseHopLimit *int  `url:"HttpPutResponseHopLimit,omitempty"` // by invitation

	// Page mode, only in a single DescribeInstances: PageNumber from 1, PageSize up to 100 (API default 10). The API
	// has announced its end. The iterators refuse it, and so does a request that also sets MaxResults or NextToken,
	// because the API would ignore the page silently.
	PageNumber int `url:"PageNumber,omitempty"`
	PageSize   int `url:"PageSize,omitempty"`
	// MaxResults is the page size of token mode. The API raises values below 10 to 10 and cuts those above 100.
	// 0 is 100 in the iterators and the API's 10 in a single DescribeInstances.
	MaxResults int `url:"MaxResults,omitempty"`
	// NextToken continues an earlier listing with the same filters.
	NextToken string `url:"NextToken,omitempty"`

	// For calls on behalf of another account.
	OwnerAccount         string `url:"OwnerAccount,omitempty"`
	ResourceOwnerAccount string `url:"ResourceOwnerAccount,omitempty"`
	OwnerID              int64  `url:"OwnerId,omitempty"`
	ResourceOwnerID      int64  `url:"ResourceOwnerId,omitempty"`
}

// DescribeInstancesResponse is one page.
type DescribeInstancesResponse struct {
	RequestID string
	NextToken string // "" on the last page
	// Page mode only: with MaxResults or NextToken the API sends no meaningful values here.
	PageNumber, PageSize, TotalCount int
	Instances                        []Instance
	// Undecoded describes what could not be read: a member, whose instance is among Instances without it, or (with an empty
	// InstanceID) a whole instance. nil if all could be read.
	Undecoded []*DecodeError
}

// wireRequest is what travels: the request and what the caller cannot set.
type wireRequest struct {
	DescribeInstancesRequest
	RegionID      string     `url:"RegionId"`
	CreatedAfter  timeFilter `url:"Filter.1"`
	CreatedBefore timeFilter `url:"Filter.2"`
	ExpiresAfter  timeFilter `url:"Filter.3"`
	ExpiresBefore timeFilter `url:"Filter.4"`
	DryRun        bool       `url:"DryRun,omitempty"`
}

// encode checks the request and gives its parameters. It refuses only what is sure to be wrong.
func (r DescribeInstancesRequest) encode(region string, dryRun bool) (url.Values, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	r.InstanceNetworkType = cmp.Or(r.InstanceNetworkType, r.impliedNetwork())
	if len(r.InstanceIDs) > 1 {
		r.InstanceIDs = unique(r.InstanceIDs)
	}
	return query.Values(wireRequest{
		DescribeInstancesRequest: r,
		RegionID:                 region,
		CreatedAfter:             timeFilter{"CreationStartTime", floorMinute(r.CreatedAfter)},
		CreatedBefore:            timeFilter{"CreationEndTime", ceilMinute(r.CreatedBefore)},
		ExpiresAfter:             timeFilter{"ExpiredStartTime", floorMinute(r.ExpiresAfter)},
		ExpiresBefore:            timeFilter{"ExpiredEndTime", ceilMinute(r.ExpiresBefore)},
		DryRun:                   dryRun,
	})
}

// impliedNetwork is the network whose addresses the request names.
func (r DescribeInstancesRequest) impliedNetwork() InstanceNetworkType {
	switch {
	case r.PrivateIPAddresses != nil || r.EIPAddresses != nil:
		return InstanceNetworkTypeVPC
	case r.InnerIPAddresses != nil:
		return InstanceNetworkTypeClassic
	default:
		return ""
	}
}

func (r DescribeInstancesRequest) validate() error {
	for _, l := range []struct {
		field    string
		len, max int
	}{
		{"InstanceIDs", len(r.InstanceIDs), maxBatch},
		{"InnerIPAddresses", len(r.InnerIPAddresses), maxBatch},
		{"PrivateIPAddresses", len(r.PrivateIPAddresses), maxBatch},
		{"PublicIPAddresses", len(r.PublicIPAddresses), maxBatch},
		{"EIPAddresses", len(r.EIPAddresses), maxBatch},
		{"IPv6Addresses", len(r.IPv6Addresses), maxBatch},
		{"Tags", len(r.Tags), maxTags},
		{"AdditionalAttributes", len(r.AdditionalAttributes), maxAttributes},
	} {
		if l.len > l.max {
			return invalid(l.field, "has %d elements, the API takes at most %d", l.len, l.max)
		}
	}
	if err := r.checkNetwork(); err != nil {
		return err
	}
	if i := slices.Index(r.IPv6Addresses, ""); i >= 0 {
		return invalid(fmt.Sprintf("IPv6Addresses[%d]", i), "is empty, which may be no filter at all")
	}
	if err := checkTags(r.Tags); err != nil {
		return err
	}
	for _, n := range []struct {
		field string
		value int
	}{{"PageNumber", r.PageNumber}, {"PageSize", r.PageSize}, {"MaxResults", r.MaxResults}} {
		if n.value < 0 {
			return invalid(n.field, "is %d, must not be negative", n.value)
		}
	}
	if l := r.HTTPPutResponseHopLimit; l != nil && *l < 0 {
		return invalid("HTTPPutResponseHopLimit", "is %d, must not be negative", *l)
	}
	if (r.PageNumber != 0 || r.PageSize != 0) && (r.MaxResults != 0 || r.NextToken != "") {
		return invalid("PageNumber", "and PageSize are ignored by the API together with MaxResults or NextToken: use one kind of paging")
	}
	return nil
}

// checkNetwork finds addresses that the API would not look at: it would list the whole network instead.
func (r DescribeInstancesRequest) checkNetwork() error {
	vpc := r.PrivateIPAddresses != nil || r.EIPAddresses != nil
	switch inner := r.InnerIPAddresses != nil; {
	case r.InstanceNetworkType == "" && inner && vpc:
		return invalid("InnerIPAddresses", "are of another network than PrivateIPAddresses and EIPAddresses: no instance has both")
	case r.InstanceNetworkType == InstanceNetworkTypeVPC && inner && !vpc:
		return invalid("InnerIPAddresses", "are of the classic network, and the API ignores them in a VPC: leave InstanceNetworkType empty")
	case r.InstanceNetworkType == InstanceNetworkTypeClassic && vpc && !inner:
		field := "PrivateIPAddresses"
		if r.PrivateIPAddresses == nil {
			field = "EIPAddresses"
		}
		return invalid(field, "are of a VPC, and the API ignores them in the classic network: leave InstanceNetworkType empty")
	}
	return nil
}

// matchesNothing reports a filter that the API answers with an empty list by definition.
func (r DescribeInstancesRequest) matchesNothing() bool {
	for _, l := range []JSONList{r.InstanceIDs, r.InnerIPAddresses, r.PrivateIPAddresses, r.PublicIPAddresses, r.EIPAddresses} {
		if l != nil && len(l) == 0 {
			return true
		}
	}
	return false
}

// DescribeInstances asks for one page. A zero request gives the API's default of 10 instances: to see them all use
// [Client.Instances]. More than 100 InstanceIDs are refused here.
//
// What could not be read is in the response's Undecoded. An empty page may mean that the caller lacks
// permission: only the iterators and [Client.DryRun] tell.
func (c *Client) DescribeInstances(ctx context.Context, req DescribeInstancesRequest) (*DescribeInstancesResponse, error) {
	params, err := req.encode(c.region, false)
	if err != nil {
		return nil, refused(describeInstances, c.region, err)
	}
	var resp *DescribeInstancesResponse
	meta, err := c.do(ctx, retryRead, describeInstances, params, func(body []byte) (err error) {
		resp, err = decodeDescribeInstances(body)
		return err
	})
	if err != nil {
		return nil, err
	}
	resp.RequestID = cmp.Or(resp.RequestID, meta.RequestID)
	return resp, nil
}

// DryRun checks, without listing, that the caller may list and that the API accepts the request. nil: the call would be
// allowed. ErrForbidden: it would be denied. ErrInvalidParameter: a parameter is wrong, or there are more than 100
// InstanceIDs. An API that ignores the dry run is an error too.
func (c *Client) DryRun(ctx context.Context, req DescribeInstancesRequest) error {
	params, err := req.encode(c.region, true)
	if err != nil {
		return refused(describeInstances, c.region, err)
	}
	meta, err := c.do(ctx, retryRead, describeInstances, params, decodeInto(nil))
	if err == nil {
		return &Error{
			Action: describeInstances, Region: c.region, RequestID: meta.RequestID, Attempts: meta.Attempts, StatusCode: 200,
			Message: "the server ignored DryRun, so nothing is known about the permission",
		}
	}
	var e *Error
	if errors.As(err, &e) && e.Code == "DryRunOperation" {
		return nil
	}
	return err
}

// Instances yields every instance that matches the request, each once, page by page as the loop goes on. The listing is
// complete if and only if the loop ends without an error.
//
// An error comes once, last, with the zero Instance. [*IncompleteError] means that all was delivered but for the
// instances it names. An empty listing is checked by a dry run, so that it does not hide a missing permission
// (ErrForbidden; see Options.TrustEmpty). pagination.ErrTokenLoop means that the server repeats itself.
//
// Nothing happens before the loop starts, breaking out of it ends all I/O, and each loop over the returned sequence
// lists anew. When ctx ends in the middle of a page, its other instances still come: the error is due with the next page.
// The request must not use page mode; more than 100 InstanceIDs are asked for in batches.
func (c *Client) Instances(ctx context.Context, req DescribeInstancesRequest) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		l := listing{client: c, trustEmpty: c.trustEmpty}
		l.instances(ctx, req)(yield)
	}
}

// StreamInstances is like [Client.Instances], but a goroutine lists the instances and sends them to the channel of the
// returned stream. It fetches the next page while the consumer works on the current one.
//
// The caller must read stream.C to its end, call Stop, or cancel ctx. After C is closed, Err returns nil if the listing is
// complete or was stopped, otherwise the error that Instances would have yielded. A request that cannot be sent, and a nil
// ctx, are reported by Err however early the stream is stopped.
func (c *Client) StreamInstances(ctx context.Context, req DescribeInstancesRequest) *pagination.Stream[Instance] {
	// One less than a page: the next page is fetched once the first instance of this one is received, and no page after that.
	buffer := min(cmp.Or(max(req.MaxResults, 0), maxBatch), maxBatch) - 1
	parent := ctx
	if ctx == nil {
		parent = context.Background() // Instances reports the nil context
	}
	return pagination.NewStream(parent, buffer, func(running context.Context) iter.Seq2[Instance, error] {
		if ctx == nil {
			running = nil
		}
		return c.Instances(running, req)
	})
}

// InstancePages is [Client.Instances] by pages, for those who need request ids or Undecoded as they come. Instances seen
// on an earlier page are left out of later ones. A page may be empty and still not be the last.
func (c *Client) InstancePages(ctx context.Context, req DescribeInstancesRequest) iter.Seq2[*DescribeInstancesResponse, error] {
	return func(yield func(*DescribeInstancesResponse, error) bool) {
		l := listing{client: c, trustEmpty: c.trustEmpty}
		if err := l.run(ctx, req, func(page *DescribeInstancesResponse) bool { return yield(page, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

// listing is one walk over everything a request matches.
type listing struct {
	client     *Client
	trustEmpty bool
	seen       idSet
	rows       int // that came, repeated ones included
	delivered  int
	withheld   int // instances whose id could not be read
	undecoded  []*DecodeError
}

// take counts a page, and removes from it the instances that an earlier page had, with their errors.
func (l *listing) take(page *DescribeInstancesResponse) *DescribeInstancesResponse {
	l.rows += page.rows()
	page.Instances = slices.DeleteFunc(page.Instances, func(i Instance) bool { return !l.seen.add(i.InstanceID) })
	if len(page.Undecoded) > 0 {
		kept := map[string]bool{"": true} // a withheld instance has no id
		for i := range page.Instances {
			kept[page.Instances[i].InstanceID] = true
		}
		named := map[[2]string]bool{}
		page.Undecoded = slices.DeleteFunc(page.Undecoded, func(d *DecodeError) bool {
			member := [2]string{d.InstanceID, d.Path}
			repeated := !kept[d.InstanceID] || d.InstanceID != "" && named[member]
			named[member] = true
			return repeated
		})
		for i, d := range page.Undecoded {
			if d.InstanceID == "" {
				l.withheld++
			}
			if len(l.undecoded)+i >= maxRawTexts {
				d.Raw = nil
			}
		}
	}
	l.delivered += len(page.Instances)
	l.undecoded = append(l.undecoded, page.Undecoded...)
	return page
}

// instances is run, flat. It may be ranged once.
func (l *listing) instances(ctx context.Context, req DescribeInstancesRequest) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		if err := l.run(ctx, req, eachInstance(yield)); err != nil {
			yield(Instance{}, err)
		}
	}
}

// eachInstance yields the instances of a page, and reports whether to go on.
func eachInstance(yield func(Instance, error) bool) func(*DescribeInstancesResponse) bool {
	return func(page *DescribeInstancesResponse) bool {
		for i := range page.Instances {
			if !yield(page.Instances[i], nil) {
				return false
			}
		}
		return true
	}
}

// errStopped is a consumer that wants no more.
var errStopped = errors.New("stopped")

// run yields the pages of the whole listing. It returns nil also when yield stopped it.
func (l *listing) run(ctx context.Context, req DescribeInstancesRequest, yield func(*DescribeInstancesResponse) bool) error {
	batches, err := req.batches(ctx)
	if err != nil {
		return refused(describeInstances, l.client.region, err)
	}
	for _, batch := range batches {
		if err = l.chain(ctx, batch, yield); err != nil {
			break
		}
	}
	if err == nil {
		err = l.pastCap(ctx, req, yield)
	}
	if err == nil {
		err = l.checked(ctx, req)
	}
	return l.outcome(err)
}

// chain walks the token pages of one request.
func (l *listing) chain(ctx context.Context, req DescribeInstancesRequest, yield func(*DescribeInstancesResponse) bool) error {
	for page, err := range l.client.pages(ctx, req) {
		if err != nil {
			return err
		}
		if !yield(l.take(page)) {
			return errStopped
		}
	}
	return nil
}

// checked makes sure that an empty listing is true.
func (l *listing) checked(ctx context.Context, req DescribeInstancesRequest) error {
	if l.rows > 0 || l.trustEmpty || req.matchesNothing() {
		return nil
	}
	_, err := l.client.confirmEmpty(ctx, req)
	return err
}

// outcome is the last word of a listing that ended with err or nil.
func (l *listing) outcome(err error) error {
	_, capped := err.(*CappedError) //nolint:errorlint // pastCap's own, not one that the context was cancelled with
	switch {
	case errors.Is(err, errStopped):
		return nil
	case err != nil && !capped:
		return failure(describeInstances, l.client.region, err)
	case len(l.undecoded) == 0:
		return err
	}
	incomplete := &IncompleteError{Undecoded: l.undecoded, region: l.client.region}
	if capped {
		return fmt.Errorf("%w; %w", err, incomplete)
	}
	return incomplete
}

// batches prepares a request for token paging and splits its ids into requests the API accepts.
func (r DescribeInstancesRequest) batches(ctx context.Context) ([]DescribeInstancesRequest, error) {
	if ctx == nil {
		return nil, errNilContext
	}
	if r.PageNumber != 0 || r.PageSize != 0 {
		return nil, invalid("PageNumber", "and PageSize are for a single DescribeInstances: a listing pages by itself, MaxResults sets its page size")
	}
	if r.MaxResults == 0 {
		r.MaxResults = maxBatch
	}
	if len(r.InstanceIDs) > 0 {
		r.InstanceIDs = unique(r.InstanceIDs)
	}
	if len(r.InstanceIDs) <= maxBatch {
		return []DescribeInstancesRequest{r}, r.validate()
	}
	if r.NextToken != "" {
		return nil, invalid("NextToken", "cannot continue a listing of more than %d InstanceIDs", maxBatch)
	}
	var batches []DescribeInstancesRequest
	for ids := range slices.Chunk(r.InstanceIDs, maxBatch) {
		batch := r
		batch.InstanceIDs = ids
		batches = append(batches, batch)
	}
	return batches, batches[0].validate()
}

// unique keeps the first of equal strings, in order.
func unique(list []string) []string {
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		had := seen[s]
		seen[s] = true
		return had
	})
}

// pages walks the token pages of one request, as they come.
func (c *Client) pages(ctx context.Context, req DescribeInstancesRequest) iter.Seq2[*DescribeInstancesResponse, error] {
	return func(yield func(*DescribeInstancesResponse, error) bool) {
		next, page := req, (*DescribeInstancesResponse)(nil)
		// What counts is how many rows came: a page of unreadable ones is not empty.
		fetch := func(ctx context.Context, token string) (rows pagination.Page[struct{}], err error) {
			next.NextToken = cmp.Or(token, req.NextToken) // the caller's, on the first page
			if page, err = c.DescribeInstances(ctx, next); err != nil {
				return rows, err
			}
			return pagination.Page[struct{}]{Items: make([]struct{}, page.rows()), Next: page.NextToken}, nil
		}
		for _, err := range pagination.Pages(ctx, fetch) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(page, nil) {
				return
			}
		}
	}
}

// parallelPages walks several requests at once, at most limit.
func (c *Client) parallelPages(ctx context.Context, limit int, reqs []DescribeInstancesRequest) iter.Seq2[*DescribeInstancesResponse, error] {
	runs := make([]func(context.Context) iter.Seq2[*DescribeInstancesResponse, error], len(reqs))
	for i, req := range reqs {
		runs[i] = func(ctx context.Context) iter.Seq2[*DescribeInstancesResponse, error] { return c.pages(ctx, req) }
	}
	return pagination.Merge(ctx, limit, runs...)
}

// checkEmpty finds out by a dry run whether an empty listing is true: a caller without permission gets an empty list,
// not an error.
//
//	the dry run …                           the empty listing …
//	passes                                  is true
//	is denied                               was not shown: its error, ErrForbidden
//	is denied for want of another action    is believed: the caller may list, but not dry-run
//	fails in another way, or is ignored     is believed: that says nothing about the list
//	does not end before ctx, or would not   ends with the context's error
//
// Where it can only be believed, sure is false and err says why.
func (c *Client) checkEmpty(ctx context.Context, req DescribeInstancesRequest) (sure bool, err error) {
	req.MaxResults, req.NextToken = 0, ""
	if len(req.InstanceIDs) > maxBatch {
		req.InstanceIDs = req.InstanceIDs[:maxBatch]
	}
	err = c.DryRun(ctx, req)
	if err == nil || ctx.Err() != nil || transport.PastDeadline(err) {
		return true, err
	}
	var e *Error
	if errors.As(err, &e) && errors.Is(e, ErrForbidden) {
		return e.AccessDenied == nil || e.AccessDenied.AuthAction == "" || strings.EqualFold(e.AccessDenied.AuthAction, "ecs:"+describeInstances), err
	}
	return false, err
}

// confirmEmpty is checkEmpty, without an error where the listing is believed.
func (c *Client) confirmEmpty(ctx context.Context, req DescribeInstancesRequest) (sure bool, err error) {
	sure, err = c.checkEmpty(ctx, req)
	if sure {
		return true, err
	}
	c.logger.LogAttrs(ctx, slog.LevelWarn, "ecs: an empty listing could not be checked by a dry run and is believed",
		slog.String("region", c.region), slog.String("reason", err.Error()))
	return false, nil
}
