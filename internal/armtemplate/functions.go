package armtemplate

import (
	"fmt"
	"maps"
)

// A function is one of the template language's, by its name in lower case.
type function struct {
	least, most int // arguments; most < 0: as many as you like
	only        func(place) bool
	do          func(*evaluation, *arguments) any
}

func (f function) count() string {
	switch {
	case f.most < 0:
		return fmt.Sprintf("at least %d arguments", f.least)
	case f.least == f.most:
		return fmt.Sprintf("%d arguments", f.least)
	}
	return fmt.Sprintf("%d to %d arguments", f.least, f.most)
}

// functions are all that we know. They divide into those that hand values on as
// they are, so that marks stay on the parts they belong to, and those that compute
// something new, which is Secure as a whole if an argument was in any part.
var functions = map[string]function{}

func init() { // not in the declaration: functions evaluate, and evaluating needs functions
	for _, more := range []map[string]function{
		logicFunctions, numberFunctions, textFunctions, listFunctions, objectFunctions,
		deploymentFunctions, resourceFunctions,
	} {
		maps.Copy(functions, more)
	}
}

// computes makes a function of one that knows no marks.
func computes(least, most int, do func(*arguments) any) function {
	return function{least: least, most: most, do: func(_ *evaluation, a *arguments) any { return a.compute(do) }}
}

// moves makes a function of one that hands its arguments on.
func moves(least, most int, do func(*arguments) any) function {
	return function{least: least, most: most, do: func(_ *evaluation, a *arguments) any { return do(a) }}
}

// compute runs do without marks and marks what comes out if there were any.
func (a *arguments) compute(do func(*arguments) any) any {
	plain := &arguments{}
	marked := false
	for _, v := range a.values {
		plain.values = append(plain.values, Plain(v))
		marked = marked || Tainted(v)
	}
	result := do(plain)
	a.err = plain.err
	if marked {
		return secured(result)
	}
	return result
}

// arguments are a call's. The first one of a wrong type is remembered, and what a
// function returns afterwards is thrown away; so it need not look each time, only
// not to panic on a zero value.
type arguments struct {
	values []any
	err    error
}

func (a *arguments) fail(format string, args ...any) any {
	if a.err == nil {
		a.err = fmt.Errorf(format, args...)
	}
	return nil
}

func want[T any](a *arguments, i int, name string) T {
	v, ok := a.values[i].(T)
	if !ok {
		a.fail("argument %d is %s, not %s", i+1, kind(a.values[i]), name)
	}
	return v
}

func (a *arguments) text(i int) string           { return want[string](a, i, "a string") }
func (a *arguments) whole(i int) int64           { return want[int64](a, i, "an int") }
func (a *arguments) flag(i int) bool             { return want[bool](a, i, "a bool") }
func (a *arguments) list(i int) []any            { return want[[]any](a, i, "an array") }
func (a *arguments) object(i int) map[string]any { return want[map[string]any](a, i, "an object") }

// wholeOr is an argument that may be left out.
func (a *arguments) wholeOr(i int, otherwise int64) int64 {
	if i >= len(a.values) {
		return otherwise
	}
	return a.whole(i)
}

// texts are the arguments from i on.
func (a *arguments) texts(i int) []string {
	var all []string
	for ; i < len(a.values); i++ {
		all = append(all, a.text(i))
	}
	return all
}
