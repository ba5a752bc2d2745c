package credentials

import (
	"cmp"
	"fmt"
)

// ProfileInfo contains the fields of a profile that contain no secrets.
type ProfileInfo struct {
	Name, Region string
	Current      bool
}

// Profiles returns the profiles in the CLI's configuration file, in the order of the file. If the file does not exist,
// Profiles returns nil and no error.
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
		if err := decodeJSON(raw, &p); err != nil { // do not skip the profile: its account would be missing
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

// Region returns the region to use if the user has not specified one. If name is not empty, the region of that profile
// takes precedence over ALIBABA_CLOUD_REGION_ID. If name is empty, ALIBABA_CLOUD_REGION_ID takes precedence over the
// region of the current profile.
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
