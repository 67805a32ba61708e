package arm_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"azcollector/internal/armtemplate"
)

// judgeVariant deploys in one way and looks at everything that comes out.
func (c *court) judgeVariant(t *testing.T, v variant) {
	t.Helper()
	d, err := c.parsed.Deploy(v.scope(), v.given)
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			c.complain("template: %s", strings.TrimSpace(line))
		}
		return
	}
	c.judgeSecrets(d)
	c.judgeNamed(d, v)
	c.judgeOrder(d)
	c.judgeGrants(d, v)
	c.judgeStorage(d, v)
	c.judgeVault(d, v)
	c.judgeMonitoring(d, v)
	c.judgeSite(d, v)
	c.judgeSettings(d, v)
	c.judgePackage(d, v)
	c.judgePackageAccount(d)
	c.judgeManager(d, v)
	c.judgeOutputs(d, v)
	c.judgeSeal(d)
	c.judgeSelfUpdateIDs(d, v)
	c.judgeUpdates(d, v)
	c.judgeLengths(d)
	env := c.environment(d, v)
	for _, complaint := range refused(t, env) {
		if !slices.Contains(v.refused, complaint) && !strings.HasSuffix(complaint, "is set but not used yet") {
			c.complain("program: %s", complaint)
		}
	}
}

// deployed are the resources of a type that this deployment makes.
func deployed(d *armtemplate.Deployment, kind string) (found []*armtemplate.Resource) {
	for _, x := range d.Resources {
		if strings.EqualFold(x.Type, kind) && x.Enabled {
			found = append(found, x)
		}
	}
	return found
}

// theOne is the one deployed resource of a type whose name ends so, or nil.
func theOne(d *armtemplate.Deployment, kind, suffix string) *armtemplate.Resource {
	for _, x := range deployed(d, kind) {
		if strings.HasSuffix(x.Name, suffix) {
			return x
		}
	}
	return nil
}

// appSettings are those of the site. They stand in one place: a second would
// replace the first.
func appSettings(d *armtemplate.Deployment) (object, *armtemplate.Resource) {
	x := theOne(d, "Microsoft.Web/sites/config", "/appsettings")
	if x == nil {
		return nil, nil
	}
	return x.Properties(), x
}

func (v variant) flex(c *court) bool { return v.parameter(c, "hostingPlan") == "FlexConsumption" }

// managers are Resource Manager's addresses. (az cloud show, endpoints.resourceManager.)
var managers = map[string]string{
	"AzureCloud": "management.azure.com", "AzureUSGovernment": "management.usgovcloudapi.net", "AzureChinaCloud": "management.chinacloudapi.cn",
}

// judgeManager wants the Resource Manager of the cloud that is deployed to: Microsoft
// 365 may be in another one.
func (c *court) judgeManager(d *armtemplate.Deployment, v variant) {
	settings, _ := appSettings(d)
	cloud, _, _ := strings.Cut(v.scope().Cloud, " ")
	want := "https://" + managers[cloud]
	if got := strings.TrimSuffix(textOf(settings["AZURE_RESOURCE_MANAGER_URL"]), "/"); got != want {
		c.complain("app setting AZURE_RESOURCE_MANAGER_URL: is %q in %s, must be %s", got, cloud, want)
	}
}

// disabledFunction is the host's own switch.
var disabledFunction = regexp.MustCompile(`^AzureWebJobs\.(.+)\.Disabled$`)

