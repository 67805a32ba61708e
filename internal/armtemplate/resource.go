package armtemplate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Resource is one that the template asks for; a copy loop makes several.
type Resource struct {
	Path       string // resources[3], or resources[3](2) for the third round of a loop
	Type       string
	APIVersion string
	Name       string
	ID         string
	Scope      string // the id that an extension resource is attached to, or ""
	Loop       string // the copy loop's name, or ""
	// Enabled says that its condition is true. What is not enabled is evaluated all
	// the same, as the service does (Azure/bicep issue 3990).
	Enabled bool
	// After are the ids of the enabled resources that it waits for.
	After []string
	// Body is everything else: location, tags, sku, kind, identity, properties.
	Body map[string]any

	declared map[string]any
	loop     *loop
}

// Properties are the resource's own.
func (r *Resource) Properties() map[string]any {
	properties, _ := r.Body["properties"].(map[string]any)
	return properties
}

// settled are the parts of a resource that must be known before anything is
// deployed: reference cannot stand there.
var settled = []string{"condition", "type", "apiVersion", "name", "scope", "dependsOn", "copy", "comments"}

// maxCopies is the service's limit of a copy loop.
const maxCopies = 800

// expand finds out which resources there are.
func (r *run) expand() {
	list, _ := r.template.root["resources"].([]any)
	for i := range list {
		path := fmt.Sprintf("resources[%d]", i)
		declared, ok := list[i].(map[string]any)
		if !ok {
			r.report(path, fmt.Errorf("is %s, not an object", kind(list[i])))
			continue
		}
		if complaints := checkNames(path, declared, resourceNames); complaints != nil {
			r.problems = append(r.problems, complaints...)
			continue
		}
		rounds, name, err := r.rounds(path, declared["copy"])
		if err != nil {
			r.report(path+".copy", err)
			continue
		}
		if name == "" {
			r.add(&Resource{Path: path, declared: declared})
			continue
		}
		for n := range rounds {
			r.add(&Resource{Path: fmt.Sprintf("%s(%d)", path, n), Loop: name, declared: declared, loop: &loop{name, n}})
		}
	}
}

// rounds reads a resource's copy loop.
func (r *run) rounds(path string, declared any) (count int64, name string, err error) {
	if declared == nil {
		return 1, "", nil
	}
	v, err := (&evaluation{run: r, place: beforehand}).tree(path+".copy", declared)
	if err != nil {
		return 0, "", err
	}
	object, _ := v.(map[string]any)
	if complaints := checkNames("", object, []string{"name", "count", "mode", "batchSize"}); complaints != nil {
		return 0, "", errors.Join(complaints...)
	}
	name, _ = object["name"].(string)
	count, ok := object["count"].(int64)
	if name == "" || !ok || count < 0 || count > maxCopies {
		return 0, "", fmt.Errorf("must have a name and a count from 0 to %d", maxCopies)
	}
	return count, name, nil
}

// add works out what a resource is, and whether it is.
func (r *run) add(x *Resource) {
	e := &evaluation{run: r, place: beforehand, loop: x.loop}
	good := true
	for name, into := range map[string]*string{"type": &x.Type, "apiVersion": &x.APIVersion, "name": &x.Name} {
		v, err := e.tree(x.Path+"."+name, x.declared[name])
		text, ok := v.(string)
		switch {
		case err != nil:
			good = false
		case Tainted(v):
			r.report(x.Path+"."+name, errors.New("holds a secure value"))
			good = false
		case !ok || text == "":
			r.report(x.Path+"."+name, errors.New("must be a string that is not empty"))
			good = false
		}
		*into = text
	}
	x.Enabled = true
	if condition, given := x.declared["condition"]; given {
		v, err := e.tree(x.Path+".condition", condition)
		enabled, ok := v.(bool)
		if err == nil && !ok {
			r.report(x.Path+".condition", fmt.Errorf("is %s, not a bool", kind(v)))
		}
		good = good && ok
		x.Enabled = enabled
	}
	if good && r.identify(e, x) {
		r.resources = append(r.resources, x)
	}
}

// identify makes the resource's id and refuses a second one of the same id.
func (r *run) identify(e *evaluation, x *Resource) bool {
	scope := r.scope.groupID()
	if declared, given := x.declared["scope"]; given {
		v, err := e.tree(x.Path+".scope", declared)
		if err != nil {
			return false
		}
		text, _ := v.(string)
		if scope, err = r.scopeID(text); err != nil {
			r.report(x.Path+".scope", err)
			return false
		}
		x.Scope = scope
	}
	id, err := makeID(scope, x.Type, strings.Split(x.Name, "/")...)
	if err != nil {
		r.report(x.Path+".name", err)
		return false
	}
	x.ID = id
	if twin := r.find(id); twin != nil {
		r.report(x.Path, fmt.Errorf("is the same as %s: %s", twin.Path, id))
		return false
	}
	return true
}

// scopeID reads a scope: an id, or relative to the resource group as
// provider/type/name/type/name.
func (r *run) scopeID(text string) (string, error) {
	if strings.HasPrefix(text, "/") {
		return text, nil
	}
	parts := strings.Split(text, "/")
	if len(parts) < 3 || len(parts)%2 == 0 || slices.Contains(parts, "") {
		return "", fmt.Errorf("%q is neither an id nor like Microsoft.Storage/storageAccounts/name", text)
	}
	return r.scope.groupID() + "/providers/" + text, nil
}

func (r *run) find(id string) *Resource {
	for _, x := range r.resources {
		if strings.EqualFold(x.ID, id) {
			return x
		}
	}
	return nil
}

// fill evaluates the rest of a resource, once.
func (r *run) fill(x *Resource) error {
	body, err := r.once(x.Path, func() (any, error) {
		var bad error
		body := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(x.declared)) {
			if slices.Contains(settled, name) {
				continue
			}
			e := &evaluation{run: r, place: beforehand, loop: x.loop, from: x}
			if name == "properties" {
				e.place = runtime
			}
			v, err := e.tree(x.Path+"."+name, x.declared[name])
			if err != nil {
				bad = errReported
			}
			body[name] = v
		}
		return body, bad
	})
	x.Body, _ = body.(map[string]any)
	return err
}
