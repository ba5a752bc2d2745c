package ecs

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

// expectedTotal is the number of instances that a scan expects before it knows their number. A scan of about this size
// reads all its samples while it fetches the first page.
const expectedTotal = 10_000

// listOrder is the order in which the API lists instances. The API does not document an order. If instances are listed
// in the order of their creation, the position of an instance is the number of older or younger instances.
type listOrder int

const (
	unordered listOrder = iota
	oldestFirst
	youngestFirst
)

// sample contains the creation times of consecutive instances of a listing.
type sample struct {
	position int // number of instances that are listed before the sample
	total    int // number of instances in the listing
	created  []time.Time
}

// end returns the position after the last instance of the sample.
func (s sample) end() int { return s.position + len(s.created) }

// samplePositions returns positions that divide a listing into one part for each worker, or into several parts for each
// worker if the parts would have more than maxWindow instances. A part is slightly shorter than a whole number of
// pages, because a listing cannot be divided exactly at a position.
func samplePositions(total, workers, pageSize int) []int {
	share := fairShare(total, workers, pageSize)
	length := max(share-min(share/3, pageSize*6/10), ceilDiv(total, workers))
	length = max(ceilDiv(length, ceilDiv(length, maxWindow)), ceilDiv(total, 8*workers)) // limits the requests if total is wrong
	var positions []int
	for at := length; at < total-pageSize/2; at += length {
		positions = append(positions, at)
	}
	return positions
}

// missingPositions returns the positions at which a scan should read further samples. It returns nil if the existing
// samples divide the listing well or show that the listing is unordered, because reading further samples takes as long
// as listing a page.
func missingPositions(samples []sample, total, workers, pageSize int) []int {
	sortByPosition(samples)
	longest, end := 0, 0
	for _, s := range append(slices.Clone(samples), sample{position: total}) {
		longest, end = max(longest, s.position-end), s.position
	}
	if longest <= fairShare(total, workers, pageSize)+2*pageSize || orderOf(samples) == unordered {
		return nil
	}
	return slices.DeleteFunc(samplePositions(total, workers, pageSize), func(position int) bool {
		return slices.ContainsFunc(samples, func(s sample) bool { return s.position <= position && position < s.end() })
	})
}

// readSamples reads samples at the given positions with one request each. It omits the samples whose requests fail.
func (c *Client) readSamples(ctx context.Context, req DescribeInstancesRequest, positions []int, workers int) []sample {
	var reads []func(context.Context) iter.Seq2[sample, error]
	for _, position := range positions {
		reads = append(reads, func(ctx context.Context) iter.Seq2[sample, error] {
			return func(yield func(sample, error) bool) { yield(c.readSample(ctx, req, position)) }
		})
	}
	var samples []sample
	for s, err := range pagination.Merge(ctx, workers, reads...) {
		if err == nil {
			samples = append(samples, s)
		}
	}
	return samples
}

func (c *Client) readSample(ctx context.Context, req DescribeInstancesRequest, position int) (sample, error) {
	size := pageSizeAround(position)
	before := position / size // number of pages before the sample
	page, err := c.pageByNumber(ctx, req, before+1, size)
	if err != nil {
		return sample{}, err
	}
	return sample{position: before * size, total: page.TotalCount, created: creationTimes(page.Instances)}, nil
}

// pageSizeAround returns the page size for which the given position is closest to the middle of a page.
func pageSizeAround(position int) int {
	best, distance := maxPerRequest, maxPerRequest
	for size := maxPerRequest; size > maxPerRequest/2; size-- {
		if d := max(position%size-size/2, size/2-position%size); d < distance {
			best, distance = size, d
		}
	}
	return best
}

func creationTimes(instances []Instance) []time.Time {
	times := make([]time.Time, len(instances))
	for i, inst := range instances {
		times[i] = inst.CreationTime
	}
	return times
}

func sortByPosition(samples []sample) {
	slices.SortFunc(samples, func(a, b sample) int { return cmp.Compare(a.position, b.position) })
}

// createdIn returns the creation times in samples, which are sorted by position and may overlap.
func createdIn(samples []sample) []time.Time {
	var times []time.Time
	end := 0
	for _, s := range samples {
		times = append(times, s.created[min(max(end-s.position, 0), len(s.created)):]...)
		end = max(end, s.end())
	}
	return times
}

// orderOf determines the order of a listing from samples, which are sorted by position.
func orderOf(samples []sample) listOrder {
	times := createdIn(samples)
	if len(times) == 0 || slices.ContainsFunc(times, time.Time.IsZero) {
		return unordered
	}
	if slices.IsSortedFunc(times, time.Time.Compare) {
		return oldestFirst
	}
	if slices.IsSortedFunc(times, func(a, b time.Time) int { return b.Compare(a) }) {
		return youngestFirst
	}
	return unordered
}

// addSamples prepares a new plan with samples of the listing. If the listing is in the order of creation, the samples
// divide it. Otherwise, the plan uses them to choose the times at which it divides the listing after counting.
func (p *scanPlan) addSamples(samples []sample) {
	sortByPosition(samples)
	order := orderOf(samples)
	if order == unordered {
		p.created = slices.DeleteFunc(createdIn(samples), time.Time.IsZero)
		slices.SortFunc(p.created, time.Time.Compare)
		return
	}
	p.divided = true
	var cuts []cut
	for _, s := range samples {
		older := s.position
		if order == youngestFirst {
			slices.Reverse(s.created)
			older = s.total - s.end()
		}
		cuts = append(cuts, cutsAmong(s.created, older)...)
	}
	slices.SortStableFunc(cuts, func(a, b cut) int { return a.t.Compare(b.t) })
	youngest := p.spans[0]
	p.spans = nil
	for _, c := range cuts {
		if youngest.contains(c.t) {
			var older span
			older, youngest = youngest.split(c)
			p.spans = append(p.spans, older)
		}
	}
	p.spans = append(p.spans, youngest)
	p.chooseLimit()
}

// cutsAmong returns times that divide instances with the given creation times, which are in ascending order. It prefers
// gaps of three minutes, so that few instances are listed twice. The argument older is the number of instances created
// before the first creation time.
func cutsAmong(created []time.Time, older int) []cut {
	var cuts []cut
	middle, nearest := len(created)/2, 0
	for i := 1; i < len(created); i++ {
		switch gap := created[i].Sub(created[i-1]); {
		case gap > 2*time.Minute:
			cuts = append(cuts, cut{t: created[i-1].Add(2 * time.Minute).Truncate(time.Minute), n: older + i})
		case gap > 0 && max(i-middle, middle-i) < max(nearest-middle, middle-nearest):
			nearest = i
		}
	}
	switch {
	case len(cuts) > 0 || len(created) == 0:
		return cuts
	case nearest > 0:
		return []cut{{t: created[nearest].Truncate(time.Minute), n: older + nearest}}
	}
	return []cut{{t: created[0].Add(-2 * time.Minute).Truncate(time.Minute), n: older}}
}
