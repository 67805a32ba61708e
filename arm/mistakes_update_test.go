package arm_test

// In what makes a self-update possible, and in what keeps an updated collector as it is.
var mistakesOfUpdate = []mistake{
	{name: "rights with nobody who announces releases", want: "run must not have Website Contributor on site (self-update: false)", in: []string{"self-update from nowhere"}, spoil: func(e editor) {
		e.put(e.variables(), "selfUpdate", "[and(parameters('selfUpdate'), not(empty(parameters('updatePublicKeys'))))]")
	}, follows: "self-update: false"},
	{name: "rights without keys", want: "run must not have Website Contributor on site (self-update: false)", in: []string{"self-update without keys"}, spoil: func(e editor) {
		e.put(e.variables(), "selfUpdate", "[and(parameters('selfUpdate'), variables('announced'))]")
	}, follows: "self-update: false"},
	{name: "rights for who only wants to be told", want: "run must not have Storage Blob Delegator on package account (self-update: false)", in: []string{"told of releases"}, spoil: func(e editor) {
		e.put(e.variables(), "selfUpdate", "[and(variables('announced'), not(empty(parameters('updatePublicKeys'))))]")
	}, follows: "self-update: false", alsoFollows: "selfUpdate"},
	{name: "packages behind a closed door", want: "run must not have Website Contributor on site (self-update: false)",
		in: []string{"locked down, self-update", "locked down, premium, self-update"}, spoil: func(e editor) {
			e.replace(e.variables(), "selfUpdate", ", equals(parameters('storagePublicNetworkAccess'), 'Enabled')", "")
		}, follows: "self-update: false"},
	{name: "a kept manifest that does not count", want: "run lacks Website Contributor on site", in: []string{"kept manifest"}, spoil: func(e editor) {
		e.replace(e.variables(), "selfUpdate", "variables('announced')", "not(empty(parameters('updateManifestUrl')))")
	}, follows: "run lacks", alsoFollows: "(self-update: true)"},
	{name: "updater off where releases are announced", want: "AzureWebJobs.updater.Disabled: is true", spoil: func(e editor) {
		e.replace(e.settings(), "AzureWebJobs.updater.Disabled", "or(variables('announced'), ", "or(")
	}},
	{name: "updater on where there is nothing to look for", want: "AzureWebJobs.updater.Disabled: is false", spoil: func(e editor) {
		e.put(e.settings(), "AzureWebJobs.updater.Disabled", "false")
	}},

	{name: "no right to sign an address", want: "run lacks Storage Blob Delegator on package account", in: []string{"self-update"}, spoil: func(e editor) {
		e.drop(e.variables(), "grants", "packageSigner")
	}, follows: "outputs.selfUpdateAssignmentIds: is"},
	{name: "right to sign on the container, where it does nothing", want: "run lacks Storage Blob Delegator on package account", in: []string{"self-update"}, spoil: func(e editor) {
		e.put(e.in(e.template, "variables", "packageSigner"), "scope", "[variables('packageScope')]")
	}, follows: "run must not have Storage Blob Delegator on package", alsoFollows: "outputs.selfUpdateAssignmentIds: is"},
	{name: "right to sign where nothing is signed", want: "run must not have Storage Blob Delegator on package account (self-update: true)", spoil: func(e editor) {
		e.put(e.in(e.template, "variables", "packageSigner"), "when", "[variables('selfUpdate')]")
	}, follows: "outputs.selfUpdateAssignmentIds: is"},
	{name: "right to sign that is not told", want: "outputs.selfUpdateAssignmentIds: is", in: []string{"self-update"}, spoil: func(e editor) {
		e.replace(e.in(e.template, "outputs", "selfUpdateAssignmentIds"), "value", "variables('packageSigner').role", "variables('packageUpdater').role")
	}},
	{name: "no right to keep packages on Premium", want: "run lacks Storage Blob Data Contributor on package", spoil: func(e editor) {
		e.put(e.in(e.template, "variables", "packageUpdater"), "when", "[and(variables('flex'), variables('selfUpdate'))]")
	}, follows: "outputs.selfUpdateAssignmentIds: is"},
	{name: "package that Premium may not read", want: "deploy lacks Storage Blob Data Reader on package", spoil: func(e editor) {
		for _, v := range e.variables()["grants"].(list) {
			if o, ok := v.(object); ok && o["role"] == "[variables('roles').storageBlobDataReader]" {
				e.put(o, "when", "[variables('flex')]")
			}
		}
	}},

	{name: "nowhere to keep packages on Premium", want: "Microsoft.Storage/storageAccounts: there are 1, must be 2", spoil: func(e editor) {
		e.put(e.resource("Microsoft.Storage/storageAccounts", 1), "condition", "[variables('flex')]")
	}, follows: "which is not deployed", alsoFollows: "package"},
	{name: "account for packages that nobody keeps", want: "Microsoft.Storage/storageAccounts: there are 2, must be 1", in: []string{"premium"}, spoil: func(e editor) {
		e.put(e.resource("Microsoft.Storage/storageAccounts", 1), "condition", true)
	}},
	{name: "reader that is not assigned", want: "-deploy, which is not assigned to it", spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Web/sites", 0), "identity"), "userAssignedIdentities",
			"[if(variables('flex'), variables('bothIdentities'), createObject(variables('runIdentityId'), createObject()))]")
	}},
	{name: "reader taken away before what is read with it", want: "-deploy, which is not assigned to it", in: []string{"premium"}, spoil: func(e editor) {
		e.put(e.in(e.resource("Microsoft.Web/sites", 0), "identity"), "userAssignedIdentities",
			"[if(variables('keepsPackages'), variables('bothIdentities'), createObject(variables('runIdentityId'), createObject()))]")
	}},
	{name: "packages without self-update", want: "app setting UPDATE_PACKAGE_CONTAINER: is \"https://pk", spoil: func(e editor) {
		e.put(e.settings(), "UPDATE_PACKAGE_CONTAINER", "[variables('packageAddress')]")
	}},
	{name: "packages in another container", want: "app setting UPDATE_PACKAGE_CONTAINER: is", spoil: func(e editor) {
		e.put(e.settings(), "UPDATE_PACKAGE_CONTAINER", "[if(variables('selfUpdate'), format('{0}s', variables('packageAddress')), '')]")
	}, follows: "on Microsoft.Storage/storageAccounts/blobServices/containers", alsoFollows: "package"},
	{name: "packages in the public cloud", want: "app setting UPDATE_PACKAGE_CONTAINER: is", in: []string{"government, self-update", "china, kept package"}, spoil: func(e editor) {
		e.replace(e.variables(), "packageAddress", "environment().suffixes.storage", "'core.windows.net'")
	}, follows: "app setting " + packageReader + ": is \"\""},
	{name: "account of another name", want: "outputs.packageStorageAccountName: is \"st", spoil: func(e editor) {
		e.put(e.in(e.template, "outputs", "packageStorageAccountName"), "value", "[variables('stateAccount')]")
	}},
	{name: "account named where there is none", want: "outputs.packageStorageAccountName: is \"pk", in: []string{"premium"}, spoil: func(e editor) {
		e.put(e.in(e.template, "outputs", "packageStorageAccountName"), "value", "[variables('packageAccount')]")
	}},
	{name: "self-update that is only asked for", want: "outputs.selfUpdate: is true (self-update: false)", in: []string{"self-update from nowhere"}, spoil: func(e editor) {
		e.put(e.in(e.template, "outputs", "selfUpdate"), "value", "[parameters('selfUpdate')]")
	}},
	{name: "Resource Manager of Microsoft 365's cloud", want: "app setting AZURE_RESOURCE_MANAGER_URL: is", in: []string{"GCC High from outside"}, spoil: func(e editor) {
		e.put(e.settings(), "AZURE_RESOURCE_MANAGER_URL", "[parameters('azureResourceManagerUrl')]")
	}},
	{name: "Resource Manager of the public cloud", want: "app setting AZURE_RESOURCE_MANAGER_URL: is", in: []string{"government"}, spoil: func(e editor) {
		e.replace(e.settings(), "AZURE_RESOURCE_MANAGER_URL", "environment().resourceManager", "'https://management.azure.com/'")
	}},
	{name: "reader on Flex, which needs none", want: "app setting UPDATE_PACKAGE_IDENTITY: is \"/subscriptions/", in: []string{"self-update"}, spoil: func(e editor) {
		e.put(e.settings(), "UPDATE_PACKAGE_IDENTITY", "[if(variables('selfUpdate'), variables('deployIdentityId'), '')]")
	}},

	{name: "package of the release before, again", want: "package: onedeploy without an address", in: []string{"kept package"}, spoil: func(e editor) {
		e.put(e.resource("Microsoft.Web/sites/extensions", 0), "condition", "[variables('flex')]")
	}},
	{name: "package never stored", want: "package: nothing deploys it on Flex Consumption", spoil: func(e editor) {
		e.put(e.resource("Microsoft.Web/sites/extensions", 0), "condition", false)
	}},
	{name: "kept package that nobody may read", want: "app setting " + packageReader + ": is \"\"", in: []string{"premium, kept package", "premium, kept without updates"}, spoil: func(e editor) {
		e.replace(e.resource("Microsoft.Web/sites/config", 0), "properties", "variables('ownPackageSettings')", "createObject()")
	}, follows: "variables.ownPackageSettings: nothing uses it", alsoFollows: "-deploy is assigned for nothing"},
	{name: "kept package whose account is forgotten", want: "Microsoft.Storage/storageAccounts: there are 1, must be 2", in: []string{"premium, kept without updates"}, spoil: func(e editor) {
		e.put(e.variables(), "keepsPackages", "[or(variables('flex'), variables('selfUpdate'))]")
	}, follows: "deploy"},
	{name: "token shown to a stranger", want: "app setting " + packageReader + ": is \"/subscriptions/", spoil: func(e editor) {
		e.replace(e.resource("Microsoft.Web/sites/config", 0), "properties", "and(not(variables('flex')), variables('ownPackage'))", "not(variables('flex'))")
	}},
	{name: "a stranger's account taken for ours", want: "app setting " + packageReader + ": is \"/subscriptions/", spoil: func(e editor) {
		e.put(e.variables(), "ownPackage", "[startsWith(parameters('packageUri'), 'https://')]")
	}, follows: "Microsoft.Storage/storageAccounts: there are"},

	{name: "form that asks for no keys", want: "form: steps/updates/keys may stay empty with self-update", spoil: func(e editor) {
		e.put(e.in(e.field("updates", "keys"), "constraints"), "required", false)
	}},
	{name: "form that does the contrary", want: "form: output selfUpdate is false, must be true", spoil: func(e editor) {
		e.put(e.in(e.form, "parameters", "outputs"), "selfUpdate", "[not(steps('updates').selfUpdate)]")
	}, follows: "form: output selfUpdate is true, must be false"},
	{name: "hold-back that the program refuses", want: "form: steps/updates/holdBack offers 7 days: UPDATE_HOLD_BACK", spoil: func(e editor) {
		e.put(e.in(e.field("updates", "holdBack"), "constraints", "allowedValues", 3), "value", "7 days")
	}},
	{name: "form that hides the manifest", want: "form: steps/updates/manifest is shown: false, with self-update: true", spoil: func(e editor) {
		e.put(e.field("updates", "manifest"), "visible", "[not(steps('updates').selfUpdate)]")
	}, follows: "steps/updates/manifest is shown"},
	{name: "form that forgets nothing", want: "form: output updatePublicKeys is typed, must be \"\"", spoil: func(e editor) {
		e.put(e.in(e.form, "parameters", "outputs"), "updatePublicKeys", "[coalesce(steps('updates').keys, '')]")
	}},
}
