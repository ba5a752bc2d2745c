package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// state is what the file holds.
type state struct {
	Filters   string         `json:"filters"` // with which the API selected the instances
	Instances []ecs.Instance `json:"instances"`
}

// filtersOf returns the filters of a request as a text to compare. Times are left out: those relative to now differ at each start.
func filtersOf(r ecs.DescribeInstancesRequest) (string, error) {
	r.CreatedAfter, r.CreatedBefore, r.ExpiresAfter, r.ExpiresBefore = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	text, err := json.Marshal(r)
	return string(text), err
}

// load reads the instances saved by an earlier run. If there is no file, there are none.
func load(file string) (filters string, saved fleet, err error) {
	if file == "" {
		return "", nil, nil
	}
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil, nil
	case err != nil:
		return "", nil, fmt.Errorf("-state: %w", err)
	case !info.Mode().IsRegular(): // reading a pipe or a device might never end
		return "", nil, fmt.Errorf("-state: %s is not a file", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", nil, fmt.Errorf("-state: %w", err)
	}
	var content state
	if err := json.Unmarshal(text, &content); err != nil {
		return "", nil, fmt.Errorf("-state: %s is not a list that this program has saved: %w", file, err)
	}
	saved = fleet{}
	for _, inst := range content.Instances {
		saved.add(inst)
	}
	return content.Filters, saved, nil
}

// hasSaved reports whether instances saved by an earlier run are still used.
func (d *discovery) hasSaved() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.saved) > 0
}

// unconfirmed returns the saved instances of regions that have not been listed completely since the start. The
// others are dropped, as are regions that are no longer selected.
func (d *discovery) unconfirmed() fleet {
	places, _ := d.status()
	d.mu.Lock()
	defer d.mu.Unlock()
	for where := range d.saved {
		s, listed := places[where]
		if !s.read.IsZero() || !listed && !d.mayList(where) {
			delete(d.saved, where)
		}
	}
	return maps.Clone(d.saved)
}

// mayList reports whether a region may be selected. As long as the list of regions is not known, any region may.
func (d *discovery) mayList(where place) bool {
	for _, a := range d.accounts {
		if a.Account == where.account {
			return a.Regions == nil && len(a.cache.Status().Regions) == 0
		}
	}
	return false
}

// saveRegularly saves the targets after each interval and when ctx is done.
func (d *discovery) saveRegularly(ctx context.Context) {
	tick := time.NewTicker(d.interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		if !d.isReady() {
			continue // targets saved by an earlier run are better than none
		}
		if err := save(d.stateFile, d.filters, d.fleet()); err != nil {
			d.log.Warn("cannot save the list", "error", err)
		}
	}
}

// save replaces the file atomically: after a crash, the old one is still there. A symbolic link is replaced as well, not followed.
func save(file, filters string, f fleet) error {
	instances := []ecs.Instance{}
	for _, where := range slices.SortedFunc(maps.Keys(f), place.compare) {
		instances = append(instances, f[where]...)
	}
	text, err := json.Marshal(state{filters, instances})
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(text)
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), file)
}
