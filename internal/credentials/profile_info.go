package credentials

import (
	"cmp"
	"fmt"
)

// ProfileInfo is the information about a profile that is not secret.
type ProfileInfo struct {
	Name, Region string
	Current      bool
}

// Profiles returns the profiles of the CLI's configuration, in its order. If there is no file, there are no
// profiles.
func Profiles() ([]ProfileInfo, error) { return newSystem().profiles() }

func (s *system) profiles() ([]ProfileInfo, error) {
	config, err := readConfig(s.configPath())
	switch {
	case isNotConfigured(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	current := cmp.Or(s.getenv("ALIBABA_CLOUD_PROFILE"), config.Current, "default")
	var list []ProfileInfo
	seen := map[string]bool{}
	for i, raw := range config.Profiles {
		var p struct {
			Name   string `json:"name"`
			Region string `json:"region_id"`
		}
		if err := decodeJSON(raw, &p); err != nil { // if it were left out, an account would be missing silently
			return nil, fmt.Errorf("profile number %d in %s is %w", i+1, show(s.configPath()), err)
		}
		if p.Name == "" || seen[p.Name] {
			continue
		}
		seen[p.Name] = true
		list = append(list, ProfileInfo{p.Name, p.Region, p.Name == current})
	}
	return list, nil
}

// Region returns the region for programs that are run without one: that of the named profile, or else
// ALIBABA_CLOUD_REGION_ID. If name is empty, the variable takes precedence over the current profile.
func Region(name string) (string, error) { return newSystem().region(name) }

func (s *system) region(name string) (string, error) {
	fromEnv := s.getenv("ALIBABA_CLOUD_REGION_ID")
	if name == "" && fromEnv != "" {
		return fromEnv, nil
	}
	list, err := s.profiles()
	if err != nil {
		return "", err
	}
	for _, p := range list {
		if p.Name == name || name == "" && p.Current {
			return cmp.Or(p.Region, fromEnv), nil
		}
	}
	if name != "" {
		return "", fmt.Errorf("%s has no profile %s", show(s.configPath()), show(name))
	}
	return fromEnv, nil
}
