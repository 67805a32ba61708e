package arm_test

import (
	"slices"
	"strings"
	"testing"
)

// A mistake is one that somebody could make, and the complaint that belongs to it.
type mistake struct {
	name  string
	in    []string // variants in which it shows, beside two that are always looked at
	spoil func(editor)
	want  string // in one complaint at least
	// follows and alsoFollows are in complaints that cannot but come with it.
	follows, alsoFollows string
}

// expects says that a complaint follows from the mistake.
func (m mistake) expects(complaint string) bool {
	return m.follows != "" && strings.Contains(complaint, m.follows) || m.alsoFollows != "" && strings.Contains(complaint, m.alsoFollows)
}

// An editor spoils papers. An edit that changes nothing fails the test: the mistake
// would not be made.
type editor struct {
	t *testing.T
	*papers
}

// resource is the nth resource of a type, as it is written.
func (e editor) resource(kind string, nth int) object {
	e.t.Helper()
	resources, _ := e.template["resources"].(list)
	for i := range resources {
		if textAt(resources, i, "type") == kind {
			if nth--; nth < 0 {
				return resources[i].(object)
			}
		}
	}
	e.t.Fatalf("there is no such resource %s", kind)
	return nil
}

// in goes down to an object.
func (e editor) in(v any, path ...any) object {
	e.t.Helper()
	o, ok := at(v, path...).(object)
	if !ok {
		e.t.Fatalf("%v is no object", path)
	}
	return o
}

// put gives a member that is there another value.
func (e editor) put(o object, name string, v any) {
	e.t.Helper()
	if _, there := o[name]; !there {
		e.t.Fatalf("there is no %s to spoil", name)
	}
	o[name] = v
}

// add makes a member that is not there.
func (e editor) add(o object, name string, v any) {
	e.t.Helper()
	if _, there := o[name]; there {
		e.t.Fatalf("there is a %s already", name)
	}
	o[name] = v
}

func (e editor) remove(o object, name string) {
	e.t.Helper()
	e.put(o, name, nil)
	delete(o, name)
}

// replace changes a text, which must hold what is replaced.
func (e editor) replace(o object, name, old, fresh string) {
	e.t.Helper()
	text := textOf(o[name])
	if !strings.Contains(text, old) {
		e.t.Fatalf("%s is %q, without %q", name, text, old)
	}
	o[name] = strings.ReplaceAll(text, old, fresh)
}

// drop takes the elements out of an array that hold a text.
func (e editor) drop(o object, name, with string) {
	e.t.Helper()
	var kept list
	before, _ := o[name].(list)
	for _, v := range before {
		if !strings.Contains(textOf(v), with) {
			kept = append(kept, v)
		}
	}
	if len(kept) == len(before) {
		e.t.Fatalf("%s holds no %q", name, with)
	}
	o[name] = kept
}

// field is one of the form's.
func (e editor) field(step, name string) object {
	e.t.Helper()
	steps, _ := at(e.form, "parameters", "steps").(list)
	for i := range steps {
		elements, _ := at(steps, i, "elements").(list)
		for j := range elements {
			if textAt(steps, i, "name") == step && textAt(elements, j, "name") == name {
				return elements[j].(object)
			}
		}
	}
	e.t.Fatalf("the form has no %s in %s", name, step)
	return nil
}

func (e editor) parameter(name string) object { return e.in(e.template, "parameters", name) }
func (e editor) variables() object            { return e.in(e.template, "variables") }
func (e editor) settings() object             { return e.in(e.template, "variables", "settings") }

// grant adds a role assignment of the run identity, on a scope, by a role's name in
// variables.roles.
func (e editor) grant(scope, role string) {
	grants, _ := e.variables()["grants"].(list)
	e.variables()["grants"] = append(grants, object{"scope": scope, "role": "[variables('roles')." + role + "]",
		"identity": "[variables('runIdentityId')]", "why": "Seeded.", "when": true})
}

var mistakes = slices.Concat(mistakesOfDeclaration, mistakesOfResources, mistakesOfNames, mistakesBeside, mistakesOfForm, mistakesOfUpdate)
