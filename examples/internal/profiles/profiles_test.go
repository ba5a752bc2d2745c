package profiles

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, config, patterns string
		want                   string // names of the profiles, or part of the error
		region                 string // of the current profile
	}{
		{name: "one", config: `{"current":"b","profiles":[{"name":"a"},{"name":"b","region_id":"cn-b"}]}`, patterns: "b", want: "b", region: "cn-b"},
		{name: "all", config: `{"profiles":[{"name":"a"},{"name":"b"},{"name":"a"}]}`, patterns: "*", want: "a b"},
		{name: "patterns", config: `{"profiles":[{"name":"prod-1"},{"name":"dev"},{"name":"prod-2"}]}`, patterns: "dev,prod-*", want: "dev prod-1 prod-2"},
		{name: "byte order mark", config: "\ufeff" + `{"current":"a","profiles":[{"name":"a","region_id":"r"}]}`, patterns: "a", want: "a", region: "r"},
		{name: "null", config: `{"profiles":null}`, patterns: "*", want: `no profile "*"`},
		{name: "no JSON", config: `{"access_key_secret":"verysecret`, patterns: "*", want: "is not the JSON"},
		{name: "empty name", config: `{"profiles":[{"name":""}]}`, patterns: "*", want: "no profile"},
		{name: "no file", patterns: "*", want: "there is no file of profiles"},
	} {
		home := t.TempDir()
		file := filepath.Join(home, "config.json")
		if tt.config != "" {
			if err := os.WriteFile(file, []byte(tt.config), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		getenv := func(name string) string { return map[string]string{"ALIBABA_CLOUD_CONFIG_FILE": file}[name] }
		found, err := Find(strings.Split(tt.patterns, ","), getenv)
		if err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "verysecret")) || err == nil && strings.Join(names(found), " ") != tt.want {
			t.Errorf("%s: %v, %v, want %s", tt.name, found, err, tt.want)
		}
		if region := Current(getenv); region != tt.region {
			t.Errorf("%s: the current profile's region is %q, want %q", tt.name, region, tt.region)
		}
	}
}
