package microsoft

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// defaultPause between two looks at an operation whose answer names none (the
// default of Microsoft's own client, azcore, PollUntilDoneOptions).
const defaultPause = 30 * time.Second

// The states in which an operation has ended; all others mean that it goes on.
const (
	succeeded = "Succeeded"
	failed    = "Failed"
	canceled  = "Canceled"
	going     = "InProgress"
)

func ended(state string) bool { return state == succeeded || state == failed || state == canceled }

// A watch is where an operation can be looked at.
type watch struct {
	address *url.URL
	status  bool // by Azure-AsyncOperation: each answer there says a status
}

// watch reads where the answer that began an operation tells of it: in
// Azure-AsyncOperation, else in Location, else at the resource itself. Both headers
// are strangers' words, and our token goes along.
func (m *Manager) watch(own *url.URL, r reply) (watch, error) {
	for _, header := range []string{"Azure-AsyncOperation", "Location"} {
		raw := r.header.Get(header)
		if raw == "" {
			continue
		}
		address, err := ofOrigin(raw, m.base, "AZURE_RESOURCE_MANAGER_URL")
		if err != nil {
			return watch{}, &collect.Fault{Verdict: collect.JudgesUs, Err: errors.New(
				"it began, but how it goes is not asked: refuse the address in " + header + ": " + err.Error())}
		}
		return watch{address, header == "Azure-AsyncOperation"}, nil
	}
	return watch{own, false}, nil
}

// pause is how long the answer asks us to wait.
func (r reply) pause() time.Duration {
	if asked := wire.RetryAfter(r.header, time.Now()); asked > 0 {
		return asked
	}
	return defaultPause
}

// deployStates are those of App Service's deployment service, which tells numbers
// (DeployStatus of projectkudu/kudu, -1 of the Functions tools). That a partial
// success lets the new package run is not proven.
var deployStates = map[string]string{"-1": canceled, "0": going, "1": going, "2": going, "3": failed, "4": succeeded, "5": failed, "6": succeeded}

// state reads how the operation goes. Resource Manager says properties.provisioningState
// of a resource and status of an operation; a deployment has its number in either
// place. An answer that says nothing means the end if it is a 200, unless it must say
// (and a 201 that names an address to watch is no end either).
func (r reply) state(mustSay bool) (string, error) {
	unreadable := &collect.Fault{Verdict: collect.Broken, Err: errors.New("the answer is not the JSON that tells how it goes")}
	var answer any
	if len(r.body) > 0 && json.Unmarshal(r.body, &answer) != nil {
		return "", unreadable
	}
	whole, _ := answer.(map[string]any) // the deployment service may answer a bare id
	properties, _ := whole["properties"].(map[string]any)
	for _, said := range []any{properties["provisioningState"], whole["status"], properties["status"]} {
		if state := stateOf(said); state != "" {
			return state, nil
		}
	}
	watched := r.header.Get("Azure-AsyncOperation") != "" || r.header.Get("Location") != ""
	switch {
	case r.status == http.StatusAccepted, r.status == http.StatusCreated && watched:
		return going, nil
	case mustSay && r.status != http.StatusNoContent:
		return "", unreadable
	}
	return succeeded, nil
}

func stateOf(said any) string {
	switch said := said.(type) {
	case float64:
		number, _ := json.Marshal(said) // a number that was read can be written
		if state, ok := deployStates[string(number)]; ok {
			return state
		}
		return going
	case string:
		for _, end := range []string{succeeded, failed, canceled} {
			if strings.EqualFold(said, end) {
				return end
			}
		}
		if said != "" {
			return going
		}
	}
	return ""
}

// verdictOn makes an error of an end other than success. A failed deployment is not
// simply made again: it is about the package, or about a role that is missing.
func verdictOn(state string, r reply) error {
	said := ""
	if code := managerCode(r.body); code != "" {
		said = " (" + code + ")"
	}
	switch state {
	case failed:
		return &collect.Fault{Verdict: collect.JudgesUs, Code: failed, Err: errors.New(
			"the platform could not deploy it" + said + ": see the site's Deployment Center, and that the platform can read the package and write to the site's package container")}
	case canceled:
		return &collect.Fault{Code: canceled, Err: errors.New("the deployment was canceled" + said)}
	}
	return nil
}
