package arm_test

// In parameters, settings, secrets and expressions.
var mistakesOfDeclaration = []mistake{
	{name: "another schema", want: "template: $schema is", spoil: func(e editor) {
		e.put(e.template, "$schema", "https://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#")
	}},
	{name: "section that nobody knows", want: "template: output: not a name", spoil: func(e editor) { e.add(e.template, "output", object{}) }},
	{name: "unused parameter", want: "parameters.spare: nothing uses it", spoil: func(e editor) {
		e.add(e.in(e.template, "parameters"), "spare", object{"type": "string", "defaultValue": "", "metadata": object{"description": "Spare."}})
	}, follows: "form: spare is not asked for"},
	{name: "unused variable", want: "variables.spare: nothing uses it", spoil: func(e editor) { e.add(e.variables(), "spare", "[resourceGroup().id]") }},
	{name: "no description", want: "parameters.sink: has no description", spoil: func(e editor) { e.remove(e.parameter("sink"), "metadata") }},
	{name: "no default", want: "parameters.jsonlPath: has no default",
		spoil: func(e editor) { e.remove(e.parameter("jsonlPath"), "defaultValue") }, follows: "parameters.jsonlPath: no value is given"},
	{name: "secret with a default", want: "parameters.configUrl: is secure and has a default",
		spoil: func(e editor) { e.put(e.parameter("configUrl"), "defaultValue", "https://config.example") }, follows: "app setting CONFIG_URL: is", alsoFollows: "CONFIG_PUBLIC_KEY: missing"},
	{name: "secret that is a plain string", want: "parameters.appAlSecretKey: is no securestring",
		spoil: func(e editor) { e.put(e.parameter("appAlSecretKey"), "type", "string") }},
	{name: "earlier secret that is a plain string", want: "parameters.App Client Secret: is no securestring",
		spoil: func(e editor) { e.put(e.parameter("App Client Secret"), "type", "string") }},
	{name: "earlier name forgotten", want: "parameters.Repository Branch: missing", in: []string{"earlier, generation 1"},
		spoil:   func(e editor) { e.remove(e.in(e.template, "parameters"), "Repository Branch") },
		follows: "parameters['Repository Branch']: is given"},
	{name: "setting without a parameter", want: "parameters.stateRetention: missing", spoil: func(e editor) {
		e.remove(e.in(e.template, "parameters"), "stateRetention")
		e.put(e.settings(), "STATE_RETENTION", "35d")
	}},
	{name: "parameter for what is decided", want: "parameters.appResourceGroup: APP_RESOURCE_GROUP is decided otherwise", spoil: func(e editor) {
		e.add(e.in(e.template, "parameters"), "appResourceGroup", object{"type": "string", "defaultValue": "", "metadata": object{"description": "Wrong."}})
		e.put(e.settings(), "APP_RESOURCE_GROUP", "[if(empty(parameters('appResourceGroup')), resourceGroup().name, parameters('appResourceGroup'))]")
	}, follows: "form: appResourceGroup is not asked for"},
	{name: "misspelt app setting", want: "app setting DEFLATE_LEVL: neither", spoil: func(e editor) {
		e.add(e.settings(), "DEFLATE_LEVL", e.settings()["DEFLATE_LEVEL"])
		e.remove(e.settings(), "DEFLATE_LEVEL")
	}, follows: "app setting DEFLATE_LEVEL: missing"},
	{name: "app setting of nobody", want: "app setting O365_COLOUR: neither", spoil: func(e editor) { e.add(e.settings(), "O365_COLOUR", "red") }},
	{name: "self-hosted setting", want: "app setting LISTEN: set is true", spoil: func(e editor) { e.add(e.settings(), "LISTEN", ":1") }, follows: "program: LISTEN=:1"},
	{name: "app setting that is no string", want: "app setting O365_CONCURRENCY: is no string",
		spoil: func(e editor) { e.put(e.settings(), "O365_CONCURRENCY", "[parameters('o365Concurrency')]") }, follows: "app setting O365_CONCURRENCY: is \"\""},
	{name: "app setting wired to another parameter", want: "app setting O365_LOOKBACK: is",
		spoil: func(e editor) { e.put(e.settings(), "O365_LOOKBACK", "[parameters('o365WebhookBudget')]") }, follows: "parameters.o365Lookback: nothing"},
	{name: "default that is not the program's", want: "app setting APP_AL_MAX_PAYLOAD: is \"800000\" by default",
		spoil: func(e editor) { e.put(e.parameter("appAlMaxPayload"), "defaultValue", int64(800000)) }},
	{name: "value that the program refuses", want: "program: AZURE_CLOUD=world", spoil: func(e editor) {
		e.replace(e.settings(), "AZURE_CLOUD", "parameters('azureCloud')", "if(equals(parameters('hostingPlan'), 'ElasticPremium'), 'world', parameters('azureCloud'))")
	}},
	{name: "required setting lost", want: "program: APP_CLIENT_ID: missing", in: []string{"earlier, generation 2"},
		spoil: func(e editor) { e.put(e.parameter("appClientId"), "defaultValue", "") }, follows: "parameters.App Client ID: nothing uses it"},
	{name: "schedule left empty", want: "app setting PULL_SCHEDULE: missing or empty",
		spoil: func(e editor) { e.put(e.parameter("pullSchedule"), "defaultValue", "") }, follows: "app setting PULL_SCHEDULE: is \"\" by default"},

	{name: "secret in clear in an app setting", want: "Microsoft.Web/sites/config: a secure parameter ends here",
		spoil:   func(e editor) { e.put(e.settings(), "APP_AL_SECRET_KEY", "[parameters('appAlSecretKey')]") },
		follows: "APP_AL_SECRET_KEY: refers to no secret", alsoFollows: "app-al-secret-key: no app setting refers"},
	{name: "secret in an output, in base64", want: "outputs: a secure parameter ends here, at keyVaultName",
		spoil: func(e editor) {
			e.put(e.in(e.template, "outputs", "keyVaultName"), "value", "[base64(concat('x', parameters('appClientSecret')))]")
		}},
	{name: "secret in a tag", want: "Microsoft.Web/serverfarms: a secure parameter ends here", spoil: func(e editor) {
		e.add(e.resource("Microsoft.Web/serverfarms", 0), "tags", object{"key": "[take(parameters('appAlAccessKeyId'), 4)]"})
	}},
	{name: "secret's hash in a name", want: "holds a secure value", spoil: func(e editor) {
		e.put(e.resource("Microsoft.Insights/workbooks", 0), "name", "[guid(parameters('appClientSecret'))]")
	}},
	{name: "secret in a secret's content type", want: "Microsoft.KeyVault/vaults/secrets: a secure parameter ends here", spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.KeyVault/vaults/secrets", 0), "properties"), "contentType", "[variables('secrets').APP_AL_SECRET_KEY]")
	}},
	{name: "reference to a secret of another name", want: "app setting APP_AL_SECRET_KEY: refers to",
		spoil:   func(e editor) { e.replace(e.settings(), "APP_AL_SECRET_KEY", "app-al-secret-key", "app-al-secret") },
		follows: "app-al-secret-key: no app setting refers", alsoFollows: "program: APP_AL_SECRET_KEY: missing"},
	{name: "two references exchanged", want: "app setting APP_AL_SECRET_KEY: refers to the secret", spoil: func(e editor) {
		e.replace(e.settings(), "APP_AL_SECRET_KEY", "app-al-secret-key", "app-al-access-key-id")
	}, follows: "app-al-secret-key: no app setting refers"},
	{name: "secret that no app setting refers to", want: "config-url: no app setting refers to it", in: []string{"every secret"},
		spoil: func(e editor) { e.put(e.settings(), "CONFIG_URL", "[if(parameters('selfUpdate'), '', '')]") }, follows: "app setting CONFIG_URL: refers to no secret", alsoFollows: "AzureWebJobs.updater.Disabled"},
	{name: "keys of the storage account", want: "unknown function listKeys", spoil: func(e editor) {
		e.put(e.in(e.template, "outputs", "keyVaultName"), "value", "[listKeys(variables('stateAccountId'), '2024-01-01').keys[0].value]")
	}},

	{name: "unknown function", want: "variables.workbookName: unknown function uuid", spoil: func(e editor) {
		e.replace(e.variables(), "workbookName", "guid(", "uuid(")
	}},
	{name: "unknown parameter", want: `no parameter "locaton"`, spoil: func(e editor) {
		e.put(e.resource("Microsoft.KeyVault/vaults", 0), "location", "[parameters('locaton')]")
	}},
	{name: "unknown variable", want: `no variable "planNam"`, spoil: func(e editor) {
		e.put(e.resource("Microsoft.Web/serverfarms", 0), "name", "[variables('planNam')]")
	}, follows: "is not in this template", alsoFollows: "variables.planName: nothing uses it"},
	{name: "property that the provider does not return", want: `no property "connectionStrng"`, spoil: func(e editor) {
		e.replace(e.resource("Microsoft.Web/sites/config", 0), "properties", ".ConnectionString", ".connectionStrng")
	}},
	{name: "no closing parenthesis", want: `")" is missing`, spoil: func(e editor) {
		e.put(e.resource("Microsoft.Web/serverfarms", 0), "kind", "[toLower('Linux']")
	}},
	{name: "reference in a name", want: "reference must not stand here", spoil: func(e editor) {
		e.put(e.resource("Microsoft.Insights/workbooks", 0), "name", "[guid(reference(variables('runIdentityId'), '2023-01-31').principalId)]")
	}},
	{name: "reference to what is not deployed", want: "is not deployed: its condition is false", in: []string{"premium"}, spoil: func(e editor) {
		e.put(e.in(e.template, "outputs", "packageStorageAccountName"), "value", "[reference(variables('packageAccountId'), '2024-01-01').provisioningState]")
	}, follows: "outputs.packageStorageAccountName: is"},
}
