package floors_test

import (
	"slices"
	"strings"
	"testing"
)

// imported makes a graph of one package of ours and what it imports: "T:" before
// a path makes it an import of its test. Paths with a dot in their first part are
// outside modules, those without a known floor the standard library.
func imported(from string, paths ...string) graph {
	u := own(from)
	g := graph{}
	for _, path := range paths {
		path, test := strings.CutPrefix(path, "T:")
		to := unit{ImportPath: path, Standard: true}
		switch first, _, _ := strings.Cut(path, "/"); {
		case house[path] != nowhere:
			to = own(path)
		case strings.Contains(first, "."):
			to = unit{ImportPath: path, Module: &struct{ Path string }{path}}
		}
		g[to.ImportPath] = to
		if test {
			u.XTestImports = append(u.XTestImports, to.ImportPath)
		} else {
			u.Imports = append(u.Imports, to.ImportPath)
		}
	}
	g[u.ImportPath] = u
	return g
}

func own(place string) unit {
	name := place[strings.LastIndex(place, "/")+1:]
	return unit{ImportPath: module + "/" + place, Name: name, Module: &struct{ Path string }{module}}
}

func TestRulesOnMadeUpHouses(t *testing.T) {
	for _, c := range []struct {
		name  string
		graph graph
		want  string // in the only complaint; empty: none
	}{
		{"the roof joins everything", imported("functions", "webhook", "pull", "internal/state", "internal/collect", "net/http"), ""},
		{"a room knows the ground", imported("webhook", "internal/collect", "encoding/json"), ""},
		{"a test starts the yard", imported("functions", "T:internal/sim", "T:functions", "T:github.com/google/go-cmp"), ""},
		{"a test of the ground uses a real store", imported("internal/collect", "T:internal/state"), ""},
		{"proto knows protobuf", imported("proto", "google.golang.org/protobuf"), ""},

		{"a room knows a room", imported("webhook", "pull"), "webhook -> azcollector/pull: sideways"},
		{"a door knows a door", imported("internal/alertlogic", "internal/state"), "sideways"},
		{"a door knows a room", imported("internal/state", "content"), "upwards"},
		{"a room knows the roof", imported("pull", "functions"), "upwards"},
		{"ground knows ground", imported("internal/collect", "internal/wire"), "sideways"},
		{"ground knows a door", imported("internal/wire", "internal/sink"), "upwards"},
		{"ground knows a library of the table", imported("internal/collect", "golang.org/x/time"), "the standard library only"},
		{"wire knows protobuf", imported("internal/wire", "google.golang.org/protobuf"), "the standard library only"},
		{"proto knows another library", imported("proto", "github.com/klauspost/compress"), "the standard library only"},
		{"the program imports the yard", imported("functions", "internal/sim"), "the yard is for tests"},
		{"the program imports the emulator", imported("internal/state", "internal/state/azurite"), "the yard is for tests"},
		{"the judge asks the accused", imported("internal/sim", "internal/alertlogic"), "shares its mistakes"},
		{"a library without a reason", imported("functions", "github.com/spf13/cobra"), "a new dependency: give github.com/spf13/cobra a reason"},
		{"a library's library", imported("functions", "github.com/google/uuid"), "only somebody else's dependency"},
		{"a library with other importers", imported("webhook", "github.com/sirupsen/logrus"), "not among the importers"},
		{"a test library in the program", imported("pull", "github.com/google/go-cmp"), "is for tests"},
		{"a test with a new library", imported("pull", "T:github.com/stretchr/testify"), "pull (test) -> github.com/stretchr/testify: a new dependency"},
		{"a new package", graph{"azcollector/graph": own("graph")}, "graph is on no floor"},
		{"a room in a refused folder", renamed("webhook", "utils"), `package name "utils"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := inspect(c.graph)
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("complaints about a good house: %q", got)
			case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
				t.Errorf("got %q, want one complaint with %q", got, c.want)
			}
		})
	}
}

// Every refused word is found, as a folder anywhere in the path.
func TestRefusedNames(t *testing.T) {
	for _, word := range refused {
		for _, place := range []string{word, "internal/" + word, word + "/webhook"} {
			got := inspect(graph{place: own(place)})
			if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "says nothing") }) {
				t.Errorf("%s: %q", place, got)
			}
		}
	}
}

func renamed(place, name string) graph {
	u := own(place)
	u.Name = name
	return graph{u.ImportPath: u}
}
