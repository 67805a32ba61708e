package armtemplate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A place says what an expression may use where it stands.
type place int

const (
	inDefault  place = iota // of a parameter: newGuid, utcNow; no variables
	beforehand              // names, conditions, loops, variables: settled before anything is deployed
	runtime                 // properties and outputs: reference
)

// A loop is a copy loop being unrolled.
type loop struct {
	name  string
	index int64
}

// An evaluation is where one value is being worked out.
type evaluation struct {
	run   *run
	place place
	loop  *loop
	// from is the resource whose body this is, if it is one.
	from *Resource
}

// errReported stands for a problem that is in the run's list already.
var errReported = errors.New("reported")

// A run collects what goes wrong, each at the place where it does.
type run struct {
	template  *Template
	scope     Scope
	given     map[string]any // by lower-case name
	known     map[string]*memo
	resources []*Resource
	problems  []error
}

// A memo is a parameter's or variable's value, worked out once.
type memo struct {
	value any
	err   error
	done  bool
}

func (r *run) report(path string, err error) {
	if !errors.Is(err, errReported) {
		r.problems = append(r.problems, fmt.Errorf("%s: %w", path, err))
	}
}

// once works a named value out at its first use. A problem is told once, at its
// own place, and not again at each use.
func (r *run) once(path string, work func() (any, error)) (any, error) {
	if m, begun := r.known[path]; begun {
		if !m.done {
			return nil, fmt.Errorf("%s needs itself", path)
		}
		return m.value, m.err
	}
	m := &memo{}
	r.known[path] = m
	m.value, m.err = work()
	if m.err != nil {
		r.report(path, m.err)
		m.err = errReported
	}
	m.done = true
	return m.value, m.err
}

// tree evaluates every string in v.
func (e *evaluation) tree(path string, v any) (any, error) {
	var bad error
	switch v := v.(type) {
	case string:
		result, err := e.text(v)
		if err != nil {
			e.run.report(path, err)
			return nil, errReported
		}
		return result, nil
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = e.tree(path+"["+strconv.Itoa(i)+"]", v[i]); err != nil {
				bad = err
			}
		}
		return list, bad
	case map[string]any:
		object := make(map[string]any, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			at := memberPath(path, key)
			if err := checkName(key, v[key]); err != nil {
				e.run.report(at, err)
				bad = errReported
				continue
			}
			var err error
			if object[key], err = e.tree(at, v[key]); err != nil {
				bad = err
			}
		}
		return object, bad
	}
	return v, nil
}

// checkName refuses names that the service would take otherwise than we do:
// expressions in names are not evaluated, and "copy" in an object is a loop.
func checkName(key string, v any) error {
	if strings.HasPrefix(key, "[") && strings.HasSuffix(key, "]") {
		return errors.New("a name is never evaluated; use createObject")
	}
	if _, list := v.([]any); list && strings.EqualFold(key, "copy") {
		return errors.New("copy loops over properties and variables are not known here; loop over resources")
	}
	return nil
}

func (e *evaluation) text(s string) (any, error) {
	n, err := parseString(s)
	if err != nil {
		return nil, err
	}
	return n.eval(e)
}

func (n literal) eval(*evaluation) (any, error) { return n.value, nil }

func (n access) eval(e *evaluation) (any, error) {
	of, err := n.of.eval(e)
	if err != nil {
		return nil, err
	}
	key, err := n.key.eval(e)
	if err != nil {
		return nil, err
	}
	switch of := of.(type) {
	case map[string]any:
		name, ok := Plain(key).(string)
		if !ok {
			return nil, fmt.Errorf("index an object by a string, not by %s", kind(key))
		}
		v, ok := property(of, name)
		if !ok {
			return nil, fmt.Errorf("no property %q; there is %s", name, strings.Join(slices.Sorted(maps.Keys(of)), ", "))
		}
		return v, nil
	case []any:
		i, ok := Plain(key).(int64)
		if !ok {
			return nil, fmt.Errorf("index an array by an int, not by %s", kind(key))
		}
		if i < 0 || i >= int64(len(of)) {
			return nil, fmt.Errorf("no element %d in an array of %d", i, len(of))
		}
		return of[i], nil
	}
	return nil, fmt.Errorf("%v: cannot look into %s", Plain(key), kind(of))
}

// property looks a name up as the service does: as written, else in any case
// (Azure/PSRule.Rules.Azure issue 794).
func property(object map[string]any, name string) (any, bool) {
	if v, ok := object[name]; ok {
		return v, true
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if strings.EqualFold(key, name) {
			return object[key], true
		}
	}
	return nil, false
}

func (n call) eval(e *evaluation) (any, error) {
	name := strings.ToLower(n.name)
	if name == "if" {
		return e.choose(n)
	}
	f, known := functions[name]
	switch {
	case !known:
		return nil, fmt.Errorf("unknown function %s", n.name)
	case len(n.args) < f.least || f.most >= 0 && len(n.args) > f.most:
		return nil, fmt.Errorf("%s takes %s, not %d", n.name, f.count(), len(n.args))
	case f.only != nil && !f.only(e.place):
		return nil, fmt.Errorf("%s must not stand here", n.name)
	}
	a := &arguments{}
	for _, arg := range n.args {
		v, err := arg.eval(e)
		if err != nil {
			return nil, err
		}
		a.values = append(a.values, v)
	}
	v := f.do(e, a)
	if a.err != nil {
		return nil, fmt.Errorf("%s: %w", n.name, a.err)
	}
	return v, nil
}

// choose is "if", the one function that leaves what it does not choose alone.
func (e *evaluation) choose(n call) (any, error) {
	if len(n.args) != 3 {
		return nil, fmt.Errorf("if takes 3 arguments, not %d", len(n.args))
	}
	condition, err := n.args[0].eval(e)
	if err != nil {
		return nil, err
	}
	yes, ok := condition.(bool)
	if !ok {
		return nil, fmt.Errorf("if: argument 1 is %s, not a bool", kind(condition))
	}
	if yes {
		return n.args[1].eval(e)
	}
	return n.args[2].eval(e)
}
