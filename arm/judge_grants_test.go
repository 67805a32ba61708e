package arm_test

import (
	"maps"
	"strings"

	"azcollector/internal/armtemplate"
)

const identities = "Microsoft.ManagedIdentity/userAssignedIdentities"

// judgeGrants compares the role assignments with the table of those that are right.
func (c *court) judgeGrants(d *armtemplate.Deployment, v variant) {
	updates := v.selfUpdate(c)
	due := maps.Clone(always)
	if v.keepsPackages(c, d) {
		maps.Copy(due, withPackages)
	}
	if v.flex(c) {
		maps.Copy(due, onFlex)
	}
	if updates {
		maps.Copy(due, withSelfUpdate)
	}
	if updates && v.flex(c) {
		maps.Copy(due, withSelfUpdateOnFlex)
	}
	for _, x := range deployed(d, assignments) {
		g := c.grant(d, x)
		if _, right := due[g]; !right {
			c.complain("role assignment: %s must not have %s on %s (self-update: %v)", g.who, g.role, g.on, updates)
		}
		delete(due, g)
		if textAt(x.Properties(), "description") == "" {
			c.complain("role assignment: %s as %s has no description", g.role, g.who)
		}
		if kind := textAt(x.Properties(), "principalType"); kind != "ServicePrincipal" {
			c.complain("role assignment: %s as %s has principalType %q; without ServicePrincipal a new identity is not found", g.role, g.who, kind)
		}
	}
	for g, why := range due {
		c.complain("role assignment: %s lacks %s on %s: %s", g.who, g.role, g.on, why)
	}
}

// grant reads a role assignment by the names of the tables.
func (c *court) grant(d *armtemplate.Deployment, x *armtemplate.Resource) grant {
	definition := textAt(x.Properties(), "roleDefinitionId")
	id, ofSubscription := strings.CutPrefix(definition, "/subscriptions/"+subscriptionID+"/providers/Microsoft.Authorization/roleDefinitions/")
	role := roles[id]
	if !ofSubscription || role == "" {
		role = "an unknown role " + definition
	}
	g := grant{who: "somebody else", role: role, on: "a scope that is no resource of the template"}
	for _, identity := range deployed(d, identities) {
		if x.Properties()["principalId"] == armtemplate.Made(identities, identity.Name, "principalId") {
			g.who = identity.Name[strings.LastIndex(identity.Name, "-")+1:]
		}
	}
	if on := d.Find(x.Scope); on != nil {
		g.on = c.part(d, on)
	}
	return g
}

// part names a resource by what it is for.
func (c *court) part(d *armtemplate.Deployment, x *armtemplate.Resource) string {
	switch x.Type {
	case "Microsoft.KeyVault/vaults":
		return "vault"
	case "Microsoft.Insights/components":
		return "logs"
	case "Microsoft.Web/sites":
		return "site"
	case "Microsoft.Storage/storageAccounts":
		settings, _ := appSettings(d)
		if strings.HasPrefix(textOf(settings["AzureWebJobsStorage__blobServiceUri"]), "https://"+x.Name+".blob.") {
			return "state"
		}
		for _, container := range deployed(d, containers) {
			if parent(parent(container.ID)) == x.ID && holdsPackage(d, container) {
				return "package account"
			}
		}
	case containers:
		if holdsPackage(d, x) {
			return "package"
		}
	}
	return x.Type + " " + x.Name
}
