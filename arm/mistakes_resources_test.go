package arm_test

// In resources: what they are, who may do what, and what waits for what.
var mistakesOfResources = []mistake{
	{name: "API version that nobody proved", want: "Microsoft.Web/sites: API version 2029-01-01", spoil: func(e editor) {
		e.put(e.resource("Microsoft.Web/sites", 0), "apiVersion", "2029-01-01")
	}},
	{name: "misspelt member of a resource", want: "dependOn: not a name", spoil: func(e editor) {
		e.add(e.resource("Microsoft.Web/serverfarms", 0), "dependOn", list{})
	}, follows: "is not in this template"},
	{name: "two resources of one name", want: "is the same as", spoil: func(e editor) {
		e.put(e.resource("Microsoft.Storage/storageAccounts", 1), "name", "[variables('stateAccount')]")
	}, follows: "is not in this template"},
	{name: "waits for what is not there", want: `no resource "nothing"`, spoil: func(e editor) {
		x := e.resource("Microsoft.Web/sites", 0)
		e.put(x, "dependsOn", append(x["dependsOn"].(list), "nothing"))
	}},
	{name: "circle", want: "goes in a circle", spoil: func(e editor) {
		e.add(e.resource("Microsoft.KeyVault/vaults", 0), "dependsOn", list{"[variables('siteId')]"})
	}},
	{name: "id of a resource that is not in the template", want: "/Microsoft.Web/serverfarms/plan, which is not in the template", spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Web/sites", 0), "properties"), "serverFarmId", "[resourceId('Microsoft.Web/serverfarms', 'plan')]")
	}, follows: "Microsoft.Web/sites: serverFarmId is"},
	{name: "id of a resource that is not deployed", want: "which is not deployed", in: []string{"premium"}, spoil: func(e editor) {
		e.replace(e.in(e.template, "outputs", "packageWriteAssignmentId"), "value", "if(variables('flex'), ", "if(true(), ")
	}, follows: "outputs.packageWriteAssignmentId: is"},
	{name: "site before its plan", want: "does not wait for Microsoft.Web/serverfarms", spoil: func(e editor) {
		e.drop(e.resource("Microsoft.Web/sites", 0), "dependsOn", "planId")
	}},
	{name: "site before its roles", want: "Microsoft.Web/sites: does not wait for Microsoft.Authorization/roleAssignments", spoil: func(e editor) {
		e.drop(e.resource("Microsoft.Web/sites", 0), "dependsOn", "grants")
	}, follows: "does not wait for Microsoft.ManagedIdentity", alsoFollows: "does not wait for Microsoft.Storage"},
	{name: "site before its container", want: "does not wait for the package's container", spoil: func(e editor) {
		e.drop(e.resource("Microsoft.Web/sites", 0), "dependsOn", "packageContainerId")
		e.drop(e.resource("Microsoft.Authorization/roleAssignments", 0), "dependsOn", "packageContainerId")
	}, follows: "Microsoft.Authorization/roleAssignments", alsoFollows: "does not wait for Microsoft.Storage/storageAccounts"},
	{name: "settings before the secrets", want: "Microsoft.Web/sites/config appsettings: does not wait for Microsoft.KeyVault/vaults/secrets", spoil: func(e editor) {
		e.drop(e.resource("Microsoft.Web/sites/config", 0), "dependsOn", "secrets")
	}},
	{name: "component before its workspace", want: "does not wait for Microsoft.OperationalInsights/workspaces", spoil: func(e editor) {
		e.remove(e.resource("Microsoft.Insights/components", 0), "dependsOn")
	}},
	{name: "secret before its vault", want: "does not wait for Microsoft.KeyVault/vaults", spoil: func(e editor) {
		e.remove(e.resource("Microsoft.KeyVault/vaults/secrets", 0), "dependsOn")
	}},
	{name: "role before its scope", want: "does not wait for Microsoft.KeyVault/vaults", spoil: func(e editor) {
		e.drop(e.resource("Microsoft.Authorization/roleAssignments", 0), "dependsOn", "vaultId")
	}},
	{name: "role before its identity", want: "does not wait for Microsoft.ManagedIdentity", spoil: func(e editor) {
		e.drop(e.resource("Microsoft.Authorization/roleAssignments", 0), "dependsOn", "runIdentityId")
	}},
	{name: "code before its roles", want: "onedeploy does not wait for Microsoft.Authorization/roleAssignments", in: []string{"self-update"}, spoil: func(e editor) {
		e.drop(e.resource("Microsoft.Web/sites/extensions", 0), "dependsOn", "extensionResourceId")
	}, follows: "onedeploy runs beside"},
	{name: "code before its settings", want: "onedeploy does not wait for Microsoft.Web/sites/config", spoil: func(e editor) {
		e.drop(e.resource("Microsoft.Web/sites/extensions", 0), "dependsOn", "appsettings")
	}, follows: "onedeploy runs beside", alsoFollows: "does not wait for Microsoft.Web/sites"},

	{name: "unknown role", want: "role assignment: run must not have an unknown role", spoil: func(e editor) {
		e.put(e.in(e.template, "variables", "roles"), "storageTableDataContributor", "b24988ac-6180-42a0-ab88-20f7382dd24c")
	}, follows: "run lacks Storage Table Data Contributor"},
	{name: "role without a reason", want: "Storage Blob Data Owner as run has no description", spoil: func(e editor) {
		e.put(e.in(e.template, "variables", "grants", 0), "why", "")
	}},
	{name: "role without a principal type", want: "has principalType \"\"", spoil: func(e editor) {
		e.remove(e.in(e.resource("Microsoft.Authorization/roleAssignments", 0), "properties"), "principalType")
	}},
	{name: "role on the resource group", want: "a scope that is no resource", spoil: func(e editor) {
		e.grant("[resourceGroup().id]", "storageBlobDataOwner")
	}},
	{name: "write access to the package without self-update", want: "role assignment: run must not have Storage Blob Data Contributor on package (self-update: false)",
		spoil: func(e editor) {
			e.put(e.in(e.template, "variables", "packageUpdater"), "when", "[variables('keepsPackages')]")
		}, follows: "outputs.selfUpdateAssignmentIds: is"},
	{name: "its own site without self-update", want: "role assignment: run must not have Website Contributor on site (self-update: false)", spoil: func(e editor) {
		e.put(e.resource("Microsoft.Authorization/roleAssignments", 1), "condition", true)
	}, follows: "outputs.selfUpdateAssignmentIds: is"},
	{name: "role on the wrong resource", want: "run must not have Storage Table Data Contributor on vault", spoil: func(e editor) {
		e.put(e.in(e.template, "variables", "grants", 2), "scope", "[format('Microsoft.KeyVault/vaults/{0}', variables('vaultName'))]")
	}, follows: "run lacks Storage Table Data Contributor"},
	{name: "role that is missing", want: "role assignment: run lacks Key Vault Secrets User on vault", spoil: func(e editor) {
		for _, v := range e.variables()["grants"].(list) {
			if o, ok := v.(object); ok && o["role"] == "[variables('roles').keyVaultSecretsUser]" {
				e.put(o, "when", false)
			}
		}
	}},

	{name: "storage keys", want: "allowSharedKeyAccess is true", spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Storage/storageAccounts", 0), "properties"), "allowSharedKeyAccess", true)
	}},
	{name: "old TLS", want: "minimumTlsVersion is TLS1_0", spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Storage/storageAccounts", 0), "properties"), "minimumTlsVersion", "TLS1_0")
	}},
	{name: "public blobs", want: "allowBlobPublicAccess is <nil>", spoil: func(e editor) {
		e.remove(e.in(e.resource("Microsoft.Storage/storageAccounts", 0), "properties"), "allowBlobPublicAccess")
	}},
	{name: "storage open though it should be closed", want: "publicNetworkAccess is Enabled, must be Disabled", in: []string{"locked down"}, spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Storage/storageAccounts", 0), "properties"), "publicNetworkAccess", "Enabled")
	}},
	{name: "name that is too long", want: "must have 3 to 24", spoil: func(e editor) { e.replace(e.variables(), "vaultName", "kv-{0}", "azcollector-vault-{0}") }},
	{name: "vault by access policies", want: "enableRbacAuthorization", spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.KeyVault/vaults", 0), "properties"), "enableRbacAuthorization", false)
	}},
	{name: "vault that can be purged", want: "enablePurgeProtection", spoil: func(e editor) {
		e.remove(e.in(e.resource("Microsoft.KeyVault/vaults", 0), "properties"), "enablePurgeProtection")
	}},
	{name: "telemetry by key", want: "DisableLocalAuth is false", spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Insights/components", 0), "properties"), "DisableLocalAuth", false)
	}},
	{name: "rule that tells nobody", want: "tells []", in: []string{"locked down"}, spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Insights/scheduledQueryRules", 0), "properties", "actions"), "actionGroups", list{})
	}},
	{name: "no rules", want: "scheduledQueryRules: there is none", spoil: func(e editor) { e.put(e.variables(), "alerts", list{}) }},

	{name: "plain http", want: "httpsOnly is false", spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Web/sites", 0), "properties"), "httpsOnly", false)
	}},
	{name: "FTP", want: "ftpsState is AllAllowed", spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Web/sites", 0), "properties", "siteConfig"), "ftpsState", "[if(variables('flex'), null(), 'AllAllowed')]")
	}},
	{name: "password for deployments", want: "scm is not switched off", spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Web/sites/basicPublishingCredentialsPolicies", 1), "properties"), "allow", true)
	}},
	{name: "references as the system's identity", want: "keyVaultReferenceIdentity is <nil>", spoil: func(e editor) {
		e.remove(e.in(e.resource("Microsoft.Web/sites", 0), "properties"), "keyVaultReferenceIdentity")
	}},
	{name: "deploy identity's id for storage", want: "AzureWebJobsStorage__clientId: is", spoil: func(e editor) {
		e.replace(e.resource("Microsoft.Web/sites/config", 0), "properties", "'AzureWebJobsStorage__clientId', reference(variables('runIdentityId'), '2023-01-31').clientId",
			"'AzureWebJobsStorage__clientId', parameters('appClientId')")
	}},
	{name: "restriction without its tag", want: "are not the service tag", in: []string{"restricted"}, spoil: func(e editor) {
		e.put(e.in(e.template, "variables", "onlyMicrosoft", 0), "tag", "XffProxy")
	}},
	{name: "restriction that leaves the deployment site open", want: "scmIpSecurityRestrictionsDefaultAction", in: []string{"restricted"}, spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Web/sites", 0), "properties", "siteConfig"), "scmIpSecurityRestrictionsDefaultAction", "Allow")
	}},
	{name: "restriction that nobody asked for", want: "is restricted though nobody asked", spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Web/sites", 0), "properties", "siteConfig"), "ipSecurityRestrictions", "[variables('onlyMicrosoft')]")
	}},
	{name: "no limit of instances", want: "scaleAndConcurrency.maximumInstanceCount is <nil>", spoil: func(e editor) {
		e.remove(e.in(e.template, "variables", "flexConfig", "scaleAndConcurrency"), "maximumInstanceCount")
	}},
	{name: "no limit of concurrency", want: "perInstanceConcurrency is <nil>",
		spoil: func(e editor) {
			e.remove(e.in(e.template, "variables", "flexConfig", "scaleAndConcurrency"), "triggers")
		},
		follows: "parameters.httpConcurrencyPerInstance: nothing uses it"},
	{name: "no limit of Premium instances", want: "Elastic Premium may grow to <nil>", spoil: func(e editor) {
		e.remove(e.in(e.resource("Microsoft.Web/sites", 0), "properties", "siteConfig"), "functionAppScaleLimit")
	}},
	{name: "what Flex refuses in the site", want: "linuxFxVersion is , must be <nil>", spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Web/sites", 0), "properties", "siteConfig"), "linuxFxVersion", "")
	}},
	{name: "what Flex refuses in the settings", want: "app setting FUNCTIONS_WORKER_RUNTIME: must not stand on Flex", spoil: func(e editor) {
		e.add(e.settings(), "FUNCTIONS_WORKER_RUNTIME", "custom")
	}},
	{name: "what Premium needs in the settings", want: "app setting FUNCTIONS_WORKER_RUNTIME: missing on Elastic Premium", spoil: func(e editor) {
		e.remove(e.in(e.template, "variables", "premiumSettings"), "FUNCTIONS_WORKER_RUNTIME")
	}},
	{name: "package from a branch", want: "is no https address that carries its version", spoil: func(e editor) {
		e.put(e.parameter("packageUri"), "defaultValue", "https://releases.example/azcollector/latest/azcollector_linux_amd64.zip")
	}, follows: "parameters.packageUri: the default is no release's package"},
	{name: "package over http", want: "is no https address that carries its version", spoil: func(e editor) { e.replace(e.parameter("packageUri"), "defaultValue", "https:", "http:") },
		follows: "parameters.packageUri: the default is no release's package"},
	{name: "package of two versions", want: "is no https address that carries its version", spoil: func(e editor) {
		e.replace(e.parameter("packageUri"), "defaultValue", "/azcollector_", "/azcollector_9.")
	}, follows: "example: packageUri is"},
	{name: "webhook's address is not the function's", want: "outputs.webhookAddress: is", spoil: func(e editor) {
		e.replace(e.in(e.template, "outputs", "webhookAddress"), "value", "/api/o365/webhook", "/api/webhook")
	}},
}
