package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// A wanted judges one value of a JSON body (numbers as json.Number, a missing
// member as nil) and says what is wrong with it, or "".
type wanted func(v any) string

// registrationBody is what a collector says of itself when it registers.
// client_secret is let through here; the registration mode judges it.
var registrationBody = wantObject(map[string]wanted{
	"version":       wantText,
	"app_tenant_id": wantText,
	"client_id":     wantText,
	"client_secret": wantOptional(wantText),
	"config": wantObject(map[string]wanted{
		"type":             wantOneOf("o365"),
		"office_tenant_id": wantText,
		"client_secret":    wantOptional(wantText),
		"content_streams":  wantStreams,
	}),
})

// checkInBody is what a collector says of its health. The identifiers must be
// those of its registration; one that never registered has its own from elsewhere.
func (a *AlertLogic) checkInBody(c Collector) wanted {
	a.mu.Lock()
	ids, known := a.collectors[c]
	a.mu.Unlock()
	host, source := wanted(wantText), wanted(wantText)
	if known {
		host, source = wantOneOf(ids.host), wantOneOf(ids.source)
	}
	members := wantObject(map[string]wanted{
		"version":       wantText,
		"app_tenant_id": wantText,
		"host_id":       host,
		"source_id":     source,
		"status":        wantOneOf("ok", "error"),
		"error_code":    wantOptional(wantString),
		"details":       wantList(wantString),
		"statistics":    wantList(wantFunction),
		"collection_stats": wantObject(map[string]wanted{
			"log": wantObject(map[string]wanted{"bytes": wantCount, "events": wantCount}),
		}),
	})
	return func(v any) string {
		if flaw := members(v); flaw != "" {
			return flaw
		}
		if body := v.(map[string]any); body["status"] == "error" {
			if flaw := wantText(body["error_code"]); flaw != "" {
				return ".error_code" + named(flaw) + " although the status is error"
			}
		}
		return ""
	}
}

// judgeBody reads a JSON body, whole, and judges it.
func judgeBody(what string, h http.Header, body []byte, want wanted) *alRefusal {
	flaw := ""
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	switch err := d.Decode(&v); {
	case !isJSONBody(h):
		flaw = "has a Content-Type that is not application/json"
	case err != nil || !json.Valid(body):
		flaw = "is no JSON"
	default:
		flaw = want(v)
	}
	if flaw == "" {
		return nil
	}
	return &alRefusal{status: http.StatusBadRequest, text: what + named(flaw)}
}

// wantObject wants exactly these members; the wanted of one that is missing gets nil.
func wantObject(members map[string]wanted) wanted {
	names := slices.Sorted(maps.Keys(members))
	return func(v any) string {
		object, ok := v.(map[string]any)
		if !ok {
			return missingOr("is no object", v)
		}
		for _, name := range names {
			if flaw := members[name](object[name]); flaw != "" {
				return "." + name + named(flaw)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if members[name] == nil {
				return "." + name + " is unknown"
			}
		}
		return ""
	}
}

func wantList(element wanted) wanted {
	return func(v any) string {
		list, ok := v.([]any)
		if !ok {
			return missingOr("is no list", v)
		}
		for i, e := range list {
			if flaw := element(e); flaw != "" {
				return fmt.Sprintf("[%d]", i) + named(flaw)
			}
		}
		return ""
	}
}

func wantOptional(want wanted) wanted {
	return func(v any) string {
		if v == nil {
			return ""
		}
		return want(v)
	}
}

func wantOneOf(choices ...string) wanted {
	return func(v any) string {
		if s, ok := v.(string); ok && slices.Contains(choices, s) {
			return ""
		}
		return missingOr("is not "+strings.Join(choices, " or "), v)
	}
}

func wantString(v any) string {
	if _, ok := v.(string); !ok {
		return missingOr("is no string", v)
	}
	return ""
}

func wantText(v any) string {
	if v == "" {
		return "is empty"
	}
	return wantString(v)
}

// wantCount wants a whole number from 0 on.
func wantCount(v any) string {
	if n, ok := v.(json.Number); !ok || !allDigits(n.String()) {
		return missingOr("is no count", v)
	}
	return ""
}

// wantFunction wants the counts of one function, under its name.
func wantFunction(v any) string {
	object, ok := v.(map[string]any)
	if !ok || len(object) != 1 {
		return missingOr("is no object with one member, named like the function", v)
	}
	counts := wantObject(map[string]wanted{"invocations": wantCount, "errors": wantCount})
	for name, v := range object {
		if flaw := counts(v); flaw != "" {
			return "." + name + named(flaw)
		}
	}
	return ""
}

// wantStreams takes the list of content types, or the same list as a string: the
// contract does not say which of them it is.
func wantStreams(v any) string {
	if s, ok := v.(string); ok {
		_ = json.Unmarshal([]byte(s), &v) // what is no JSON stays a string, and that is no list
	}
	if flaw := wantList(wantText)(v); flaw != "" {
		return flaw
	}
	if len(v.([]any)) == 0 {
		return "is empty"
	}
	return ""
}

// missingOr tells an absent member from a wrong one.
func missingOr(flaw string, v any) string {
	if v == nil {
		return "is missing"
	}
	return flaw
}

// named parts a flaw from the member's name, unless the flaw goes on with the path.
func named(flaw string) string {
	if flaw[0] == '.' || flaw[0] == '[' {
		return flaw
	}
	return " " + flaw
}
