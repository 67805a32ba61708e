package sim

import (
	"crypto/rand"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// graph serves the one question that the collector has for Microsoft Graph: when
// the credentials of its own application end ("application resource type" and
// "passwordCredential resource type", Graph v1.0 reference).
func (w *World) graph() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1.0/{resource}", w.application)
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		w.judge.complain("graph: no such resource: " + r.Method + " " + r.URL.Path)
		refuseGraph(rw, w.o.Now(), http.StatusBadRequest, "BadRequest", "Resource not found for the segment.")
	})
	return mux
}

func graphOp(*http.Request) string { return OpGraph }

var applicationKey = regexp.MustCompile(`^applications\(appId='([^']*)'\)$`)

func (w *World) application(rw http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code, message string) { refuseGraph(rw, w.o.Now(), status, code, message) }
	key := applicationKey.FindStringSubmatch(r.PathValue("resource"))
	until := w.tenant.secretExpiry()
	switch {
	case !w.atGraph(r):
		refuse(http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token has expired, is not yet valid, or is for another audience.")
	case key == nil:
		w.judge.complain("graph: no such resource: " + r.Method + " " + r.URL.Path)
		refuse(http.StatusBadRequest, "BadRequest", "Resource not found for the segment.")
	case until.IsZero():
		refuse(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
	case !strings.EqualFold(key[1], w.o.ClientID):
		refuse(http.StatusNotFound, "Request_ResourceNotFound", "Resource '"+key[1]+"' does not exist or one of its queried reference-property objects are not present.")
	default:
		writeJSON(rw, http.StatusOK, selected(r.URL.Query().Get("$select"), w.registered(until)))
	}
}

// atGraph reads the bearer token. A stale one is refused without a complaint;
// about one for another audience the guard has complained.
func (w *World) atGraph(r *http.Request) bool {
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !isBearer {
		w.judge.complain("graph: no bearer token")
		return false
	}
	c, err := w.mint.read(token)
	if err != nil && err != errStale {
		w.judge.complain("graph: " + err.Error())
	}
	return err == nil && c.Audience == w.URL(Graph)
}

// registered is the application with two secrets: the collector's, which is known
// by its first three characters, and before it one that ended long ago.
func (w *World) registered(until time.Time) map[string]any {
	password := func(id string, hint any, until time.Time) map[string]any {
		return map[string]any{
			"customKeyIdentifier": nil, "displayName": nil, "keyId": id, "hint": hint, "secretText": nil,
			"startDateTime": until.AddDate(0, -6, 0).UTC().Format(time.RFC3339Nano), "endDateTime": until.UTC().Format(time.RFC3339Nano),
		}
	}
	hint := w.o.ClientSecret[:min(3, len(w.o.ClientSecret))]
	return map[string]any{
		"id": "6f2f4c1e-1d5b-4d0e-9f57-2a3a5c9b7d10", "appId": w.o.ClientID, "displayName": "collector", "keyCredentials": []any{},
		"passwordCredentials": []any{
			password("0b6f0c9a-7a55-4f6e-8d0c-6a1f0e2b3c4d", nil, w.o.Now().AddDate(-1, 0, 0)),
			password("9d8c7b6a-5f4e-4d3c-8b2a-1f0e9d8c7b6a", hint, until),
		},
	}
}

// selected keeps the members that $select names; all of them if it names none.
func selected(names string, all map[string]any) map[string]any {
	if names == "" {
		return all
	}
	kept := map[string]any{}
	for name := range strings.SplitSeq(names, ",") {
		if v, ok := all[strings.TrimSpace(name)]; ok {
			kept[strings.TrimSpace(name)] = v
		}
	}
	return kept
}

// refuseGraph answers in the shape of Graph's errors.
func refuseGraph(rw http.ResponseWriter, now time.Time, status int, code, message string) {
	writeJSON(rw, status, map[string]any{"error": map[string]any{
		"code": code, "message": message,
		"innerError": map[string]string{
			"date": now.UTC().Format("2006-01-02T15:04:05"), "request-id": rand.Text(), "client-request-id": rand.Text(),
		},
	}})
}
