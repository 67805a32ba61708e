package armtemplate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Deployment is what a template asks for with one set of parameters.
type Deployment struct {
	Resources []*Resource // in the template's order, also those whose condition is false
	Outputs   map[string]any
}

// Find returns the resource of an id, or nil.
func (d *Deployment) Find(id string) *Resource {
	return (&run{resources: d.Resources}).find(id)
}

// Deploy evaluates the template. Given are parameter values as ParseJSON makes them.
// The error joins one line for each thing that is wrong; what could be evaluated all
// the same is returned as well.
func (t *Template) Deploy(scope Scope, given map[string]any) (*Deployment, error) {
	r := &run{template: t, scope: scope, given: map[string]any{}, known: map[string]*memo{}}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, declared := t.parameters[strings.ToLower(name)]; !declared {
			r.report(memberPath("parameters", name), errors.New("is given, but the template has no such parameter"))
		}
		r.given[strings.ToLower(name)] = given[name]
	}
	for _, key := range slices.Sorted(maps.Keys(t.parameters)) { // used or not, each must be right
		_, _ = r.parameter(t.parameters[key].name)
	}
	r.expand()
	for _, x := range r.resources {
		r.order(x)
	}
	for _, x := range r.resources {
		_ = r.fill(x)
	}
	if cycle := r.cycle(); cycle != nil {
		r.report(cycle[0].Path+".dependsOn", fmt.Errorf("goes in a circle: %s", route(cycle)))
	}
	d := &Deployment{Resources: r.resources, Outputs: map[string]any{}}
	for _, name := range slices.Sorted(maps.Keys(t.section("outputs"))) {
		if v, ok := r.output(name); ok {
			d.Outputs[name] = v
		}
	}
	return d, errors.Join(r.problems...)
}

func (r *run) output(name string) (any, bool) {
	path := memberPath("outputs", name)
	declared, _ := r.template.section("outputs")[name].(map[string]any)
	typed, _ := declared["type"].(string)
	if kinds[strings.ToLower(typed)] == "" || checkNames("", declared, []string{"type", "value", "condition", "metadata"}) != nil {
		r.report(path, errors.New("must have a known type, a value, and nothing but a condition and metadata beside them"))
		return nil, false
	}
	e := &evaluation{run: r, place: runtime}
	if condition, given := declared["condition"]; given {
		v, err := e.tree(path+".condition", condition)
		if wanted, ok := v.(bool); err != nil || !ok || !wanted {
			return nil, false
		}
	}
	v, err := e.tree(path+".value", declared["value"])
	if err == nil && kind(v) != kinds[strings.ToLower(typed)] {
		err = fmt.Errorf("is %s, not %s", kind(v), typed)
		r.report(path, err)
	}
	return v, err == nil
}

// order finds what a resource waits for: ids, names, or names of copy loops.
// Resource Manager leaves out what is not deployed ("Conditional deployment").
func (r *run) order(x *Resource) {
	e := &evaluation{run: r, place: beforehand, loop: x.loop}
	v, err := e.tree(x.Path+".dependsOn", x.declared["dependsOn"])
	if err != nil || v == nil {
		return
	}
	list, ok := v.([]any)
	if !ok {
		r.report(x.Path+".dependsOn", fmt.Errorf("is %s, not an array", kind(v)))
	}
	for i := range list {
		text, _ := list[i].(string)
		found, err := r.awaited(text)
		if err != nil {
			r.report(fmt.Sprintf("%s.dependsOn[%d]", x.Path, i), err)
		}
		for _, y := range found {
			if y.Enabled && !slices.Contains(x.After, y.ID) {
				x.After = append(x.After, y.ID)
			}
		}
	}
}

func (r *run) awaited(text string) (found []*Resource, err error) {
	for _, x := range r.resources {
		if x.Loop != "" && strings.EqualFold(x.Loop, text) {
			found = append(found, x)
		}
	}
	if found != nil {
		return found, nil
	}
	x, err := r.refer(text)
	if err != nil {
		return nil, err
	}
	return []*Resource{x}, nil
}

// cycle returns resources that wait for each other, if there are any.
func (r *run) cycle() []*Resource {
	const begun, done = 1, 2
	state := map[*Resource]int{}
	var way []*Resource
	var visit func(x *Resource) []*Resource
	visit = func(x *Resource) []*Resource {
		switch state[x] {
		case done:
			return nil
		case begun:
			return way[slices.Index(way, x):]
		}
		state[x] = begun
		way = append(way, x)
		for _, id := range x.After {
			if circle := visit(r.find(id)); circle != nil {
				return circle
			}
		}
		way = way[:len(way)-1]
		state[x] = done
		return nil
	}
	for _, x := range r.resources {
		if circle := visit(x); circle != nil {
			return circle
		}
	}
	return nil
}

func route(circle []*Resource) string {
	var names []string
	for _, x := range append(slices.Clone(circle), circle[0]) {
		names = append(names, x.Type+"/"+x.Name)
	}
	return strings.Join(names, " waits for ")
}

// Waits reports whether x is deployed after y, directly or through others.
func (d *Deployment) Waits(x, y *Resource) bool {
	seen := map[string]bool{}
	var waits func(x *Resource) bool
	waits = func(x *Resource) bool {
		for _, id := range x.After {
			if strings.EqualFold(id, y.ID) {
				return true
			}
			if !seen[id] {
				seen[id] = true
				if next := d.Find(id); next != nil && waits(next) {
					return true
				}
			}
		}
		return false
	}
	return waits(x)
}

// Evaluate works a single string out, without parameters and resources.
func Evaluate(text string, scope Scope) (any, error) {
	t, err := New(map[string]any{"resources": []any{}})
	if err != nil {
		return nil, err
	}
	r := &run{template: t, scope: scope, known: map[string]*memo{}}
	return (&evaluation{run: r, place: runtime}).text(text)
}
