// Package docblocks compiles the Go code blocks in Markdown files, so that tests can run the code in documents.
//
// A block that begins with a package clause is a complete program. Any other block is a fragment: the body of a
// function that may use certain parameters and may return an error.
package docblocks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Block is a Go code block in a Markdown file.
type Block struct {
	File string // base name of the file
	Line int    // line number of the first line of code
	Info string // the word after "go" in the block's first line; may be ""
	Code string
}

// String returns the position of the block, such as "README.md:77".
func (b Block) String() string { return b.File + ":" + strconv.Itoa(b.Line) }

// IsProgram reports whether the block is a complete program.
func (b Block) IsProgram() bool { return strings.HasPrefix(b.Code, "package ") }

// Read returns the Go code blocks of a Markdown file, in order.
func Read(path string) ([]Block, error) {
	text, err := os.ReadFile(path) //nolint:gosec // path is a document in this repository
	if err != nil {
		return nil, err
	}
	var (
		blocks []Block
		block  *Block // the Go block that contains the current line, or nil
		fenced bool
		n      int
	)
	for line := range strings.Lines(string(text)) {
		n++
		fence, isFence := strings.CutPrefix(strings.TrimRight(line, "\n"), "```")
		switch {
		case isFence && fenced:
			fenced, block = false, nil
		case isFence:
			fenced = true
			if lang, info, _ := strings.Cut(fence, " "); lang == "go" {
				blocks = append(blocks, Block{File: filepath.Base(path), Line: n + 1, Info: info})
				block = &blocks[len(blocks)-1]
			}
		case block != nil:
			block.Code += line
		}
	}
	if fenced {
		return nil, fmt.Errorf("%s: the last code block is not closed: add ``` after it", path)
	}
	return blocks, nil
}

// Frame is the part of a generated program that surrounds its fragments.
type Frame struct {
	Params  string            // parameter list of each fragment, such as "ctx context.Context, err error"
	Imports map[string]string // import paths by package name; unused packages are not imported
	// Main contains the other declarations of the program, including the function main. Main can use the variable
	//
	//	var fragments []struct { at string; run func(Params) error }
	Main string
}

// Program returns the source code of a program that contains the fragments. Compiler errors refer to positions in the
// Markdown file.
func (f Frame) Program(fragments []Block) ([]byte, error) {
	var funcs, table bytes.Buffer
	for i, b := range fragments {
		names, err := defined(b)
		if err != nil {
			return nil, err
		}
		// Enclose the fragment in a block, so that it may redeclare a parameter.
		fmt.Fprintf(&funcs, "func fragment%d(%s) error {\n{\n//line %s\n%s", i, f.Params, b, b.Code)
		for _, name := range names {
			fmt.Fprintf(&funcs, "_ = %s\n", name)
		}
		fmt.Fprintf(&funcs, "}\nreturn nil\n}\n\n")
		fmt.Fprintf(&table, "{%q, fragment%d},\n", b.String(), i)
	}
	rest := fmt.Sprintf("var fragments = []struct {\nat string\nrun func(%s) error\n}{\n%s}\n\n%s\n//line frame.go:1\n%s", f.Params, &table, &funcs, f.Main)
	used, err := selected("package main\n" + rest)
	if err != nil {
		return nil, err
	}
	var program bytes.Buffer
	program.WriteString("package main\n\n")
	for _, name := range slices.Sorted(maps.Keys(f.Imports)) {
		if used[name] {
			fmt.Fprintf(&program, "import %s %q\n", name, f.Imports[name])
		}
	}
	program.WriteString("\n" + rest)
	return program.Bytes(), nil
}

// defined returns the variables that a fragment declares at its top level. Program adds a use of each variable, because
// the compiler rejects unused variables.
func defined(b Block) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() {\n//line "+b.String()+"\n"+b.Code+"\n}", parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, stmt := range file.Decls[0].(*ast.FuncDecl).Body.List {
		if a, ok := stmt.(*ast.AssignStmt); ok && a.Tok == token.DEFINE {
			for _, lhs := range a.Lhs {
				if id := lhs.(*ast.Ident); id.Name != "_" {
					names = append(names, id.Name)
				}
			}
		}
	}
	return names, nil
}

// selected returns the identifiers that precede a dot in source. They include the names of all packages that source
// uses.
func selected(source string) (map[string]bool, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := s.X.(*ast.Ident); ok {
				names[id.Name] = true
			}
		}
		return true
	})
	return names, nil
}

// Build compiles programs as packages of the module in moduleDir and writes the executables to outDir. The keys of
// programs are the names of the executables, and the values are the source code. Build writes nothing to moduleDir.
func Build(ctx context.Context, moduleDir, outDir string, programs map[string][]byte) error {
	moduleDir, err := filepath.Abs(moduleDir)
	if err != nil {
		return err
	}
	const parent = "docblocks.tmp" // an overlay simulates this directory, so that nothing is written to the module
	overlay := map[string]map[string]string{"Replace": {}}
	args := []string{"build", "-ldflags=-s -w", "-overlay", filepath.Join(outDir, "overlay.json"), "-o", outDir + string(filepath.Separator)}
	for name, source := range programs {
		file := filepath.Join(outDir, name+".go")
		if err = os.WriteFile(file, source, 0o600); err != nil {
			return err
		}
		overlay["Replace"][filepath.Join(moduleDir, parent, name, "main.go")] = file
		args = append(args, "./"+parent+"/"+name)
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(outDir, "overlay.json"), text, 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // runs the go command on this repository's own files
	cmd.Dir = moduleDir
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(err, errors.New(string(out)))
	}
	return nil
}
