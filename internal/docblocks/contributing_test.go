package docblocks_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var codeSpan = regexp.MustCompile("`([^`]+)`")

// TestWhereItIsDecided checks that the files and identifiers in the table "Where it is decided" in CONTRIBUTING.md
// exist.
func TestWhereItIsDecided(t *testing.T) {
	t.Parallel()
	const root = "../.."
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "Where it is decided")
	rows := tableRows(section)
	if len(rows) == 0 {
		t.Fatal(`CONTRIBUTING.md has no table after "Where it is decided"`)
	}
	for _, row := range rows {
		if len(row) != 2 {
			t.Errorf("the row %q does not have two cells", row)
			continue
		}
		file := ""
		var identifiers []string
		for _, span := range codeSpan.FindAllStringSubmatch(row[1], -1) {
			if !strings.HasSuffix(span[1], ".go") {
				identifiers = append(identifiers, span[1])
				continue
			}
			if !strings.Contains(span[1], "/") { // in the directory of the previous file
				span[1] = path.Join(path.Dir(file), span[1])
			}
			file = span[1]
			declared, err := declarations(filepath.Join(root, filepath.FromSlash(file)))
			if err != nil {
				t.Errorf("%q: %v", row[0], err)
			}
			for _, name := range identifiers {
				if err == nil && !declared[name] {
					t.Errorf("%q: %s does not declare %s", row[0], file, name)
				}
			}
			identifiers = nil
		}
		if file == "" || len(identifiers) > 0 {
			t.Errorf("%q: no file follows %q", row[0], identifiers)
		}
	}
}

// tableRows returns the cells of the first Markdown table in text, without the header.
func tableRows(text string) (rows [][]string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if rows != nil {
				break
			}
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows[min(2, len(rows)):]
}

// declarations returns the names that a Go file declares at its top level. A method is listed both as Method and as
// Type.Method.
func declarations(file string) (map[string]bool, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, decl := range parsed.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			names[d.Name.Name] = true
			if d.Recv != nil {
				names[typeName(d.Recv.List[0].Type)+"."+d.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					names[s.Name.Name] = true
				case *ast.ValueSpec:
					for _, name := range s.Names {
						names[name.Name] = true
					}
				}
			}
		}
	}
	return names, nil
}

// typeName returns the type name in the type of a receiver, without a pointer or type parameters.
func typeName(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	case *ast.Ident:
		return e.Name
	default:
		return ""
	}
}
