package arm_test

// In the files beside the template.
var mistakesBeside = []mistake{
	{name: "handler of another name", want: "host.json: the handler is", spoil: func(e editor) {
		e.put(e.in(e.host, "customHandler", "description"), "defaultExecutablePath", "azcollector")
	}},
	{name: "route prefix", want: "outputs.webhookAddress: is", spoil: func(e editor) { e.put(e.in(e.host, "extensions", "http"), "routePrefix", "") }},
	{name: "renamed function", want: "webhook/function.json: missing", spoil: func(e editor) {
		e.functions["notify"] = e.functions["webhook"]
		delete(e.functions, "webhook")
	}, follows: "outputs.webhookAddress: is", alsoFollows: "there is no function webhook"},
	{name: "switch for a function that is not there", want: "there is no function puller", spoil: func(e editor) {
		e.add(e.settings(), "AzureWebJobs.puller.Disabled", "false")
	}},
	{name: "webhook on in pull only", want: "AzureWebJobs.webhook.Disabled: is false where pull only is true", in: []string{"watch"}, spoil: func(e editor) {
		e.replace(e.settings(), "AzureWebJobs.webhook.Disabled", "toLower(parameters('publicUrl'))", "parameters('publicUrl')")
	}},
	{name: "schedule that no app setting holds", want: "app setting MASTER_SCHEDULE: missing or empty", spoil: func(e editor) {
		e.put(e.in(e.functions["master"], "bindings", 0), "schedule", "%MASTER_SCHEDULE%")
	}},
	{name: "schedule that is half a name", want: "must be one %NAME%", spoil: func(e editor) {
		e.put(e.in(e.functions["pull"], "bindings", 0), "schedule", "0 %PULL_SCHEDULE%")
	}},
	{name: "connection of another account", want: "content/function.json: connection Other", spoil: func(e editor) {
		e.put(e.in(e.functions["content"], "bindings", 0), "connection", "Other")
	}},

	{name: "form answers what was never asked", want: "form: output appColour is no parameter", spoil: func(e editor) {
		e.add(e.in(e.form, "parameters", "outputs"), "appColour", "red")
	}},
	{name: "form answers by an earlier name", want: "is a name of the earlier collector", spoil: func(e editor) {
		e.add(e.in(e.form, "parameters", "outputs"), "Repository URL", "x")
	}},
	{name: "form forgets a parameter", want: "form: nothing is asked for parameter appTenantId",
		spoil: func(e editor) { e.remove(e.in(e.form, "parameters", "outputs"), "appTenantId") }, follows: "tenantId is asked for and not used", alsoFollows: "the first text does not say so"},
	{name: "form reads a field that is not there", want: "form: output alertEmail reads steps/monitoring/mail",
		spoil: func(e editor) {
			e.put(e.in(e.form, "parameters", "outputs"), "alertEmail", "[steps('monitoring').mail]")
		}, follows: "email is asked for and not used"},
	{name: "GUID without a check", want: "has no check that takes GUIDs and nothing else", spoil: func(e editor) {
		e.remove(e.in(e.field("microsoft365", "clientId"), "constraints"), "validations")
	}},
	{name: "GUID with a weak check", want: "has no check that takes GUIDs and nothing else", spoil: func(e editor) {
		e.put(e.in(e.field("microsoft365", "tenantId"), "constraints", "validations", 0), "regex", "^.{36}$|^[a-z.]+$")
	}},
	{name: "secret in a plain field", want: "form: appAlSecretKey is a secret", spoil: func(e editor) {
		e.put(e.field("destination", "secretKey"), "type", "Microsoft.Common.TextBox")
	}},
	{name: "choice that the template refuses", want: "offers EP4 for premiumSku", spoil: func(e editor) {
		outputs := e.in(e.form, "parameters", "outputs")
		e.put(outputs, "premiumSku", "[steps('hosting').sku]")
		e.put(e.in(e.field("hosting", "sku"), "constraints", "allowedValues", 2), "value", "EP4")
	}, follows: "may be hidden, without coalesce"},
	{name: "self-update unexplained", want: "form: no InfoBox says what self-update means", spoil: func(e editor) {
		e.put(e.in(e.field("updates", "meaning"), "options"), "text", "It is very convenient.")
	}},

	{name: "example of something else", want: "example: colour is no parameter", spoil: func(e editor) {
		e.add(e.in(e.example, "parameters"), "colour", object{"value": "red"})
	}},
	{name: "secret in the example", want: "example: appAlSecretKey is a secret", spoil: func(e editor) {
		e.put(e.in(e.example, "parameters"), "appAlSecretKey", object{"value": "hunter2"})
	}},
	{name: "workbook edited in one place only", want: "variables.workbook: is not", spoil: func(e editor) { e.put(e.workbook, "version", "Notebook/9") }},
	{name: "workbook with an expression", want: "begins with a bracket", spoil: func(e editor) { e.add(e.workbook, "note", "[resourceGroup().id]") },
		follows: "variables.workbook: is not"},
	{name: "script of another home", want: "scripts/package: its home is not", spoil: func(e editor) {
		e.packager = "stand_in=https://elsewhere.example/azcollector\n"
	}},
	{name: "template of another version", want: "CHANGELOG.md: the newest version is 0.1.0, the template deploys 0.2.0", spoil: func(e editor) {
		e.replace(e.parameter("packageUri"), "defaultValue", "0.1.0", "0.2.0")
		e.changelog = "## [0.1.0] - 2026-11-22\n"
	}, follows: "README.md: the button leads to", alsoFollows: "example: packageUri is"},
	{name: "no button", want: "README.md: has no button", spoil: func(e editor) { e.readme = "# azcollector\n" }},
	{name: "button of another release", want: "README.md: the button leads to", spoil: func(e editor) {
		e.readme = "https://portal.azure.com/#create/Microsoft.Template/uri/https%3A%2F%2Fx.example%2Fazuredeploy.json" +
			"/createUIDefinitionUri/https%3A%2F%2Fx.example%2FcreateUiDefinition.json"
	}},
}