// judgeSettings wants each app setting to be read by somebody.
func (c *court) judgeSettings(d *armtemplate.Deployment, v variant) {
	settings, x := appSettings(d)
	if x == nil {
		c.complain("app settings: no resource Microsoft.Web/sites/config named <site>/appsettings")
		return
	}
	if site := theOne(d, "Microsoft.Web/sites", ""); site != nil && at(site.Properties(), "siteConfig", "appSettings") != nil {
		c.complain("app settings: stand in siteConfig as well; one of the two replaces the other")
	}
	further, _ := v.parameter(c, "additionalAppSettings").(object)
	for name, value := range further { // those of the template win
		if _, ours := at(c.template, "variables", "settings", name).(string); !ours && settings[name] != value {
			c.complain("app setting %s: additionalAppSettings gives %v, and it is %v", name, value, settings[name])
		} else if ours && settings[name] == value {
			c.complain("app setting %s: additionalAppSettings wins over the template's own", name)
		}
	}
	folded := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if folded[strings.ToLower(name)] {
			c.complain("app setting %s: stands twice", name)
		}
		folded[strings.ToLower(name)] = true
		function := disabledFunction.FindStringSubmatch(name)
		known, ofPlatform := platform[name]
		switch {
		case slices.ContainsFunc(c.settings, func(s setting) bool { return s.name == name }), further[name] != nil:
		case ofPlatform && known.premiumOnly && v.flex(c):
			c.complain("app setting %s: must not stand on Flex Consumption: %s", name, known.why)
		case ofPlatform:
		case function != nil && c.functions[function[1]] != nil:
		case function != nil:
			c.complain("app setting %s: there is no function %s", name, function[1])
		default:
			c.complain("app setting %s: neither the program nor the platform knows it", name)
		}
	}
	if !v.flex(c) {
		for _, name := range slices.Sorted(maps.Keys(platform)) {
			if settings[name] == nil && name != packageReader { // judgeUpdates
				c.complain("app setting %s: missing on Elastic Premium", name)
			}
		}
	}
	pullOnly := strings.EqualFold(textOf(v.parameter(c, "publicUrl")), "none")
	if off := textOf(settings["AzureWebJobs.webhook.Disabled"]) == "true"; off != pullOnly {
		c.complain("app setting AzureWebJobs.webhook.Disabled: is %v where pull only is %v", off, pullOnly)
	}
	for _, name := range c.named() {
		if textOf(settings[name]) == "" {
			c.complain("app setting %s: missing or empty; a function.json takes its schedule from it", name)
		}
	}
}

// wholeName is %NAME% in a function.json.
var wholeName = regexp.MustCompile(`^%([A-Za-z0-9_]+)%$`)

// named are the app settings that function.json files name.
func (c *court) named() (names []string) {
	for _, function := range c.functions {
		armtemplate.Walk("", function, func(_ string, scalar any) {
			if name := wholeName.FindStringSubmatch(textOf(scalar)); name != nil {
				names = append(names, name[1])
			}
		})
	}
	slices.Sort(names)
	return names
}

func describe(x *armtemplate.Resource) string {
	if why := textAt(x.Properties(), "description"); why != "" {
		return x.Type + " (" + why + ")"
	}
	return x.Type + " " + x.Name
}

// judgeOutputs compares the webhook's address with where the function is.
func (c *court) judgeOutputs(d *armtemplate.Deployment, v variant) {
	path := "/" + textAt(c.host, "extensions", "http", "routePrefix") + "/" + c.route()
	want := regexp.MustCompile(`^(https://[^/]+|https://<[^>]+ defaultHostName>)` + regexp.QuoteMeta(path) + `$`)
	if strings.EqualFold(textOf(v.parameter(c, "publicUrl")), "none") {
		want = regexp.MustCompile(`^none$`)
	}
	if got := textOf(d.Outputs["webhookAddress"]); !want.MatchString(got) {
		c.complain("outputs.webhookAddress: is %q, must match %s", got, want)
	}
	for _, name := range []string{"functionAppLink", "workbookLink", "logsLink"} {
		if got := textOf(d.Outputs[name]); !strings.HasPrefix(got, "https://portal.azure.") {
			c.complain("outputs.%s: is %q, no link to the portal", name, got)
		}
	}
	for name, property := range map[string]string{"runIdentityPrincipalId": "principalId", "runIdentityClientId": "clientId"} {
		run := theOne(d, identities, "-run")
		if run == nil || d.Outputs[name] != armtemplate.Made(identities, run.Name, property) {
			c.complain("outputs.%s: is %v, not the run identity's", name, d.Outputs[name])
		}
	}
}

// route is the webhook's, in its function.json.
func (c *court) route() string {
	bindings, _ := c.functions["webhook"]["bindings"].(list)
	for _, binding := range bindings {
		if route := textAt(binding, "route"); route != "" {
			return route
		}
	}
	return ""
}
