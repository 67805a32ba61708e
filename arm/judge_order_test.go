package arm_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"azcollector/internal/armtemplate"
)

var (
	ownScope = "/subscriptions/" + subscriptionID + "/"
	// resourcePath is a resource's id wherever it stands in a text.
	resourcePath = regexp.MustCompile(`/subscriptions/[^\s"'?#]+`)
	// serviceHost is the name of a storage account or a vault in an address.
	serviceHost = regexp.MustCompile(`https://([a-z0-9-]+)\.(?:blob|queue|table|vault)\.`)
	// portalPages are what a link may have after a resource's id.
	portalPages = regexp.MustCompile(`/(workbook|logs|overview)$`)
)

// needs calls found for each resource that a text names: by id, by the address of
// its service, or by what only its provider knows.
func (c *court) needs(d *armtemplate.Deployment, place, text string, found func(*armtemplate.Resource)) {
	for _, id := range resourcePath.FindAllString(text, -1) {
		if place == "outputs" {
			id = portalPages.ReplaceAllString(id, "")
		}
		switch x := d.Find(id); {
		case strings.Contains(id, "/providers/Microsoft.Authorization/roleDefinitions/"):
			// judgeGrants
		case x != nil:
			found(x)
		case strings.HasPrefix(id, ownScope):
			c.complain("%s: names %s, which is not in the template", place, id)
		}
	}
	for _, parts := range made.FindAllStringSubmatch(text, -1) {
		for _, x := range d.Resources {
			if x.Type == parts[1] && x.Name == parts[2] {
				found(x)
			}
		}
	}
	for _, parts := range serviceHost.FindAllStringSubmatch(text, -1) {
		for _, x := range d.Resources {
			if x.Name == parts[1] {
				found(x)
			}
		}
	}
	if secret := vaultReference(d, text); secret != nil {
		found(secret)
	}
}

// judgeNamed wants every id to mean something: a resource of this deployment, or
// one that a parameter names.
func (c *court) judgeNamed(d *armtemplate.Deployment, v variant) {
	check := func(place string) func(string) {
		return func(text string) {
			c.needs(d, place, text, func(x *armtemplate.Resource) {
				if !x.Enabled {
					c.complain("%s: names %s %s, which is not deployed", place, x.Type, x.Name)
				}
			})
			for _, id := range resourcePath.FindAllString(text, -1) {
				known := strings.HasPrefix(id, ownScope) || id == v.parameter(c, "subnetResourceId") || id == v.parameter(c, "workspaceResourceId")
				if !known {
					c.complain("%s: names %s, which nobody gave", place, id)
				}
			}
		}
	}
	for _, x := range d.Resources {
		if x.Enabled {
			texts(x.Body, check(x.Type))
		}
	}
	outputs := maps.Clone(d.Outputs)
	delete(outputs, selfUpdateIDs) // judgeSelfUpdateIDs
	texts(outputs, check("outputs"))
}

// texts visits all strings in v, and all names: identities are assigned by name.
func texts(v any, visit func(string)) {
	switch v := armtemplate.Plain(v).(type) {
	case string:
		visit(v)
	case list:
		for i := range v {
			texts(v[i], visit)
		}
	case object:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			visit(name)
			texts(v[name], visit)
		}
	}
}

// judgeOrder wants a resource to be deployed after all that it names. Tags are for
// people and for the portal: what they name may come later.
func (c *court) judgeOrder(d *armtemplate.Deployment) {
	for _, x := range d.Resources {
		if !x.Enabled {
			continue
		}
		awaits := func(y *armtemplate.Resource) {
			if y != nil && y != x && y.Enabled && !d.Waits(x, y) {
				c.complain("%s %s: does not wait for %s", x.Type, lastName(x), y.Type)
			}
		}
		for name, part := range x.Body {
			if name == "tags" {
				continue
			}
			texts(part, func(text string) { c.needs(d, x.Type, text, awaits) })
		}
		awaits(d.Find(x.Scope))
		for id := parent(x.ID); id != ""; id = parent(id) {
			awaits(d.Find(id))
		}
	}
	c.judgeAccess(d)
	c.judgeTurns(d)
}

func lastName(x *armtemplate.Resource) string { return x.Name[strings.LastIndex(x.Name, "/")+1:] }

// parent is the id without its last type and name; "" at the top.
func parent(id string) string {
	parts := strings.Split(id, "/")
	if len(parts) < 4 || parts[len(parts)-4] == "providers" {
		return ""
	}
	return strings.Join(parts[:len(parts)-2], "/")
}

// judgeAccess wants the site to begin only when its identities may do what they
// must, and where its package goes is there: a new assignment takes minutes to count.
func (c *court) judgeAccess(d *armtemplate.Deployment) {
	site := theOne(d, "Microsoft.Web/sites", "")
	if site == nil {
		return
	}
	for _, x := range deployed(d, assignments) {
		if x.Scope != site.ID && !d.Waits(site, x) {
			c.complain("Microsoft.Web/sites: does not wait for %s", describe(x))
		}
	}
	for _, x := range deployed(d, containers) {
		if !d.Waits(site, x) {
			c.complain("Microsoft.Web/sites: does not wait for the package's container")
		}
	}
}

// judgeTurns wants what is done to the site to be done in turn, the code last: each
// of these operations may restart the site, and a deployment under way with it.
func (c *court) judgeTurns(d *armtemplate.Deployment) {
	site := theOne(d, "Microsoft.Web/sites", "")
	if site == nil {
		return
	}
	var operations []*armtemplate.Resource
	for _, x := range d.Resources {
		if x.Enabled && strings.HasPrefix(x.ID, site.ID+"/") {
			operations = append(operations, x)
		}
	}
	for i, x := range operations {
		for _, y := range operations[:i] {
			if !d.Waits(x, y) && !d.Waits(y, x) {
				c.complain("Microsoft.Web/sites: %s runs beside %s", kindOf(x), kindOf(y))
			}
		}
		if x.Type == "Microsoft.Web/sites/extensions" {
			for _, y := range operations {
				if x != y && d.Waits(y, x) {
					c.complain("Microsoft.Web/sites: %s comes after the code", kindOf(y))
				}
			}
		}
	}
}

// kindOf is the type, and the name where it is no GUID.
func kindOf(x *armtemplate.Resource) string {
	if x.Type == assignments {
		return x.Type
	}
	return x.Type + "/" + lastName(x)
}
