package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"strings"
)

// templates contains one instance for each kind of page. A "full" instance has every field of the sample in the API's
// documentation. A "typical" instance has the fields that real responses contain. A placeholder ${…} has a different
// value in each instance.
//
//go:embed pages/*.tmpl
var templates embed.FS

const (
	full    = "full"
	typical = "typical"

	pageSize = 100
)

// In the templates, ids and creation times have a fixed width, so the server can overwrite them in place.
const (
	idStart = `"InstanceId":"i-bp1`
	idWidth = 17

	createdStart  = `"CreationTime":"`
	createdLayout = "2006-01-02T15:04Z"
)

// newInstances returns n instances as JSON. The same arguments always produce the same instances. The server sets the
// ids and creation times later.
func newInstances(kind string, n int) ([][]byte, error) {
	pretty, err := templates.ReadFile("pages/" + kind + ".tmpl")
	if err != nil {
		return nil, err
	}
	instances := make([][]byte, n)
	for i := range instances {
		var b bytes.Buffer
		if err := json.Compact(&b, []byte(os.Expand(string(pretty), func(name string) string { return value(i, name) }))); err != nil {
			return nil, fmt.Errorf("pages/%s.tmpl: %w", kind, err)
		}
		instances[i] = bytes.Clone(b.Bytes())
	}
	return instances, nil
}

// value returns the value that replaces the placeholder ${name} in instance i.
func value(i int, name string) string {
	kind, _, _ := strings.Cut(name, ":")
	if kind == "shared" { // there are only 25 different values
		i %= 25
	}
	r := random(i, name)
	size := random(i, "size") % 4
	switch kind {
	case "id", "shared":
		return string(appendID(nil, r))
	case "octet":
		return fmt.Sprint(1 + r%254)
	case "hex2":
		return fmt.Sprintf("%02x", r&0xff)
	case "hex4":
		return fmt.Sprintf("%04x", r&0xffff)
	case "hex8":
		return fmt.Sprintf("%08x", r&0xffffffff)
	case "day":
		return fmt.Sprintf("%02d", 1+r%28)
	case "minute":
		return fmt.Sprintf("%02d", r%60)
	case "status":
		return []string{"Running", "Running", "Running", "Stopped"}[r%4]
	case "zone":
		return "cn-hangzhou-" + string("ghijk"[r%5])
	case "family":
		return "ecs.g7"
	case "type":
		return "ecs.g7." + []string{"large", "xlarge", "2xlarge", "4xlarge"}[size]
	case "cpu":
		return fmt.Sprint(2 << size)
	case "memory":
		return fmt.Sprint(8192 << size)
	}
	panic("pages: no value for ${" + name + "}")
}

// random returns a pseudo-random number that depends only on i and name.
func random(i int, name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return mix(h.Sum64() + uint64(i))
}

// mix is the finalizer of SplitMix64. It returns different results for different inputs.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// appendID appends an id of idWidth letters and digits. Different values of n produce different ids.
func appendID(b []byte, n uint64) []byte {
	rest := n
	for i := range idWidth {
		if i == 13 { // 13 characters represent the 64 bits of n
			rest = mix(n)
		}
		b = append(b, "0123456789abcdefghijklmnopqrstuvwxyz"[rest%36])
		rest /= 36
	}
	return b
}
