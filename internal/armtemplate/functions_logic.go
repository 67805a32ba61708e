package armtemplate

import (
	"cmp"
	"strings"
)

var logicFunctions = map[string]function{
	"true":  computes(0, 0, func(*arguments) any { return true }),
	"false": computes(0, 0, func(*arguments) any { return false }),
	"null":  computes(0, 0, func(*arguments) any { return nil }),
	"not":   computes(1, 1, func(a *arguments) any { return !a.flag(0) }),
	"and": computes(2, -1, func(a *arguments) any {
		all := true
		for i := range a.values {
			all = a.flag(i) && all
		}
		return all
	}),
	"or": computes(2, -1, func(a *arguments) any {
		some := false
		for i := range a.values {
			some = a.flag(i) || some
		}
		return some
	}),
	"bool":            computes(1, 1, toBool),
	"equals":          computes(2, 2, equals),
	"less":            computes(2, 2, func(a *arguments) any { return a.compare() < 0 }),
	"lessorequals":    computes(2, 2, func(a *arguments) any { return a.compare() <= 0 }),
	"greater":         computes(2, 2, func(a *arguments) any { return a.compare() > 0 }),
	"greaterorequals": computes(2, 2, func(a *arguments) any { return a.compare() >= 0 }),
	"coalesce":        moves(1, -1, coalesce),
	"empty":           computes(1, 1, empty),
	"contains":        computes(2, 2, contains),
	"startswith":      computes(2, 2, func(a *arguments) any { return strings.HasPrefix(a.folded(0), a.folded(1)) }),
	"endswith":        computes(2, 2, func(a *arguments) any { return strings.HasSuffix(a.folded(0), a.folded(1)) }),
}

func toBool(a *arguments) any {
	switch v := a.values[0].(type) {
	case bool:
		return v
	case int64:
		return v != 0
	case string:
		switch strings.ToLower(v) {
		case "true", "1":
			return true
		case "false", "0":
			return false
		}
	}
	return a.fail("%v is no bool", a.values[0])
}

// equals refuses to compare different types: the answer would always be no, which
// nobody asks for on purpose.
func equals(a *arguments) any {
	x, y := a.values[0], a.values[1]
	if x != nil && y != nil && kind(x) != kind(y) {
		return a.fail("compares %s with %s", kind(x), kind(y))
	}
	return same(x, y)
}

func (a *arguments) compare() int {
	if _, ok := a.values[0].(string); ok {
		return strings.Compare(a.text(0), a.text(1))
	}
	return cmp.Compare(a.whole(0), a.whole(1))
}

// folded is an argument of a comparison that does not tell upper from lower case.
func (a *arguments) folded(i int) string { return strings.ToLower(a.text(i)) }

func coalesce(a *arguments) any {
	for _, v := range a.values {
		if v != nil {
			return v
		}
	}
	return nil
}

func empty(a *arguments) any {
	switch v := a.values[0].(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return a.fail("argument 1 is %s, not a string, array or object", kind(a.values[0]))
}

// contains tells cases apart in texts and arrays, but not in an object's names.
func contains(a *arguments) any {
	switch in := a.values[0].(type) {
	case string:
		return strings.Contains(in, a.text(1))
	case []any:
		for _, v := range in {
			if same(v, a.values[1]) {
				return true
			}
		}
		return false
	case map[string]any:
		_, found := property(in, a.text(1))
		return found
	}
	return a.fail("argument 1 is %s, not a string, array or object", kind(a.values[0]))
}
