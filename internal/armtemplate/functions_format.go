package armtemplate

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// placeholder is an item of .NET's composite format: {index} or {index:format}.
var placeholder = regexp.MustCompile(`^\{([0-9]{1,3})(?::([A-Za-z])([0-9]{0,2}))?\}`)

// format knows plain items, D (digits) and N0 (thousands), and {{ and }} for
// braces. (.NET's documentation, "Composite formatting".)
func format(a *arguments) any {
	var b strings.Builder
	text := a.text(0)
	for text != "" && a.err == nil {
		switch {
		case strings.HasPrefix(text, "{{"), strings.HasPrefix(text, "}}"):
			b.WriteByte(text[0])
			text = text[2:]
		case text[0] == '{':
			item := placeholder.FindStringSubmatch(text)
			if item == nil {
				return a.fail("%q holds a brace that is no item like {0}; write {{ for a brace", text)
			}
			b.WriteString(a.item(item))
			text = text[len(item[0]):]
		case text[0] == '}':
			return a.fail("%q ends an item that never began; write }} for a brace", text)
		default:
			b.WriteByte(text[0])
			text = text[1:]
		}
		if b.Len() > longestText {
			return a.fail("the result is too long")
		}
	}
	return b.String()
}

func (a *arguments) item(item []string) string {
	i, _ := strconv.Atoi(item[1]) // three digits at most
	if i+1 >= len(a.values) {
		a.fail("%s has no argument", item[0])
		return ""
	}
	switch kind, digits := strings.ToUpper(item[2]), item[3]; {
	case kind == "":
		switch a.values[i+1].(type) {
		case string, bool, int64:
			text, _ := toText(&arguments{values: a.values[i+1 : i+2]}).(string)
			return text
		}
		a.fail("%s stands for something that is no string, int or bool", item[0])
		return ""
	case kind == "D":
		width, _ := strconv.Atoi(digits)
		return fmt.Sprintf("%0*d", width, a.whole(i+1))
	case kind == "N" && digits == "0":
		return thousands(a.whole(i + 1))
	}
	a.fail("%s: this format is not known here", item[0])
	return ""
}

func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}
