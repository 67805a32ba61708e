package armtemplate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Template is one that was parsed, not yet evaluated.
type Template struct {
	root       map[string]any
	parameters map[string]parameter // by lower-case name
	variables  map[string]named     // likewise
}

// named is something with the name it was declared by.
type named struct {
	name  string
	value any
}

// Names of what a template and a resource may have, in the syntax with resources as
// an array ("Understand the structure and syntax of ARM templates"). What we do not
// evaluate (user-defined functions, nested resources, zones, plans) is not here.
var (
	templateNames = []string{"$schema", "contentVersion", "metadata", "parameters", "variables", "resources", "outputs"}
	resourceNames = []string{"comments", "condition", "type", "apiVersion", "name", "copy", "scope", "dependsOn",
		"location", "tags", "sku", "kind", "identity", "properties"}
)

// Parse reads a template and checks what can be told without parameters.
func Parse(data []byte) (*Template, error) {
	v, err := ParseJSON(data)
	if err != nil {
		return nil, err
	}
	return New(v)
}

// New takes what ParseJSON returned. The template keeps it.
func New(v any) (*Template, error) {
	root, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("template is %s, not an object", kind(v))
	}
	t := &Template{root: root, parameters: map[string]parameter{}, variables: map[string]named{}}
	complaints := checkNames("", root, templateNames)
	for _, section := range []string{"parameters", "variables", "outputs"} {
		if _, ok := root[section].(map[string]any); !ok && root[section] != nil {
			complaints = append(complaints, fmt.Errorf("%s: is %s, not an object", section, kind(root[section])))
		}
	}
	if _, ok := root["resources"].([]any); !ok {
		complaints = append(complaints, fmt.Errorf("resources: is %s, not an array", kind(root["resources"])))
	}
	for name, value := range t.section("variables") {
		t.variables[strings.ToLower(name)] = named{name, value}
	}
	for name, declared := range t.section("parameters") {
		p, err := declare(name, declared)
		if err != nil {
			complaints = append(complaints, fmt.Errorf("%s: %w", memberPath("parameters", name), err))
			continue
		}
		t.parameters[strings.ToLower(name)] = p
	}
	slices.SortFunc(complaints, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return t, errors.Join(complaints...)
}

func (t *Template) section(name string) map[string]any {
	section, _ := t.root[name].(map[string]any)
	return section
}

func checkNames(path string, object map[string]any, known []string) (complaints []error) {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains(known, name) {
			complaints = append(complaints, fmt.Errorf("%s: not a name that is known here", memberPath(path, name)))
		}
	}
	return complaints
}

// Unused returns the parameters and variables that no resource and no output needs,
// directly or through others, sorted.
func (t *Template) Unused() (parameters, variables []string) {
	used := map[string]bool{}
	t.follow(used, t.root["resources"])
	t.follow(used, t.root["outputs"])
	for key, p := range t.parameters {
		if !used["parameters."+key] {
			parameters = append(parameters, p.name)
		}
	}
	for key, v := range t.variables {
		if !used["variables."+key] {
			variables = append(variables, v.name)
		}
	}
	slices.Sort(parameters)
	slices.Sort(variables)
	return parameters, variables
}

// follow notes what the expressions in v name, and what that needs in turn.
func (t *Template) follow(used map[string]bool, v any) {
	Walk("", v, func(_ string, scalar any) {
		text, ok := scalar.(string)
		if !ok {
			return
		}
		n, err := parseString(text)
		if err != nil {
			return // evaluating tells
		}
		names(n, func(function, name string) {
			key := function + "." + strings.ToLower(name)
			if used[key] {
				return
			}
			used[key] = true
			if function == "parameters" {
				t.follow(used, t.parameters[strings.ToLower(name)].fallback)
			} else {
				t.follow(used, t.variables[strings.ToLower(name)].value)
			}
		})
	})
}

// names finds the calls of parameters('…') and variables('…') in n.
func names(n node, found func(function, name string)) {
	switch n := n.(type) {
	case access:
		names(n.of, found)
		names(n.key, found)
	case call:
		function := strings.ToLower(n.name)
		for _, arg := range n.args {
			if name, ok := arg.(literal); ok && (function == "parameters" || function == "variables") {
				if name, ok := name.value.(string); ok {
					found(function, name)
				}
			}
			names(arg, found)
		}
	}
}
