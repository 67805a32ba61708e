package armtemplate

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A value is what JSON has: nil, bool, int64, float64, string, []any and
// map[string]any. Each scalar in it may be Secure.

// Secure is a scalar into which a secure parameter's value flowed, whatever was
// done to it on the way. A bool made from one is not: it tells one bit, and every
// condition of a template is such a bit.
type Secure struct{ Value any }

// Plain is v without its marks.
func Plain(v any) any {
	switch v := v.(type) {
	case Secure:
		return v.Value
	case []any:
		plain := make([]any, len(v))
		for i := range v {
			plain[i] = Plain(v[i])
		}
		return plain
	case map[string]any:
		plain := make(map[string]any, len(v))
		for key := range v {
			plain[key] = Plain(v[key])
		}
		return plain
	}
	return v
}

// secured marks every scalar of v.
func secured(v any) any {
	switch v := v.(type) {
	case Secure, bool, nil:
		return v
	case []any:
		marked := make([]any, len(v))
		for i := range v {
			marked[i] = secured(v[i])
		}
		return marked
	case map[string]any:
		marked := make(map[string]any, len(v))
		for key := range v {
			marked[key] = secured(v[key])
		}
		return marked
	}
	return Secure{v}
}

// Tainted reports whether anything in v is Secure.
func Tainted(v any) bool {
	found := false
	Walk("", v, func(_ string, scalar any) {
		_, secure := scalar.(Secure)
		found = found || secure
	})
	return found
}

// Walk visits every scalar of v, in a fixed order, with its path after the given one.
func Walk(path string, v any, visit func(path string, scalar any)) {
	switch v := v.(type) {
	case []any:
		for i := range v {
			Walk(path+"["+strconv.Itoa(i)+"]", v[i], visit)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			Walk(memberPath(path, key), v[key], visit)
		}
	default:
		visit(path, v)
	}
}

// memberPath is the path of an object's property.
func memberPath(path, key string) string {
	odd := func(r rune) bool { return r > 'z' || !letter(byte(r)) && !digit(byte(r)) && r != '-' && r != '$' }
	switch {
	case key == "" || strings.ContainsFunc(key, odd):
		return path + "['" + key + "']"
	case path == "":
		return key
	}
	return path + "." + key
}

func same(a, b any) bool { return reflect.DeepEqual(Plain(a), Plain(b)) }

// kind names a value's type as the documentation does.
func kind(v any) string {
	switch Plain(v).(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "number with a fraction"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return fmt.Sprintf("%T", v)
}
