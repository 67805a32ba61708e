package armtemplate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A parameter as it is declared.
type parameter struct {
	name        string
	kind        string // in lower case
	fallback    any    // an expression, or nil
	hasFallback bool
	allowed     []any

	minValue, maxValue, minLength, maxLength *int64
}

var parameterNames = []string{"type", "defaultValue", "allowedValues", "minValue", "maxValue", "minLength", "maxLength", "metadata"}

// kinds maps a parameter's type to its values' kind; secure ones are marked.
var kinds = map[string]string{
	"string": "string", "securestring": "string", "int": "int", "bool": "bool",
	"array": "array", "object": "object", "secureobject": "object",
}

func (p parameter) secure() bool { return strings.HasPrefix(p.kind, "secure") }

func declare(name string, declared any) (parameter, error) {
	object, ok := declared.(map[string]any)
	if !ok {
		return parameter{}, fmt.Errorf("is %s, not an object", kind(declared))
	}
	if complaints := checkNames("", object, parameterNames); complaints != nil {
		return parameter{}, errors.Join(complaints...)
	}
	p := parameter{name: name}
	typed, _ := object["type"].(string)
	p.kind = strings.ToLower(typed)
	if kinds[p.kind] == "" {
		return p, fmt.Errorf("type: %v is none of string, securestring, int, bool, array, object, secureobject", object["type"])
	}
	p.fallback, p.hasFallback = object["defaultValue"]
	if allowed, given := object["allowedValues"]; given {
		if p.allowed, ok = allowed.([]any); !ok || len(p.allowed) == 0 {
			return p, errors.New("allowedValues: must be an array that is not empty")
		}
	}
	for _, bound := range []struct {
		name  string
		into  **int64
		kinds []string
	}{
		{"minValue", &p.minValue, []string{"int"}},
		{"maxValue", &p.maxValue, []string{"int"}},
		{"minLength", &p.minLength, []string{"string", "array"}},
		{"maxLength", &p.maxLength, []string{"string", "array"}},
	} {
		value, given := object[bound.name]
		if !given {
			continue
		}
		n, ok := value.(int64)
		if !ok || !slices.Contains(bound.kinds, kinds[p.kind]) {
			return p, fmt.Errorf("%s: must be a whole number, and fits %s only", bound.name, strings.Join(bound.kinds, " and "))
		}
		*bound.into = &n
	}
	return p, nil
}

// check says what is wrong with a value for p.
func (p parameter) check(v any) error {
	if kind(v) != kinds[p.kind] {
		return fmt.Errorf("is %s, not %s", kind(v), kinds[p.kind])
	}
	if p.allowed != nil && !slices.ContainsFunc(p.allowed, func(allowed any) bool { return same(allowed, v) }) {
		return fmt.Errorf("%v is none of the allowed values %v", Plain(v), p.allowed)
	}
	var size int64
	least, most, what := p.minLength, p.maxLength, "length"
	switch v := Plain(v).(type) {
	case int64:
		size, least, most, what = v, p.minValue, p.maxValue, "value"
	case string:
		size = int64(len([]rune(v)))
	case []any:
		size = int64(len(v))
	}
	if least != nil && size < *least {
		return fmt.Errorf("%s %d is less than %d", what, size, *least)
	}
	if most != nil && size > *most {
		return fmt.Errorf("%s %d is more than %d", what, size, *most)
	}
	return nil
}

// parameter works out a parameter's value: the given one or the default.
func (r *run) parameter(name string) (any, error) {
	key := strings.ToLower(name)
	p, known := r.template.parameters[key]
	if !known {
		return nil, fmt.Errorf("no parameter %q", name)
	}
	path := memberPath("parameters", p.name)
	return r.once(path, func() (any, error) {
		v, given := r.given[key]
		if !given {
			if !p.hasFallback {
				return nil, errors.New("no value is given, and there is no default")
			}
			var err error
			e := &evaluation{run: r, place: inDefault}
			if v, err = e.tree(path+".defaultValue", p.fallback); err != nil {
				return nil, err
			}
		}
		if err := p.check(v); err != nil {
			return nil, err
		}
		if p.secure() {
			v = secured(v)
		}
		return v, nil
	})
}

// variable works out a variable's value.
func (r *run) variable(name string) (any, error) {
	v, known := r.template.variables[strings.ToLower(name)]
	if !known {
		return nil, fmt.Errorf("no variable %q", name)
	}
	path := memberPath("variables", v.name)
	return r.once(path, func() (any, error) {
		if err := checkName(v.name, v.value); err != nil {
			return nil, err
		}
		return (&evaluation{run: r, place: beforehand}).tree(path, v.value)
	})
}
