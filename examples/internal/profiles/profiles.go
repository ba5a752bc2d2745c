// Package profiles reads which profiles the vendor's CLI knows, one for each account: names and regions, no keys.
package profiles

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/aliyun/credentials-go/credentials"
	"github.com/aliyun/credentials-go/credentials/providers"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// Profile is a profile of the CLI.
type Profile struct {
	Name   string `json:"name"`
	Region string `json:"region_id"` // "" when it has none
}

// config is the part of ~/.aliyun/config.json that is read.
type config struct {
	Current  string    `json:"current"`
	Profiles []Profile `json:"profiles"`
}

// maxSize bounds what is read of the file.
const maxSize = 4 << 20

func read(getenv func(string) string) (*config, error) {
	name := getenv("ALIBABA_CLOUD_CONFIG_FILE")
	if name == "" {
		home := getenv("HOME")
		if home == "" {
			home = getenv("USERPROFILE")
		}
		name = filepath.Join(home, ".aliyun", "config.json")
	}
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("there is no file of profiles %s: make one with \"aliyun configure\"", name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the profiles: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSize))
	if err != nil {
		return nil, fmt.Errorf("cannot read the profiles: %w", err)
	}
	c := &config{}
	if json.Unmarshal([]byte(strings.TrimPrefix(string(text), "\ufeff")), c) != nil {
		return nil, fmt.Errorf("%s is not the JSON of the CLI's profiles", name) // the error of json could quote a key
	}
	return c, nil
}

// Current returns the region of the profile that the default credentials come from, or "".
func Current(getenv func(string) string) (region string) {
	c, err := read(getenv)
	if err != nil {
		return ""
	}
	name := getenv("ALIBABA_CLOUD_PROFILE")
	if name == "" {
		name = c.Current
	}
	for _, p := range c.Profiles {
		if p.Name == name {
			return p.Region
		}
	}
	return ""
}

// Find returns the profiles that the patterns name, in the order of the patterns and of the file. "*" in a pattern stands
// for any characters. A pattern that names none is an error.
func Find(patterns []string, getenv func(string) string) ([]Profile, error) {
	c, err := read(getenv)
	if err != nil {
		return nil, err
	}
	var found []Profile
	seen := map[string]bool{}
	for _, pattern := range patterns {
		matches := 0
		for _, p := range c.Profiles {
			ok, err := path.Match(pattern, p.Name)
			if err != nil {
				return nil, fmt.Errorf("%q is not a pattern: %w", pattern, err)
			}
			if !ok || p.Name == "" {
				continue
			}
			if matches++; !seen[p.Name] {
				seen[p.Name] = true
				found = append(found, p)
			}
		}
		if matches == 0 {
			return nil, fmt.Errorf("no profile %q among %s", pattern, strings.Join(names(c.Profiles), ", "))
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no profile")
	}
	return found, nil
}

func names(list []Profile) []string {
	all := make([]string, len(list))
	for i, p := range list {
		all[i] = p.Name
	}
	return all
}

// Credentials returns the keys of a profile.
func Credentials(name string) (ecs.CredentialsProvider, error) {
	provider, err := providers.NewCLIProfileCredentialsProviderBuilder().WithProfileName(name).Build()
	if err != nil {
		return nil, fmt.Errorf("profile %s cannot be used", name)
	}
	return ecs.CredentialsFrom(credentials.FromCredentialsProvider("cli_profile", provider)), nil
}
