package wire

import (
	"encoding/json"
	"errors"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// halfSecret is how much of a secret's beginning, at the very end of a text, is taken
// for the half of one that was cut. Less tells nobody anything.
const halfSecret = 4

// Scrub takes secrets out of what others wrote: a service may well repeat the request
// it dislikes. The text must be all that there is, before anything cuts it: only the
// half of a secret at its end is still known for one.
func Scrub(text string, secrets ...string) string {
	all := formsOf(secrets)
	for _, form := range all {
		text = strings.ReplaceAll(text, form, "***")
	}
	if half := halfAtEnd(text, all); half > 0 {
		text = text[:len(text)-half] + "***"
	}
	return text
}

// Tells reports whether a text holds one of the secrets, in any form that [Scrub] knows.
func Tells(text string, secrets ...string) bool {
	return slices.ContainsFunc(formsOf(secrets), func(form string) bool { return strings.Contains(text, form) })
}

// formsOf are the secrets as a service writes them that repeats our header, our JSON,
// our query or our form, or all that on a page of HTML. The longest comes first: one
// may be a part of another.
func formsOf(secrets []string) []string {
	var all []string
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		all = append(all, secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret))
		escaped, err := json.Marshal(secret)
		if err != nil { // a string always has an encoding
			continue
		}
		inJSON := string(escaped[1 : len(escaped)-1])
		all = append(all, inJSON, plainly.Replace(inJSON), strings.ReplaceAll(inJSON, "/", `\/`), strings.ReplaceAll(inJSON, "+", `\u002B`))
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(all)
}

// plainly undoes what encoding/json does for the sake of HTML and other libraries do not.
// Those escape the slash (PHP's json_encode) or the plus (.NET's JavaScriptEncoder).
var plainly = strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">")

// halfAtEnd is how many bytes at the end of a text begin a secret without ending it.
func halfAtEnd(text string, forms []string) (longest int) {
	for _, form := range forms {
		for n := min(len(form)-1, len(text)); n >= halfSecret && n > longest; n-- {
			if strings.HasSuffix(text, form[:n]) {
				longest = n
			}
		}
	}
	return longest
}

// quoted are strings as %q writes them, the last of which may have lost its end.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*(?:"|\\?$)`)

// Unquoted leaves out what a text quotes. The standard library's errors quote others:
// the beginning of an answer that is no HTTP, a Location that is no URL, the user and
// password of an HTTPS_PROXY that is none.
func Unquoted(text string) string { return quoted.ReplaceAllLiteralString(text, `"…"`) }

// An unquoted error tells nothing that it quotes. It is what it stands for to errors.Is
// and errors.As, but who unwraps it finds no other text.
type unquoted struct{ err error }

func (u unquoted) Error() string        { return Unquoted(u.err.Error()) }
func (u unquoted) Is(target error) bool { return errors.Is(u.err, target) }
func (u unquoted) As(target any) bool   { return errors.As(u.err, target) }
