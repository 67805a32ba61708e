package master_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"azcollector/master"
)

var update = flag.Bool("update", false, "write the table of codes into docs/operations.md")

const (
	codesBegin = "<!-- codes: made by go test ./master -run TestOperations -update -->\n"
	codesEnd   = "<!-- codes end -->\n"
)

func codesTable() string {
	var b strings.Builder
	b.WriteString("| code | name | status | cause | shown by | act |\n|---|---|---|---|---|---|\n")
	for _, c := range master.Codes() {
		status := map[master.Severity]string{master.Error: "error", master.Warn: "ok"}[c.Severity]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", c.ID, c.Name, status, c.Means, c.Shown, c.Remedy)
	}
	return b.String()
}

// TestOperations compares the manual's table with the one made from the code.
func TestOperations(t *testing.T) {
	const path = "../docs/operations.md"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(b), codesBegin)
	got, after, ends := strings.Cut(rest, codesEnd)
	if !begins || !ends {
		t.Fatalf("operations.md lacks the lines %q and %q", codesBegin, codesEnd)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+codesBegin+codesTable()+codesEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(codesTable(), got); diff != "" {
		t.Errorf("operations.md is older than the codes; run go test ./master -run TestOperations -update\n%s", diff)
	}
	// What shows a code may be a query, and those have headings in the manual.
	for _, c := range master.Codes() {
		for _, query := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(c.Shown, -1) {
			if !strings.Contains(after, "\n### "+query[1]+"\n") {
				t.Errorf("%s: operations.md has no query %q", c.ID, query[1])
			}
		}
	}
	// Codes are named in prose as well, and none there may be one that no longer exists.
	for _, id := range regexp.MustCompile(`AZC\d+`).FindAllString(before+after, -1) {
		if _, ok := master.LookupCode(id); !ok {
			t.Errorf("operations.md speaks of %s, which is no code", id)
		}
	}
}

func TestCodes(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var constants []string
	ast.Inspect(file, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && strings.HasPrefix(l.Value, `"AZC`) {
			constants = append(constants, strings.Trim(l.Value, `"`))
		}
		return true
	})
	var listed []string
	names := map[string]bool{}
	for _, c := range master.Codes() {
		listed = append(listed, c.ID)
		switch {
		case names[c.Name]:
			t.Errorf("%s: the name %s is taken", c.ID, c.Name)
		case c.Severity != master.Warn && c.Severity != master.Error:
			t.Errorf("%s: severity %q", c.ID, c.Severity)
		case strings.ContainsAny(c.Means+c.Remedy+c.Shown, "|\n"), !strings.HasSuffix(c.Means, "."), !strings.HasSuffix(c.Remedy, "."), !strings.HasSuffix(c.Shown, "."):
			t.Errorf("%s: does not fit a table, or is no sentence", c.ID)
		}
		names[c.Name] = true
	}
	if !slices.Equal(constants, listed) || !slices.IsSorted(listed) || len(slices.Compact(listed)) != len(constants) {
		t.Errorf("constants %q\ntable %q", constants, listed)
	}
	if _, ok := master.LookupCode("AZC0000"); ok {
		t.Error("a code that does not exist was found")
	}
}
