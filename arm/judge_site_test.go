package arm_test

import (
	"slices"

	"azcollector/internal/armtemplate"
)

// judgeSite wants a site that speaks TLS only, has no passwords, and has its brakes.
func (c *court) judgeSite(d *armtemplate.Deployment, v variant) {
	sites := deployed(d, "Microsoft.Web/sites")
	if len(sites) != 1 {
		c.complain("Microsoft.Web/sites: there are %d, must be 1", len(sites))
		return
	}
	site := sites[0]
	c.demand(site, demand{"httpsOnly", true}, demand{"siteConfig.minTlsVersion", "1.2"}, demand{"siteConfig.scmMinTlsVersion", "1.2"},
		demand{"siteConfig.http20Enabled", true}, demand{"clientAffinityEnabled", false})
	for _, name := range []string{"ftp", "scm"} {
		policy := theOne(d, "Microsoft.Web/sites/basicPublishingCredentialsPolicies", "/"+name)
		if policy == nil || policy.Properties()["allow"] != false {
			c.complain("Microsoft.Web/sites/basicPublishingCredentialsPolicies: %s is not switched off", name)
		}
	}
	c.judgeIdentities(d, site)
	c.judgeRestrictions(site, v)
	if subnet := textOf(v.parameter(c, "subnetResourceId")); textAt(site.Properties(), "virtualNetworkSubnetId") != subnet {
		c.complain("Microsoft.Web/sites: virtualNetworkSubnetId is not subnetResourceId")
	}
	if v.flex(c) {
		c.judgeFlex(d, site, v)
	} else {
		c.judgePremium(d, site, v)
	}
}

// judgeIdentities wants each identity that the site works as to be assigned to it,
// and no other: the code can ask for a token of any that is. The deploy identity always
// is: the site comes before its settings, and what runs may be read as it until these
// lead elsewhere.
func (c *court) judgeIdentities(d *armtemplate.Deployment, site *armtemplate.Resource) {
	run := theOne(d, identities, "-run")
	if run == nil {
		c.complain("%s: there is none whose name ends in -run", identities)
		return
	}
	c.demand(site, demand{"keyVaultReferenceIdentity", run.ID})
	assigned, _ := at(site.Body, "identity", "userAssignedIdentities").(object)
	if kind := textAt(site.Body, "identity", "type"); kind != "UserAssigned" {
		c.complain("Microsoft.Web/sites: identity.type is %q, must be UserAssigned", kind)
	}
	working := []string{run.ID}
	if deploy := theOne(d, identities, "-deploy"); deploy != nil {
		working = append(working, deploy.ID)
	}
	if deploy := textAt(site.Properties(), "functionAppConfig", "deployment", "storage", "authentication", "userAssignedIdentityResourceId"); deploy != "" {
		working = append(working, deploy)
	}
	settings, _ := appSettings(d)
	for _, name := range []string{"UPDATE_PACKAGE_IDENTITY", packageReader} {
		if reader := textOf(settings[name]); reader != "" {
			working = append(working, reader)
		}
	}
	for _, id := range working {
		if assigned[id] == nil {
			c.complain("Microsoft.Web/sites: works as %s, which is not assigned to it", id)
		}
	}
	for id := range assigned {
		if !slices.Contains(working, id) {
			c.complain("Microsoft.Web/sites: %s is assigned for nothing", id)
		}
	}
	client := armtemplate.Made(identities, run.Name, "clientId")
	if got := textOf(settings["AzureWebJobsStorage__clientId"]); got != client {
		c.complain("app setting AzureWebJobsStorage__clientId: is %q, not the run identity's", got)
	}
	if got := textOf(settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"]); got != "ClientId="+client+";Authorization=AAD" {
		c.complain("app setting APPLICATIONINSIGHTS_AUTHENTICATION_STRING: is %q", got)
	}
}

// judgeRestrictions: who may reach the site, and its deployment site.
func (c *court) judgeRestrictions(site *armtemplate.Resource, v variant) {
	config := at(site.Properties(), "siteConfig")
	rules, _ := at(config, "ipSecurityRestrictions").(list)
	if v.parameter(c, "restrictWebhookToMicrosoft") != true {
		if len(rules) > 0 || textAt(config, "ipSecurityRestrictionsDefaultAction") == "Deny" {
			c.complain("Microsoft.Web/sites: is restricted though nobody asked for it")
		}
		return
	}
	for _, name := range []string{"ipSecurityRestrictionsDefaultAction", "scmIpSecurityRestrictionsDefaultAction"} {
		if action := textAt(config, name); action != "Deny" {
			c.complain("Microsoft.Web/sites: %s is %q where the webhook is restricted", name, action)
		}
	}
	if len(rules) != 1 || textAt(rules, 0, "tag") != "ServiceTag" || textAt(rules, 0, "ipAddress") != "M365ManagementActivityApiWebhook" || textAt(rules, 0, "action") != "Allow" {
		c.complain("Microsoft.Web/sites: ipSecurityRestrictions are not the service tag M365ManagementActivityApiWebhook alone")
	}
}

