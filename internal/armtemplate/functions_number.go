package armtemplate

import "strconv"

var numberFunctions = map[string]function{
	"add": computes(2, 2, func(a *arguments) any { return a.whole(0) + a.whole(1) }),
	"sub": computes(2, 2, func(a *arguments) any { return a.whole(0) - a.whole(1) }),
	"mul": computes(2, 2, func(a *arguments) any { return a.whole(0) * a.whole(1) }),
	"div": computes(2, 2, func(a *arguments) any {
		if a.divisor() == 0 {
			return nil
		}
		return a.whole(0) / a.whole(1)
	}),
	"mod": computes(2, 2, func(a *arguments) any {
		if a.divisor() == 0 {
			return nil
		}
		return a.whole(0) % a.whole(1)
	}),
	"min": computes(1, -1, func(a *arguments) any { return a.extreme(func(x, best int64) bool { return x < best }) }),
	"max": computes(1, -1, func(a *arguments) any { return a.extreme(func(x, best int64) bool { return x > best }) }),
	"int": computes(1, 1, func(a *arguments) any {
		if n, ok := a.values[0].(int64); ok {
			return n
		}
		n, err := strconv.ParseInt(a.text(0), 10, 64)
		if err != nil {
			a.fail("%q is no whole number", a.values[0])
		}
		return n
	}),
}

func (a *arguments) divisor() int64 {
	n := a.whole(1)
	if n == 0 {
		a.fail("divides by zero")
	}
	return n
}

// extreme is of all arguments, or of the one array.
func (a *arguments) extreme(better func(x, best int64) bool) any {
	if list, ok := a.values[0].([]any); ok && len(a.values) == 1 {
		a.values = list
	}
	if len(a.values) == 0 {
		return a.fail("the array is empty")
	}
	best := a.whole(0)
	for i := range a.values {
		if x := a.whole(i); better(x, best) {
			best = x
		}
	}
	return best
}
