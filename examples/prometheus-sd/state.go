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

// state is the content of the state file.
type state struct {
	Filters   string         `json:"filters"` // the filters with which the instances were listed
	Instances []ecs.Instance `json:"instances"`
}

// filtersOf returns a string for comparing the filters of two requests. It ignores time filters, because times
// relative to now are different in every run.
func filtersOf(r ecs.DescribeInstancesRequest) (string, error) {
	r.CreatedAfter, r.CreatedBefore, r.ExpiresAfter, r.ExpiresBefore = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	text, err := json.Marshal(r)
	return string(text), err
}

// load reads the state file. It returns no instances if the file does not exist.
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
	case !info.Mode().IsRegular(): // reading from a pipe or a device might never end
		return "", nil, fmt.Errorf("-state: %s is not a regular file", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", nil, fmt.Errorf("-state: %w", err)
	}
	var content state
	if err := json.Unmarshal(text, &content); err != nil {
		return "", nil, fmt.Errorf("-state: %s was not saved by this program: %w", file, err)
	}
	saved = fleet{}
	for _, inst := range content.Instances {
		saved.add(inst)
	}
	return content.Filters, saved, nil
}

// hasSaved reports whether the list of targets contains instances from the state file.
func (d *discovery) hasSaved() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.saved) > 0
}

// unconfirmed returns the saved instances of regions that have not been listed yet. It removes all other saved
// instances from d.saved.
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

// mayList reports whether the program may still list a region that is in the state file. This is possible if the
// account selects all regions and its regions are not known yet.
func (d *discovery) mayList(where place) bool {
	for _, a := range d.accounts {
		if a.Account == where.account {
			return a.Regions == nil && len(a.cache.Status().Regions) == 0
		}
	}
	return false
}

// saveRegularly saves the instances after each interval and when ctx is done.
func (d *discovery) saveRegularly(ctx context.Context) {
	tick := time.NewTicker(d.interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		if !d.isReady() {
			continue // keep the file from the earlier run until the list is ready
		}
		if err := save(d.stateFile, d.filters, d.fleet()); err != nil {
			d.log.Warn("cannot save the instances", "error", err)
		}
	}
}

// save replaces the state file atomically. It replaces a symbolic link instead of following the link.
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