// judgeFlex: what Flex Consumption wants and what it refuses. ("Flex Consumption
// plan deprecations" of the app settings reference, and the samples.)
func (c *court) judgeFlex(d *armtemplate.Deployment, site *armtemplate.Resource, v variant) {
	c.demand(site, demand{"functionAppConfig.runtime.name", "custom"}, demand{"functionAppConfig.runtime.version", "1.0"},
		demand{"functionAppConfig.deployment.storage.type", "blobContainer"},
		demand{"functionAppConfig.deployment.storage.authentication.type", "UserAssignedIdentity"},
		demand{"functionAppConfig.scaleAndConcurrency.maximumInstanceCount", v.parameter(c, "maximumInstanceCount")},
		demand{"functionAppConfig.scaleAndConcurrency.instanceMemoryMB", v.parameter(c, "instanceMemoryMB")},
		demand{"functionAppConfig.scaleAndConcurrency.triggers.http.perInstanceConcurrency", v.parameter(c, "httpConcurrencyPerInstance")},
		// Not for Flex Consumption; null is the same as not there.
		demand{"reserved", nil}, demand{"siteConfig.linuxFxVersion", nil}, demand{"siteConfig.alwaysOn", nil}, demand{"siteConfig.ftpsState", nil},
		demand{"siteConfig.functionAppScaleLimit", nil}, demand{"siteConfig.minimumElasticInstanceCount", nil})
	c.judgePlan(d, site, "FlexConsumption", "FC1")
	if plan := theOne(d, "Microsoft.Web/serverfarms", ""); plan != nil {
		c.demand(plan, demand{"maximumElasticWorkerCount", nil})
	}
	deploy := theOne(d, identities, "-deploy")
	if got := textAt(site.Properties(), "functionAppConfig", "deployment", "storage", "authentication", "userAssignedIdentityResourceId"); deploy == nil || got != deploy.ID {
		c.complain("Microsoft.Web/sites: the package is not fetched as the deploy identity")
	}
	value := textAt(site.Properties(), "functionAppConfig", "deployment", "storage", "value")
	for _, x := range deployed(d, containers) {
		if suffix := "/" + lastName(x); len(value) <= len(suffix) || value[len(value)-len(suffix):] != suffix {
			c.complain("Microsoft.Web/sites: the package lies in %s, not in the container %s", value, lastName(x))
		}
	}
}

// judgePremium: Elastic Premium has its limits in other places.
func (c *court) judgePremium(d *armtemplate.Deployment, site *armtemplate.Resource, v variant) {
	c.demand(site, demand{"reserved", true}, demand{"functionAppConfig", nil}, demand{"siteConfig.ftpsState", "Disabled"}, // Linux
		demand{"siteConfig.linuxFxVersion", ""})
	c.judgePlan(d, site, "ElasticPremium", v.parameter(c, "premiumSku"))
	wanted, _ := v.parameter(c, "maximumInstanceCount").(int64)
	for _, limit := range []any{at(site.Properties(), "siteConfig", "functionAppScaleLimit"),
		at(theOne(d, "Microsoft.Web/serverfarms", "").Properties(), "maximumElasticWorkerCount")} {
		if n, ok := limit.(int64); !ok || n < 1 || n > wanted {
			c.complain("Microsoft.Web/sites: Elastic Premium may grow to %v, not to maximumInstanceCount", limit)
		}
	}
}

func (c *court) judgePlan(d *armtemplate.Deployment, site *armtemplate.Resource, tier string, sku any) {
	plans := deployed(d, "Microsoft.Web/serverfarms")
	if len(plans) != 1 {
		c.complain("Microsoft.Web/serverfarms: there are %d, must be 1", len(plans))
		return
	}
	if got := at(plans[0].Body, "sku", "tier"); got != tier {
		c.complain("Microsoft.Web/serverfarms: sku.tier is %v, must be %s", got, tier)
	}
	if got := at(plans[0].Body, "sku", "name"); got != sku {
		c.complain("Microsoft.Web/serverfarms: sku.name is %v, must be %v", got, sku)
	}
	c.demand(plans[0], demand{"reserved", true}) // Linux
	c.demand(site, demand{"serverFarmId", plans[0].ID})
}
