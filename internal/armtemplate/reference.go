package armtemplate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// outputs are what a provider makes up when it creates a resource, by type: those
// that our template may want. (The types' REST references.)
var outputs = map[string][]string{
	"microsoft.managedidentity/userassignedidentities": {"principalId", "clientId", "tenantId"},
	"microsoft.storage/storageaccounts": {"primaryEndpoints.blob", "primaryEndpoints.queue",
		"primaryEndpoints.table", "primaryEndpoints.file", "primaryEndpoints.dfs", "primaryEndpoints.web"},
	"microsoft.keyvault/vaults":                {"vaultUri"},
	"microsoft.keyvault/vaults/secrets":        {"secretUri", "secretUriWithVersion"},
	"microsoft.insights/components":            {"ConnectionString", "InstrumentationKey", "AppId"},
	"microsoft.operationalinsights/workspaces": {"customerId"},
	"microsoft.web/sites":                      {"defaultHostName"},
}

// Made is what stands for a value that only the resource's provider knows. It
// says whose it is, so that a test sees where it ends up.
func Made(kind, name, property string) string {
	return fmt.Sprintf("<%s/%s %s>", kind, name, property)
}

// reference takes a resource's name or id, its API version and 'Full'.
func reference(e *evaluation, a *arguments) any {
	texts := a.texts(0)
	if a.err != nil {
		return nil
	}
	if len(texts) == 3 && !strings.EqualFold(texts[2], "Full") {
		return a.fail("argument 3 is %q; there is only 'Full'", texts[2])
	}
	x, err := e.run.refer(texts[0])
	switch {
	case err != nil:
		return a.fail("%w", err)
	case !x.Enabled:
		return a.fail("%s is not deployed: its condition is false (Resource Manager evaluates reference even where the resource around it is not deployed; put it into if)", x.ID)
	case x == e.from:
		return a.fail("%s refers to itself", x.ID)
	}
	if err := e.run.fill(x); err != nil {
		a.err = err
		return nil
	}
	if byName := !strings.HasPrefix(texts[0], "/"); byName && e.from != nil && !slices.Contains(e.from.After, x.ID) {
		e.from.After = append(e.from.After, x.ID) // the one form that makes the service wait ("reference", implicit dependency)
	}
	if len(texts) == 3 {
		return x.full()
	}
	return x.state()
}

// refer finds a resource of the template by id or by name.
func (r *run) refer(text string) (*Resource, error) {
	if strings.HasPrefix(text, "/") {
		if x := r.find(text); x != nil {
			return x, nil
		}
		return nil, fmt.Errorf("%s is not in this template", text)
	}
	var found *Resource
	for _, x := range r.resources {
		if strings.EqualFold(x.Name, text) || strings.EqualFold(x.Type+"/"+x.Name, text) {
			if found != nil {
				return nil, fmt.Errorf("%q may be %s or %s: give the id", text, found.ID, x.ID)
			}
			found = x
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no resource %q in this template", text)
	}
	return found, nil
}

// state is the properties with what the provider adds.
func (x *Resource) state() map[string]any {
	state := map[string]any{"provisioningState": "Succeeded"}
	merge(state, x.Properties())
	for _, property := range outputs[strings.ToLower(x.Type)] {
		v := any(Made(x.Type, x.Name, property))
		parts := strings.Split(property, ".")
		for i := len(parts) - 1; i > 0; i-- {
			v = map[string]any{parts[i]: v}
		}
		merge(state, map[string]any{parts[0]: v})
	}
	return state
}

func (x *Resource) full() map[string]any {
	full := maps.Clone(x.Body)
	full["id"], full["name"], full["type"], full["apiVersion"] = x.ID, x.Name, x.Type, x.APIVersion
	full["properties"] = x.state()
	if identity, ok := x.Body["identity"].(map[string]any); ok {
		if text, _ := identity["type"].(string); strings.Contains(text, "SystemAssigned") {
			identity = maps.Clone(identity)
			identity["principalId"] = Made(x.Type, x.Name, "identity.principalId")
			identity["tenantId"] = Made(x.Type, x.Name, "identity.tenantId")
			full["identity"] = identity
		}
	}
	return full
}
