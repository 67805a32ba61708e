package arm_test

import (
	"regexp"
	"strings"

	"github.com/google/go-cmp/cmp"

	"azcollector/internal/armtemplate"
)

// A demand is a property that must have a value.
type demand struct {
	path string // names between dots
	want any
}

func (c *court) demand(x *armtemplate.Resource, demands ...demand) {
	for _, due := range demands {
		path := []any{}
		for name := range strings.SplitSeq(due.path, ".") {
			path = append(path, name)
		}
		if got := at(x.Properties(), path...); got != due.want {
			c.complain("%s: %s is %v, must be %v", x.Type, due.path, got, due.want)
		}
	}
}

// judgeStorage wants accounts that only identities can open, over TLS.
func (c *court) judgeStorage(d *armtemplate.Deployment, v variant) {
	accounts := deployed(d, "Microsoft.Storage/storageAccounts")
	want := 1 // Elastic Premium runs from the release's address
	if v.keepsPackages(c, d) {
		want = 2
	}
	if len(accounts) != want {
		c.complain("Microsoft.Storage/storageAccounts: there are %d, must be %d on %v (self-update: %v)", len(accounts), want, v.parameter(c, "hostingPlan"), v.selfUpdate(c))
	}
	access := v.parameter(c, "storagePublicNetworkAccess")
	for _, x := range accounts {
		c.demand(x, demand{"allowSharedKeyAccess", false}, demand{"minimumTlsVersion", "TLS1_2"}, demand{"allowBlobPublicAccess", false},
			demand{"supportsHttpsTrafficOnly", true}, demand{"defaultToOAuthAuthentication", true})
		c.judgeOpenness(x, access)
	}
	for _, x := range deployed(d, containers) {
		c.demand(x, demand{"publicAccess", "None"})
	}
	for _, name := range []string{"blob", "queue", "table"} {
		settings, _ := appSettings(d)
		found := serviceHost.FindStringSubmatch(textOf(settings["AzureWebJobsStorage__"+name+"ServiceUri"]))
		if found == nil || theOne(d, "Microsoft.Storage/storageAccounts", found[1]) == nil {
			c.complain("app setting AzureWebJobsStorage__%sServiceUri: is not an account of the template", name)
		}
	}
}

// judgeOpenness: closed is closed in both places that Azure has for it.
func (c *court) judgeOpenness(x *armtemplate.Resource, access any) {
	action := "Allow"
	if access == "Disabled" {
		action = "Deny"
	}
	c.demand(x, demand{"publicNetworkAccess", access}, demand{"networkAcls.defaultAction", action})
}

func (c *court) judgeVault(d *armtemplate.Deployment, v variant) {
	vaults := deployed(d, "Microsoft.KeyVault/vaults")
	if len(vaults) != 1 {
		c.complain("Microsoft.KeyVault/vaults: there are %d, must be 1", len(vaults))
	}
	for _, x := range vaults {
		c.demand(x, demand{"enableRbacAuthorization", true}, demand{"enableSoftDelete", true},
			demand{"enablePurgeProtection", true}, demand{"tenantId", tenantID}, demand{"enabledForTemplateDeployment", false},
			demand{"enabledForDeployment", nil}, demand{"enabledForDiskEncryption", nil})
		c.judgeOpenness(x, v.parameter(c, "vaultPublicNetworkAccess"))
	}
}

// judgeMonitoring wants logs that go to a workspace, with no key, and rules that
// reach somebody if there is somebody.
func (c *court) judgeMonitoring(d *armtemplate.Deployment, v variant) {
	insights := theOne(d, "Microsoft.Insights/components", "")
	if insights == nil {
		c.complain("Microsoft.Insights/components: missing")
		return
	}
	c.demand(insights, demand{"DisableLocalAuth", true})
	workspaces := deployed(d, "Microsoft.OperationalInsights/workspaces")
	for _, x := range workspaces {
		c.demand(x, demand{"features.disableLocalAuth", true})
	}
	given := textOf(v.parameter(c, "workspaceResourceId"))
	switch into := textAt(insights.Properties(), "WorkspaceResourceId"); {
	case given != "" && len(workspaces) > 0:
		c.complain("Microsoft.OperationalInsights/workspaces: made although one is given")
	case given != "" && into != given, given == "" && (len(workspaces) != 1 || into != workspaces[0].ID):
		c.complain("Microsoft.Insights/components: WorkspaceResourceId is %s", into)
	}
	email := textOf(v.parameter(c, "alertEmail"))
	groups := deployed(d, "Microsoft.Insights/actionGroups")
	if (email != "") != (len(groups) == 1) {
		c.complain("Microsoft.Insights/actionGroups: there are %d for %q", len(groups), email)
	}
	for _, x := range groups {
		if to := textAt(x.Properties(), "emailReceivers", 0, "emailAddress"); to != email {
			c.complain("Microsoft.Insights/actionGroups: tells %q, not alertEmail", to)
		}
	}
	rules := deployed(d, "Microsoft.Insights/scheduledQueryRules")
	if len(rules) == 0 {
		c.complain("Microsoft.Insights/scheduledQueryRules: there is none")
	}
	for _, x := range rules {
		actions, _ := at(x.Properties(), "actions", "actionGroups").(list)
		if len(actions) != len(groups) || len(groups) == 1 && actions[0] != groups[0].ID {
			c.complain("Microsoft.Insights/scheduledQueryRules: %s tells %v", lastName(x), actions)
		}
		if at(x.Properties(), "scopes", 0) != insights.ID {
			c.complain("Microsoft.Insights/scheduledQueryRules: %s looks elsewhere than at the component", lastName(x))
		}
		c.demand(x, demand{"enabled", true}, demand{"autoMitigate", true})
		c.judgeSplit(x)
	}
}

// perValue finds by what the last summarize of a query makes its rows.
var perValue = regexp.MustCompile(`^summarize [^|]*? by ([a-z_]+)`)

// judgeSplit wants a query with a row for each of something to be an alert for each:
// taken together, the second would hide behind the first. (Dimension of
// scheduledQueryRules 2021-08-01: name, operator Include or Exclude, values.)
func (c *court) judgeSplit(x *armtemplate.Resource) {
	condition := at(x.Properties(), "criteria", "allOf", 0)
	want := list{}
	query := textAt(condition, "query")
	if last := strings.LastIndex(query, "summarize"); last >= 0 {
		if by := perValue.FindStringSubmatch(query[last:]); by != nil {
			want = list{object{"name": by[1], "operator": "Include", "values": list{"*"}}}
		}
	}
	if got := at(condition, "dimensions"); !cmp.Equal(got, any(want)) {
		c.complain("Microsoft.Insights/scheduledQueryRules: %s has dimensions %v, must have %v", lastName(x), got, want)
	}
}
