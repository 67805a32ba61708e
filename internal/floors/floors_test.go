package floors_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// module is our own path, before every package of ours.
const module = "azcollector"

// A floor of the house. Arrows point down: to a lower floor, never to a
// neighbour on the same one.
type floor int

const (
	nowhere floor = iota
	ground
	doors
	rooms
	roof
	yard      // the simulated outside world and the emulator: for tests
	inspector // this package, and the judge of the template: tests only
)

// house says on which floor each package stands. A package that is not here is
// a complaint, so that nobody builds without deciding where.
var house = map[string]floor{
	"proto":                  ground,
	"internal/collect":       ground,
	"internal/dsse":          ground,
	"internal/wire":          ground,
	"internal/alertlogic":    doors,
	"internal/microsoft":     doors,
	"internal/release":       doors,
	"internal/sink":          doors,
	"internal/state":         doors,
	"content":                rooms,
	"master":                 rooms,
	"pull":                   rooms,
	"updater":                rooms,
	"webhook":                rooms,
	"functions":              roof,
	"internal/release/tool":  roof,
	"internal/armtemplate":   yard,
	"internal/bench":         yard,
	"internal/bench/bare":    yard,
	"internal/chaos":         yard,
	"internal/sim":           yard,
	"internal/sim/host":      yard,
	"internal/sim/simulator": yard,
	"internal/state/azurite": yard,
	"arm":                    inspector,
	"internal/floors":        inspector,
}

// refused are names that tell where code lies and not what it is.
var refused = []string{"pkg", "cmd", "common", "utils", "util", "models", "types", "helpers", "errors", "handlers", "services", "mocks"}

// A unit is one package as `go list` describes it, ours or an outside one.
type unit struct {
	ImportPath string
	Name       string
	Standard   bool
	Module     *struct{ Path string }

	Imports, TestImports, XTestImports []string
}

// A graph holds every package by its import path.
type graph map[string]unit

func (u unit) ours() bool { return u.Module != nil && u.Module.Path == module }

// floor and place of one of our packages; place is its path in the repository.
func (u unit) floor() floor  { return house[u.place()] }
func (u unit) place() string { return strings.TrimPrefix(u.ImportPath, module+"/") }

// inspect returns all complaints about a graph, sorted.
func inspect(g graph) []string {
	var complaints []string
	for _, u := range g {
		if !u.ours() {
			continue
		}
		complaints = append(complaints, checkName(u)...)
		if u.floor() == nowhere {
			complaints = append(complaints, fmt.Sprintf("%s is on no floor: give it one in internal/floors", u.place()))
			continue
		}
		for _, path := range u.Imports {
			complaints = append(complaints, checkArrow(u, g[path], false)...)
		}
		for _, path := range slices.Concat(u.TestImports, u.XTestImports) {
			complaints = append(complaints, checkArrow(u, g[path], true)...)
		}
	}
	slices.Sort(complaints)
	return slices.Compact(complaints)
}

func checkName(u unit) (complaints []string) {
	for name := range strings.SplitSeq(u.place(), "/") {
		if slices.Contains(refused, name) {
			complaints = append(complaints, fmt.Sprintf("%s: %q says nothing about what is in it: name it by its subject", u.place(), name))
		}
	}
	if last := path.Base(u.place()); slices.Contains(refused, u.Name) && u.Name != last {
		complaints = append(complaints, fmt.Sprintf("%s: package name %q says nothing about what is in it", u.place(), u.Name))
	}
	return complaints
}

// checkArrow judges one import. Within the house a test may look at everything:
// it rather takes the real store of another floor than a mock.
func checkArrow(from, to unit, test bool) []string {
	arrow := from.place() + " -> " + to.ImportPath
	if test {
		arrow = from.place() + " (test) -> " + to.ImportPath
	}
	switch {
	case to.Standard:
		return nil
	case to.ImportPath == "":
		return []string{from.place() + " imports a package that go list does not know"}
	case !to.ours():
		return checkOutside(from, to, arrow, test)
	case test:
		return nil
	case to.floor() == yard && from.floor() != yard:
		return []string{arrow + ": the yard is for tests and its own program"}
	case from.floor() == yard && to.floor() != yard:
		return []string{arrow + ": a judge that shares code with the accused shares its mistakes"}
	case from.floor() == yard:
		return nil
	case to.floor() == from.floor():
		return []string{arrow + ": sideways; what both need belongs on a lower floor, who joins them on a higher one"}
	case to.floor() > from.floor():
		return []string{arrow + ": upwards"}
	}
	return nil
}

// checkOutside judges an import of somebody else's package. The ground is held
// to its rule here, whatever the table says.
func checkOutside(from, to unit, arrow string, test bool) []string {
	if to.Module == nil {
		return []string{arrow + ": belongs to no module"}
	}
	wire := from.place() == "proto" && to.Module.Path == "google.golang.org/protobuf"
	if from.floor() == ground && !test && !wire {
		return []string{arrow + ": the ground imports the standard library only (proto also protobuf)"}
	}
	d, known := dependencies[to.Module.Path]
	switch {
	case !known && indirect[to.Module.Path] != "":
		return []string{arrow + ": " + to.Module.Path + " is only somebody else's dependency: give it a reason of our own in internal/floors and docs/design.md"}
	case !known:
		return []string{arrow + ": a new dependency: give " + to.Module.Path + " a reason in internal/floors and docs/design.md"}
	case test && d.tests || slices.Contains(d.importers, from.place()):
		return nil
	case d.tests:
		return []string{arrow + ": " + to.Module.Path + " is for tests"}
	case test && len(d.importers) > 0:
		return nil // a test may hold the same tools as the code somewhere else
	}
	return []string{arrow + ": not among the importers of " + to.Module.Path}
}
