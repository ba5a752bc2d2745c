package selection

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// findProfiles returns the CLI profiles whose names match the patterns, in the order of the patterns. "*" in a
// pattern matches any sequence of characters. A pattern that matches no profile is an error.
func findProfiles(patterns []string) ([]ecs.Profile, error) {
	all, err := ecs.Profiles()
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p ecs.Profile) bool { return p.Name == "" })
	if len(all) == 0 {
		return nil, errors.New("the vendor's CLI has no profiles: create one with \"aliyun configure\"")
	}
	var found []ecs.Profile
	for _, pattern := range patterns {
		matches := 0
		for _, p := range all {
			ok, err := path.Match(pattern, p.Name)
			if err != nil {
				return nil, fmt.Errorf("%q is not a pattern: %w", pattern, err)
			}
			if !ok {
				continue
			}
			matches++
			if !slices.ContainsFunc(found, func(f ecs.Profile) bool { return f.Name == p.Name }) {
				found = append(found, p)
			}
		}
		if matches == 0 {
			names := make([]string, len(all))
			for i, p := range all {
				names[i] = p.Name
			}
			return nil, fmt.Errorf("no profile matches %q: the profiles are %s", pattern, strings.Join(names, ", "))
		}
	}
	return found, nil
}
