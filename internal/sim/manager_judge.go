package sim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

var apiVersion = regexp.MustCompile(`^20\d\d-\d\d-\d\d(-preview)?$`)

// admit judges who asks and for what; it answers whom it does not let in.
func (m *Manager) admit(rw http.ResponseWriter, r *http.Request) bool {
	if !apiVersion.MatchString(r.URL.Query().Get("api-version")) {
		m.w.judge.complain("resource manager: " + r.Method + " " + r.URL.Path + " without an api-version")
		refuseManager(rw, http.StatusBadRequest, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests.")
		return false
	}
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	c, err := m.w.mint.read(token)
	_, ours := m.below(r)
	if !isBearer {
		m.w.judge.complain("resource manager: no bearer token")
	} else if err != nil && err != errStale {
		m.w.judge.complain("resource manager: " + err.Error())
	}
	switch {
	case err != nil, c.Audience != m.w.URL(ResourceManager): // about another audience the guard has complained
		refuseManager(rw, http.StatusUnauthorized, "InvalidAuthenticationToken", "The access token is invalid.")
	case m.forbidden:
		refuseManager(rw, http.StatusForbidden, "AuthorizationFailed", "The client '"+c.App+"' does not have authorization to perform the action over scope '"+r.URL.Path+"' or the scope is invalid.")
	case !ours && !operationPath.MatchString(r.URL.Path):
		refuseManager(rw, http.StatusNotFound, "ResourceNotFound", "The Resource '"+r.URL.Path+"' was not found.")
	default:
		return true
	}
	return false
}

// decodeStrictly takes what is not documented for a client's mistake.
func decodeStrictly(body []byte, to any) error {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

// refuseManager answers in the shape of Resource Manager's errors.
func refuseManager(rw http.ResponseWriter, status int, code, message string) {
	writeJSON(rw, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

// fit reports whether the platform could fetch a package from an address.
func fit(packageURI string) bool {
	u, err := url.Parse(packageURI)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}
