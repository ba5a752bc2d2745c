package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing/fstest"
)

// maxFile is the maximum size, in bytes, of a file in the package.
const maxFile = 32 << 20

// unpack reads the files to compare from an npm package.
func unpack(archive io.Reader) (fs.FS, error) {
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{clientFile: true}
	for _, s := range schemas {
		wanted[s.file] = true
	}
	files := fstest.MapFS{}
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		name := path.Clean(header.Name)
		if !wanted[name] {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
		if err != nil {
			return nil, err
		}
		if len(data) > maxFile {
			return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFile)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
}

var (
	classLine  = regexp.MustCompile(`^class (\w+) extends `)
	methodLine = regexp.MustCompile(`^    static (names|types)\(\) \{$`)
	entryLine  = regexp.MustCompile(`^            (\w+): (.+),$`)
	arrayType  = regexp.MustCompile(`^\{ 'type': 'array', 'itemType': (\S+) \}$`)
	quoted     = regexp.MustCompile(`^'([^']+)'$`)
)

// class describes a class in the vendor's model. For each property of the class, names contains the name of the JSON
// member, and types contains its type.
type class struct{ names, types map[string]string }

// readSchema returns the schema of the request or response that a file of the vendor's model defines. The last class in
// the file is the request or response. The classes before it are the types of its members.
func readSchema(model fs.FS, file string) (schema, error) {
	data, err := fs.ReadFile(model, file)
	if err != nil {
		return nil, err
	}
	classes := map[string]class{}
	var last string
	var method map[string]string // the method that contains the current line
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if m := classLine.FindStringSubmatch(line); m != nil {
			last = m[1]
			classes[last] = class{map[string]string{}, map[string]string{}}
		} else if m := methodLine.FindStringSubmatch(line); m != nil && last != "" {
			method = map[string]map[string]string{"names": classes[last].names, "types": classes[last].types}[m[1]]
		} else if line == "    }" {
			method = nil
		} else if m := entryLine.FindStringSubmatch(line); m != nil && method != nil {
			method[m[1]] = m[2]
		}
	}
	s := schema{}
	if err := addClass(s, "", classes, last); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(s) == 0 {
		return nil, fmt.Errorf("%s has no class with members: the format of the package may have changed", file)
	}
	return s, nil
}

func addClass(s schema, prefix string, classes map[string]class, name string) error {
	c, ok := classes[name]
	if !ok {
		return fmt.Errorf("the package has no class %q", name)
	}
	if len(c.names) != len(c.types) {
		return fmt.Errorf("class %s has %d names and %d types", name, len(c.names), len(c.types))
	}
	for property, text := range c.types {
		member := quoted.FindStringSubmatch(c.names[property])
		if member == nil {
			return fmt.Errorf("class %s has no name for %s", name, property)
		}
		at, array := prefix+member[1], ""
		if m := arrayType.FindStringSubmatch(text); m != nil {
			at, array, text = at+"[]", "array of ", m[1]
		}
		if m := quoted.FindStringSubmatch(text); m != nil {
			s[at] = array + m[1]
			continue
		}
		s[at] = array + "object"
		if err := addClass(s, at+".", classes, text); err != nil {
			return err
		}
	}
	return nil
}

const clientFile = "package/dist/client.js"

var (
	endpointBlock = regexp.MustCompile(`(?s)this\._endpointMap = \{(.*?)\}`)
	endpointLine  = regexp.MustCompile(`['"]?([a-z0-9-]+)['"]?: ["']([a-z0-9.-]+)["']`)
)

// readEndpoints returns the endpoints that do not follow the default pattern, by region.
func readEndpoints(model fs.FS) (map[string]string, error) {
	data, err := fs.ReadFile(model, clientFile)
	if err != nil {
		return nil, err
	}
	block := endpointBlock.FindSubmatch(data)
	if block == nil {
		return nil, fmt.Errorf("%s has no table of endpoints: the format of the package may have changed", clientFile)
	}
	endpoints := map[string]string{}
	for _, m := range endpointLine.FindAllSubmatch(block[1], -1) {
		endpoints[string(m[1])] = string(m[2])
	}
	if len(endpoints) == 0 {
		return nil, fmt.Errorf("the table of endpoints in %s is empty: the format of the package may have changed", clientFile)
	}
	return endpoints, nil
}
