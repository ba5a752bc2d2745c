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

// load reads the instances that an earlier run has saved. No file is no instance.
func load(file string) (fleet, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("-state: %w", err)
	}
	var instances []ecs.Instance
	if err := json.Unmarshal(text, &instances); err != nil {
		return nil, fmt.Errorf("-state: %s is not a list that this program has saved: %w", file, err)
	}
	saved := fleet{}
	for _, inst := range instances {
		saved.add(inst)
	}
	return saved, nil
}

// hasSaved reports whether an earlier run has saved instances that are still used.
func (d *discovery) hasSaved() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.saved) > 0
}

// unconfirmed returns the saved instances of regions that were not listed completely since the start. The others are
// forgotten, and so are regions that are not selected any more.
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

// mayList reports whether a region may turn out to be one that is listed: while the list of regions is not known, any may.
func (d *discovery) mayList(where place) bool {
	for _, a := range d.accounts {
		if a.Account == where.account {
			return a.Regions == nil && len(a.cache.Status().Regions) == 0
		}
	}
	return false
}

// keepSaved saves the targets after each interval and when ctx is done.
func (d *discovery) keepSaved(ctx context.Context) {
	tick := time.NewTicker(d.interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		if !d.isReady() {
			continue // what an earlier run has saved is better than nothing
		}
		if err := save(d.stateFile, d.fleet()); err != nil {
			d.log.Warn("cannot save the list", "error", err)
		}
	}
}

// save replaces the file as a whole: a crash leaves the old one.
func save(file string, f fleet) error {
	instances := []ecs.Instance{}
	for _, where := range slices.SortedFunc(maps.Keys(f), place.compare) {
		instances = append(instances, f[where]...)
	}
	text, err := json.Marshal(instances)
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
