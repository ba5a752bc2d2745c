// Command drift compares this module with the newest model of the ECS API, which the vendor publishes in the npm
// package @alicloud/ecs20140526. It compares the endpoints and the requests and responses of DescribeInstances,
// DescribeRegions and ListTagResources. It prints every parameter, member and endpoint that is missing from this module
// or differs from the model. If there are differences, the exit status is 1.
//
// The command is in a separate module. Run it in the root directory of a clone, where go.work includes that module:
//
//	go run ./internal/drift               # downloads the package with npm
//	go run ./internal/drift package.tgz   # reads the package from a file
//
// The file allow.txt lists the intended differences and the reason for each of them.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const npmPackage = "@alicloud/ecs20140526"

//go:embed allow.txt
var allowed string

func main() {
	log.SetFlags(0)
	log.SetPrefix("drift: ")
	findings, err := run(context.Background(), os.Args[1:])
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range findings {
		fmt.Println(f)
	}
	if len(findings) > 0 {
		log.Fatal(len(findings), " differences from the vendor's model: see above") //nolint:gosec // prints a number and a constant
	}
}

func run(ctx context.Context, args []string) (findings []string, err error) {
	var file string
	switch len(args) {
	case 0:
		dir, failed := os.MkdirTemp("", "drift")
		if failed != nil {
			return nil, failed
		}
		defer os.RemoveAll(dir)
		if file, err = download(ctx, dir); err != nil {
			return nil, err
		}
	case 1:
		file = args[0]
	default:
		return nil, fmt.Errorf("too many arguments (%d): use the file name of a package as the only argument, or no argument", len(args))
	}
	archive, err := os.Open(file) //nolint:gosec // the user has specified the file
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	model, err := unpack(archive)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if findings, err = compare(ctx, model); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return withoutAllowed(findings, allowed)
}

// download downloads the newest package to dir and returns its file name.
func download(ctx context.Context, dir string) (string, error) {
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", "--pack-destination", dir, npmPackage) //nolint:gosec // only dir varies, and this command has created it
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("npm pack %s: %w", npmPackage, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("npm pack %s wrote %d packages instead of 1", npmPackage, len(files))
	}
	return files[0], nil
}

// withoutAllowed returns findings without those listed in allowed. Each line of allowed contains a finding and a
// reason, separated by " # ". If a line of allowed matches no finding, withoutAllowed adds a finding that reports the
// outdated line.
func withoutAllowed(findings []string, allowed string) ([]string, error) {
	for line := range strings.Lines(allowed) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		finding, reason, _ := strings.Cut(line, " # ")
		if reason == "" {
			return nil, fmt.Errorf(`allow.txt: add " # " and a reason to %q`, finding)
		}
		if i := slices.Index(findings, finding); i >= 0 {
			findings = slices.Delete(findings, i, i+1)
		} else {
			findings = append(findings, "allow.txt lists a difference that no longer exists: "+finding)
		}
	}
	return findings, nil
}

// compare returns the differences between this module and the vendor's model.
func compare(ctx context.Context, model fs.FS) ([]string, error) {
	var findings []string
	for _, s := range schemas {
		vendor, err := readSchema(model, s.file)
		if err != nil {
			return nil, err
		}
		findings = append(findings, differences(s.name, s.sdk(), vendor)...)
	}
	endpoints, err := readEndpoints(model)
	if err != nil {
		return nil, err
	}
	hosts, err := compareEndpoints(ctx, endpoints)
	return append(findings, hosts...), err
}

// schema describes a request or a response. It maps the path of each parameter or JSON member to its type: string,
// number, boolean, object, or an array of one of these types.
type schema map[string]string

// differences compares this module's schema with the vendor's schema and returns the differences, sorted by path.
func differences(name string, sdk, vendor schema) (findings []string) {
	paths := map[string]bool{}
	for path := range sdk {
		paths[path] = true
	}
	for path := range vendor {
		paths[path] = true
	}
	for path := range paths {
		switch inSDK, inVendor := sdk[path], vendor[path]; {
		case inSDK == "":
			findings = append(findings, fmt.Sprintf("%s lacks %s (%s)", name, path, inVendor))
		case inVendor == "":
			findings = append(findings, fmt.Sprintf("%s has %s (%s), which the vendor's model lacks", name, path, inSDK))
		case inSDK != inVendor:
			findings = append(findings, fmt.Sprintf("%s has %s as %s, but the vendor's model has it as %s", name, path, inSDK, inVendor))
		}
	}
	slices.Sort(findings)
	return findings
}
