package armtemplate

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

var listFunctions = map[string]function{
	"concat":      moves(1, -1, concat),
	"createarray": moves(0, -1, func(a *arguments) any { return append([]any{}, a.values...) }),
	"array": moves(1, 1, func(a *arguments) any {
		if list, ok := a.values[0].([]any); ok {
			return list
		}
		return []any{a.values[0]}
	}),
	"first": moves(1, 1, func(a *arguments) any {
		return a.cut(func(n int64) (int64, int64) { return 0, min(n, 1) }, true)
	}),
	"last": moves(1, 1, func(a *arguments) any {
		return a.cut(func(n int64) (int64, int64) { return n - min(n, 1), n }, true)
	}),
	"take": moves(2, 2, func(a *arguments) any {
		count := a.count()
		return a.cut(func(n int64) (int64, int64) { return 0, min(max(count, 0), n) }, false)
	}),
	"skip": moves(2, 2, func(a *arguments) any {
		count := a.count()
		return a.cut(func(n int64) (int64, int64) { return min(max(count, 0), n), n }, false)
	}),
	"length": computes(1, 1, func(a *arguments) any {
		switch v := a.values[0].(type) {
		case string:
			return int64(len([]rune(v)))
		case []any:
			return int64(len(v))
		case map[string]any:
			return int64(len(v))
		}
		return a.fail("argument 1 is %s, not a string, array or object", kind(a.values[0]))
	}),
	"range": computes(2, 2, func(a *arguments) any {
		from, count := a.whole(0), a.whole(1)
		if count < 0 || count > 10_000 { // the documentation's limit
			return a.fail("cannot count %d numbers; 0 to 10000 are possible", count)
		}
		list := []any{}
		for n := range count {
			list = append(list, from+n)
		}
		return list
	}),
}

// concat joins arrays, or texts; an int among texts is written out.
func concat(a *arguments) any {
	if _, arrays := a.values[0].([]any); !arrays {
		return a.compute(func(a *arguments) any {
			var b strings.Builder
			for i := range a.values {
				if n, ok := a.values[i].(int64); ok {
					b.WriteString(strconv.FormatInt(n, 10))
					continue
				}
				if b.WriteString(a.text(i)); b.Len() > longestText {
					return a.fail("the result is too long")
				}
			}
			return b.String()
		})
	}
	all := []any{}
	for i := range a.values {
		all = append(all, a.list(i)...)
	}
	return all
}

// count is the second argument of take and skip.
func (a *arguments) count() int64 {
	n, ok := Plain(a.values[1]).(int64)
	if !ok {
		a.fail("argument 2 is %s, not an int", kind(a.values[1]))
	}
	return n
}

// cut takes a part of an array or a text; one: the element itself.
func (a *arguments) cut(part func(length int64) (from, to int64), one bool) any {
	if list, ok := a.values[0].([]any); ok {
		from, to := part(int64(len(list)))
		switch {
		case one && from == to:
			return a.fail("the array is empty")
		case one:
			return list[from]
		}
		return slices.Clone(list[from:to])
	}
	return a.compute(func(a *arguments) any {
		text := []rune(a.text(0))
		from, to := part(int64(len(text)))
		return string(text[from:to])
	})
}

var objectFunctions = map[string]function{
	"createobject": moves(0, -1, createObject),
	"union":        moves(2, -1, union),
	"items": moves(1, 1, func(a *arguments) any {
		object, list := a.object(0), []any{}
		for _, key := range slices.Sorted(maps.Keys(object)) {
			list = append(list, map[string]any{"key": key, "value": object[key]})
		}
		return list
	}),
}

func createObject(a *arguments) any {
	object := map[string]any{}
	if len(a.values)%2 != 0 {
		return a.fail("takes a value for each name, not %d arguments", len(a.values))
	}
	for i := 0; i < len(a.values); i += 2 {
		key := a.text(i) // a Secure one is refused: a name cannot carry the mark
		if _, twice := property(object, key); twice {
			return a.fail("name %q comes twice", key)
		}
		object[key] = a.values[i+1]
	}
	return object
}

// union of arrays keeps each element once; of objects it goes down into objects,
// but a later array takes the place of an earlier one (the documentation's example).
func union(a *arguments) any {
	if _, arrays := a.values[0].([]any); arrays {
		all := []any{}
		for i := range a.values {
			for _, v := range a.list(i) {
				if !slices.ContainsFunc(all, func(known any) bool { return same(known, v) }) {
					all = append(all, v)
				}
			}
		}
		return all
	}
	all := map[string]any{}
	for i := range a.values {
		merge(all, a.object(i))
	}
	return all
}

func merge(into, from map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(from)) {
		deeper, isObject := from[key].(map[string]any)
		known, wasObject := into[key].(map[string]any)
		if isObject && wasObject {
			known = maps.Clone(known)
			merge(known, deeper)
			into[key] = known
			continue
		}
		into[key] = from[key]
	}
}
