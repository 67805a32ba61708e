package armtemplate

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// longestText keeps a short expression from making a text that no machine holds;
// a whole template may have 4 MB ("Template limits").
const longestText = 4 << 20

var textFunctions = map[string]function{
	"tolower":      computes(1, 1, func(a *arguments) any { return strings.ToLower(a.text(0)) }),
	"toupper":      computes(1, 1, func(a *arguments) any { return strings.ToUpper(a.text(0)) }),
	"trim":         computes(1, 1, func(a *arguments) any { return strings.TrimSpace(a.text(0)) }),
	"string":       computes(1, 1, toText),
	"format":       computes(1, -1, format),
	"replace":      computes(3, 3, replace),
	"substring":    computes(1, 3, substring),
	"indexof":      computes(2, 2, indexOf),
	"split":        computes(2, 2, split),
	"join":         computes(2, 2, join),
	"base64":       computes(1, 1, func(a *arguments) any { return base64.StdEncoding.EncodeToString([]byte(a.text(0))) }),
	"uricomponent": computes(1, 1, func(a *arguments) any { return escapeComponent(a.text(0)) }),
	"uri":          computes(2, 2, resolve),
	"uniquestring": computes(1, -1, uniqueString),
	"guid":         computes(1, -1, guid),
	"newguid":      {only: func(p place) bool { return p == inDefault }, do: func(*evaluation, *arguments) any { return shape("newGuid") }},
	"utcnow": {most: 1, only: func(p place) bool { return p == inDefault },
		do: func(*evaluation, *arguments) any { return "20261122T080000Z" }}, // any moment; a test must not depend on it
	"json": computes(1, 1, func(a *arguments) any {
		v, err := ParseJSON([]byte(a.text(0)))
		if err != nil {
			a.fail("%w", err)
		}
		return v
	}),
}

// toText writes a bool as the service does, with a capital (Azure/PSRule.Rules.Azure
// issue 793), and objects and arrays as compact JSON.
func toText(a *arguments) any {
	switch v := a.values[0].(type) {
	case string:
		return v
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int64:
		return strconv.FormatInt(v, 10)
	case []any, map[string]any:
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(v); err != nil {
			return a.fail("%w", err)
		}
		return strings.TrimSuffix(b.String(), "\n")
	}
	return a.fail("argument 1 is %s: what it becomes is not documented", kind(a.values[0]))
}

func replace(a *arguments) any {
	text, old, fresh := a.text(0), a.text(1), a.text(2)
	if old == "" {
		return a.fail("argument 2 is empty")
	}
	if strings.Count(text, old)*len(fresh)+len(text) > longestText {
		return a.fail("the result is too long")
	}
	return strings.ReplaceAll(text, old, fresh)
}

func substring(a *arguments) any {
	text := []rune(a.text(0))
	from := a.wholeOr(1, 0)
	count := a.wholeOr(2, int64(len(text))-from)
	if from < 0 || count < 0 || from > int64(len(text)) || count > int64(len(text))-from {
		return a.fail("%d characters from %d on do not lie within %d", count, from, len(text))
	}
	return string(text[from : from+count])
}

func indexOf(a *arguments) any {
	if list, ok := a.values[0].([]any); ok {
		for i := range list {
			if same(list[i], a.values[1]) {
				return int64(i)
			}
		}
		return int64(-1)
	}
	before, _, found := strings.Cut(a.folded(0), a.folded(1))
	if !found {
		return int64(-1)
	}
	return int64(len([]rune(before)))
}

func split(a *arguments) any {
	text, separators := a.text(0), []any{a.values[1]}
	if list, ok := a.values[1].([]any); ok {
		separators = list
	}
	const mark = "\x00"
	for _, s := range separators {
		separator, ok := s.(string)
		if !ok || separator == "" {
			return a.fail("argument 2 must be a string that is not empty, or an array of such")
		}
		text = strings.ReplaceAll(text, separator, mark)
	}
	parts := []any{}
	for part := range strings.SplitSeq(text, mark) {
		parts = append(parts, part)
	}
	return parts
}

func join(a *arguments) any {
	list, separator := a.list(0), a.text(1)
	var parts []string
	size := 0
	for i := range list {
		part, ok := list[i].(string)
		if !ok {
			return a.fail("element %d is %s, not a string", i, kind(list[i]))
		}
		if size += len(part) + len(separator); size > longestText {
			return a.fail("the result is too long")
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, separator)
}

// escapeComponent leaves what RFC 3986 calls unreserved, as .NET's Uri.EscapeDataString.
func escapeComponent(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

func resolve(a *arguments) any {
	base, err := url.Parse(a.text(0))
	if err != nil || !base.IsAbs() {
		return a.fail("argument 1 is no absolute URI")
	}
	relative, err := url.Parse(a.text(1))
	if err != nil {
		return a.fail("argument 2 is no relative URI")
	}
	return base.ResolveReference(relative).String()
}

// uniqueString stands in for the service's hash, of which only the shape is
// documented: 13 small letters and digits, the same for the same arguments.
func uniqueString(a *arguments) any {
	sum := sha256.Sum256([]byte(strings.Join(a.texts(0), "-")))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:13]
}

// guid likewise, as a GUID.
func guid(a *arguments) any { return shape(strings.Join(a.texts(0), "-")) }

func shape(seed string) string {
	sum := sha256.Sum256([]byte(seed))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
