package armtemplate

import (
	"fmt"
	"strings"
)

var resourceFunctions = map[string]function{
	"resourceid": {least: 2, most: -1, do: func(e *evaluation, a *arguments) any {
		return a.resourceID(e.run.scope, 2)
	}},
	"subscriptionresourceid": {least: 2, most: -1, do: func(e *evaluation, a *arguments) any {
		return a.resourceID(Scope{Subscription: e.run.scope.Subscription}, 1)
	}},
	"extensionresourceid": computes(3, -1, func(a *arguments) any {
		texts := a.texts(0)
		if a.err != nil {
			return nil
		}
		id, err := makeID(texts[0], texts[1], texts[2:]...)
		if err != nil {
			a.fail("%w", err)
		}
		return id
	}),
	"reference": {least: 1, most: 3, only: func(p place) bool { return p == runtime }, do: reference},
}

// resourceID makes an id from [subscription id,] [resource group,] type, names…; at
// most so many come before the type, which is the first with a slash.
func (a *arguments) resourceID(scope Scope, before int) any {
	texts := a.texts(0)
	if a.err != nil {
		return nil
	}
	at := 0
	for at < before && at < len(texts) && !strings.Contains(texts[at], "/") {
		at++
	}
	if at == len(texts) {
		return a.fail("no argument is a resource type")
	}
	switch {
	case at == 2:
		scope.Subscription, scope.ResourceGroup = texts[0], texts[1]
	case at == 1 && before == 2:
		scope.ResourceGroup = texts[0]
	case at == 1:
		scope.Subscription = texts[0]
	}
	id, err := makeID(scope.groupID(), texts[at], texts[at+1:]...)
	if err != nil {
		return a.fail("%w", err)
	}
	return id
}

// makeID puts an id together: each part of the type after the provider has its name.
func makeID(scope, kind string, names ...string) (string, error) {
	parts := strings.Split(kind, "/")
	if len(parts) < 2 || len(parts)-1 != len(names) {
		return "", fmt.Errorf("type %s has %d parts after the provider for %d names", kind, len(parts)-1, len(names))
	}
	id := scope + "/providers/" + parts[0]
	for i, name := range names {
		if name == "" {
			return "", fmt.Errorf("name %d for type %s is empty", i+1, kind)
		}
		id += "/" + parts[i+1] + "/" + name
	}
	return id, nil
}

// A Scope is where a template is deployed.
type Scope struct {
	Cloud         string // a name of clouds, such as AzureCloud
	Tenant        string
	Subscription  string
	ResourceGroup string
	Location      string
	Deployment    string // its name
}

func (s Scope) subscriptionID() string { return "/subscriptions/" + s.Subscription }

// groupID is the subscription's if there is no resource group.
func (s Scope) groupID() string {
	if s.ResourceGroup == "" {
		return s.subscriptionID()
	}
	return s.subscriptionID() + "/resourceGroups/" + s.ResourceGroup
}
