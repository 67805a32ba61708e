package arm_test

// In names and scopes, and in the order of what is done to the site.
var mistakesOfNames = []mistake{
	{name: "names that are too long for the plan", want: "Microsoft.Web/serverfarms: the name", spoil: func(e editor) {
		e.put(e.parameter("appName"), "maxLength", int64(60))
	}, follows: "must have 4 to 63", alsoFollows: "appName"},
	{name: "workspace's name too short", want: "must have 4 to 63", spoil: func(e editor) {
		e.put(e.variables(), "workspaceName", "[format('{0}w', variables('app'))]")
	}},
	{name: "names that are too long for the component", want: "Microsoft.Insights/components: the name", spoil: func(e editor) {
		e.put(e.variables(), "insightsName", "[format('{0}-{1}', variables('app'), replace(string(range(0, 200)), ',', 'x'))]")
	}},
	{name: "account named by the case of the app's name", want: "Microsoft.Storage/storageAccounts: is another one", spoil: func(e editor) {
		e.replace(e.variables(), "unique", "variables('app')", "parameters('appName')")
	}, follows: "is another one"},
	{name: "account named by the case of the group's name", want: "Microsoft.Storage/storageAccounts: is another one", spoil: func(e editor) {
		e.replace(e.variables(), "unique", "toLower(resourceGroup().id)", "resourceGroup().id")
	}, follows: "is another one"},
	{name: "assignment named by the case of an id", want: "Microsoft.Authorization/roleAssignments: is another one", spoil: func(e editor) {
		e.replace(e.variables(), "siteUpdater", "toLower(variables('runIdentityId'))", "variables('runIdentityId')")
	}},

	{name: "write access to the whole package account", want: "deploy must not have Storage Blob Data Contributor on package account", spoil: func(e editor) {
		e.put(e.in(e.template, "variables", "packageWriter"), "scope", "[format('Microsoft.Storage/storageAccounts/{0}', variables('packageAccount'))]")
	}, follows: "deploy lacks Storage Blob Data Contributor on package", alsoFollows: "outputs"},
	{name: "seal that names the reader", want: "outputs.packageWriteAssignmentId: is", spoil: func(e editor) {
		e.replace(e.in(e.template, "outputs", "packageWriteAssignmentId"), "value", "variables('packageWriter').role", "variables('roles').storageBlobDataReader")
	}},
	{name: "right of self-update that is not told", want: "outputs.selfUpdateAssignmentIds: is", spoil: func(e editor) {
		e.replace(e.in(e.template, "outputs", "selfUpdateAssignmentIds"), "value", "'Microsoft.Authorization/roleAssignments', variables('siteUpdater')",
			"'Microsoft.Authorization/roleAssignments', variables('workbookName')")
	}},

	{name: "two policies at a time", want: "basicPublishingCredentialsPolicies/scm runs beside", spoil: func(e editor) {
		e.put(e.resource("Microsoft.Web/sites/basicPublishingCredentialsPolicies", 1), "dependsOn", list{"[variables('siteId')]"})
	}, follows: "runs beside Microsoft.Web/sites/basicPublishingCredentialsPolicies/ftp"},
	{name: "settings beside a policy", want: "config/appsettings runs beside Microsoft.Web/sites/basicPublishingCredentialsPolicies/scm", spoil: func(e editor) {
		x := e.resource("Microsoft.Web/sites/config", 0)
		e.drop(x, "dependsOn", "'scm'")
		e.put(x, "dependsOn", append(x["dependsOn"].(list), "[variables('siteId')]"))
	}, follows: "runs beside"},
	{name: "policy after the code", want: "basicPublishingCredentialsPolicies/ftp comes after the code", spoil: func(e editor) {
		e.put(e.resource("Microsoft.Web/sites/basicPublishingCredentialsPolicies", 0), "dependsOn",
			list{"[resourceId('Microsoft.Web/sites/extensions', variables('app'), 'onedeploy')]"})
		e.put(e.resource("Microsoft.Web/sites/basicPublishingCredentialsPolicies", 1), "dependsOn", list{"[variables('siteId')]"})
	}, follows: "runs beside", alsoFollows: "does not wait for Microsoft.Web/sites"},

	{name: "vault open though it should be closed", want: "Microsoft.KeyVault/vaults: publicNetworkAccess is Enabled, must be Disabled", in: []string{"locked down"}, spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.KeyVault/vaults", 0), "properties"), "publicNetworkAccess", "Enabled")
	}},
	{name: "vault that is half closed", want: "Microsoft.KeyVault/vaults: networkAcls.defaultAction is Allow, must be Deny", in: []string{"locked down"}, spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.KeyVault/vaults", 0), "properties", "networkAcls"), "defaultAction", "Allow")
	}},
	{name: "Windows site on Premium", want: "Microsoft.Web/sites: reserved is <nil>", in: []string{"premium"}, spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Web/sites", 0), "properties"), "reserved", nil)
	}},
	{name: "what Flex does not take", want: "Microsoft.Web/sites: reserved is true", spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Web/sites", 0), "properties"), "reserved", true)
	}},
	{name: "Premium's limit on a Flex plan", want: "maximumElasticWorkerCount is 20, must be <nil>", spoil: func(e editor) {
		e.put(e.resource("Microsoft.Web/serverfarms", 0), "properties", object{"reserved": true, "maximumElasticWorkerCount": "[variables('premiumInstances')]"})
	}},
	{name: "further settings that win", want: "app setting SINK: additionalAppSettings wins", in: []string{"further settings"}, spoil: func(e editor) {
		e.replace(e.resource("Microsoft.Web/sites/config", 0), "properties", "union(parameters('additionalAppSettings'), variables('settings'), ", "union(variables('settings'), parameters('additionalAppSettings'), ")
	}, follows: "program: "},
	{name: "further settings that are forgotten", want: "app setting HTTPS_PROXY: additionalAppSettings gives", in: []string{"further settings"}, spoil: func(e editor) {
		e.replace(e.resource("Microsoft.Web/sites/config", 0), "properties", "union(parameters('additionalAppSettings'), ", "union(")
	}, follows: "additionalAppSettings"},
	{name: "code built by the platform", want: "remoteBuild is true, must be false", spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Web/sites/extensions", 0), "properties"), "remoteBuild", true)
	}},
	{name: "workspace with keys", want: "features.disableLocalAuth is false, must be true", spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.OperationalInsights/workspaces", 0), "properties", "features"), "disableLocalAuth", false)
	}},
	{name: "updater that never runs", want: "AzureWebJobs.updater.Disabled: is true", in: []string{"every secret"}, spoil: func(e editor) {
		e.put(e.in(e.template, "variables", "settings"), "AzureWebJobs.updater.Disabled", "true")
	}},
	{name: "one alert for all types", want: "nothing-listed has dimensions []", spoil: func(e editor) {
		e.remove(e.in(e.template, "variables", "alerts", 3), "dimensions")
	}},
	{name: "alert by what the query does not have", want: "our-lag has dimensions [map", spoil: func(e editor) {
		e.add(e.in(e.template, "variables", "alerts", 2), "dimensions", list{object{"name": "type", "operator": "Include", "values": list{"*"}}})
	}},
}
