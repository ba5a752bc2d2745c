package ecstest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

const (
	tagPageSize      = 50            // maximum number of tags on a page
	maxTagValues     = 5             // maximum number of values in a TagFilter
	resourceGroupKey = "acs:rm:rgId" // the tag key that represents the resource group
)

var taggedResourceTypes = strings.Fields(`instance disk snapshot image securitygroup volume eni ddh ddhcluster keypair launchtemplate
	reservedinstance snapshotpolicy elasticityassurance capacityreservation command invocation activation managedinstance`)

// tagFilter matches an instance that has a tag with the given key and one of the given values. If there are no values,
// any value matches.
type tagFilter struct {
	key    string
	values []string
}

func (f tagFilter) matches(tags []ecs.Tag) bool {
	return slices.ContainsFunc(tags, func(t ecs.Tag) bool {
		return t.Key == f.key && (len(f.values) == 0 || slices.Contains(f.values, t.Value))
	})
}

func (s *Server) listTagResources(x *exchange, p *params) any {
	if p.highest("ResourceId") > 50 {
		p.fail(newError(400, "NumberExceed.ResourceIds", "The maximum number of ResourceIds is exceeded."))
	}
	ids, filters := p.repeated("ResourceId", 50), p.tagFilters()
	if p.Get("ResourceType") == "" {
		p.fail(newError(404, "MissingParameter.ResourceType", "The parameter ResourceType is needed but not provided."))
	}
	p.oneOf("ResourceType", 404, "InvalidResourceType.NotFound", taggedResourceTypes...)
	if len(ids) == 0 && len(filters) == 0 {
		p.fail(newError(404, "MissingParameter.ResourceIds", "One of ResourceId.N, Tag.N and TagFilter.N is needed."))
	}
	binding := tokenBinding(p.Values)
	pos, err := s.openToken(p.Get("NextToken"), binding)
	if err != nil {
		p.fail(err)
	}
	if p.err != nil {
		return nil
	}
	rows, more := []object{}, false
	if p.Get("ResourceType") == "instance" { // the server has no other resources
		rows, pos, more = s.fleet.tagPage(x.region, ids, filters, pos)
	}
	token := s.nextToken(x, p, pos, binding, more)
	if !more && x.RepeatEndToken {
		token = p.Get("NextToken")
	}
	return object{"RequestId": x.requestID, "NextToken": token, "TagResources": object{"TagResource": rows}}
}

// tagFilters parses Tag.N and TagFilter.N.
func (p *params) tagFilters() []tagFilter {
	tags := p.tags()
	if p.err != nil { // ListTagResources has other error codes than DescribeInstances
		switch p.err.Code {
		case "InvalidTagCount":
			p.err.Code = "NumberExceed.Tags"
		case "InvalidTag.Mismatch":
			p.err.Code = "InvalidParameter.TagValue"
		}
	}
	var filters []tagFilter
	for i, t := range tags {
		if slices.ContainsFunc(tags[:i], func(other ecs.Tag) bool { return other.Key == t.Key }) {
			p.fail(newError(400, "Duplicate.TagKey", "The Tag.N.Key contain duplicate key."))
		}
		if t.Key == resourceGroupKey && len(tags) > 1 {
			p.fail(newError(400, "InvalidTagKey.Malformed", "The tag key %s must be the only one.", resourceGroupKey))
		}
		f := tagFilter{key: t.Key}
		if t.Value != "" {
			f.values = []string{t.Value}
		}
		filters = append(filters, f)
	}
	highest := p.highest("TagFilter")
	if highest > maxTags {
		p.fail(newError(400, "NumberExceed.Tags", "The maximum number of TagFilters is exceeded."))
	}
	for n := range min(highest, maxTags) {
		name := "TagFilter." + strconv.Itoa(n+1)
		if f := (tagFilter{p.Get(name + ".TagKey"), p.repeated(name+".TagValues", maxTagValues)}); f.key != "" {
			filters = append(filters, f)
		} else if f.values != nil {
			p.fail(newError(400, "InvalidParameter.TagValue", "The parameter %s.TagKey is needed but not provided.", name))
		}
	}
	return filters
}

// tagPage returns a page of the matching instances' tags, and the position at which the next page begins.
func (f *fleet) tagPage(region string, ids []string, filters []tagFilter, from position) (rows []object, next position, more bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	rows = []object{}
	byGroup := len(filters) == 1 && filters[0].key == resourceGroupKey
	list := f.candidates(region, &query{ids: ids})
	for _, it := range list[indexAfter(list, max(from.seq, 1)-1):] {
		tags := it.Tags
		if byGroup {
			tags = nil
			if it.ResourceGroupID != "" {
				tags = []ecs.Tag{{Key: resourceGroupKey, Value: it.ResourceGroupID}}
			}
		}
		if slices.ContainsFunc(filters, func(f tagFilter) bool { return !f.matches(tags) }) {
			continue
		}
		first := 0
		if it.seq == from.seq {
			first = min(from.count, len(tags))
		}
		for n, t := range tags[first:] {
			if len(rows) == tagPageSize {
				return rows, position{it.seq, first + n}, true
			}
			rows = append(rows, object{"ResourceId": it.InstanceID, "ResourceType": "instance", "TagKey": t.Key, "TagValue": t.Value})
		}
	}
	return rows, position{}, false
}
