package arm_test

// In the portal's form, beside those of mistakesBeside.
var mistakesOfForm = []mistake{
	{name: "form calls a function of templates", want: "form.outputs.keepSecrets: union is no documented function of forms", spoil: func(e editor) {
		e.put(e.in(e.form, "parameters", "outputs"), "keepSecrets", "[union(parse('[]'), if(steps('destination').keysKept, parse('[]'), parse('[]')), "+
			"if(steps('advanced').webhookSecretKept, parse('[]'), parse('[]')))]")
	}, follows: "passwordKept is asked for and not used"},
	{name: "form calls a function of templates in a field", want: "variables is no documented function of forms", spoil: func(e editor) {
		e.put(e.field("microsoft365", "clientSecret"), "visible", "[equals(variables('credential'), 'secret')]")
	}},
	{name: "output reads a hidden field", want: "form.outputs.appAlSecretKey: reads steps/destination/secretKey, which may be hidden", spoil: func(e editor) {
		e.put(e.in(e.form, "parameters", "outputs"), "appAlSecretKey", "[if(steps('destination').keysKept, '', steps('destination').secretKey)]")
	}},
	{name: "field reads a hidden field", want: "reads steps/microsoft365/secretKept, which may be hidden", spoil: func(e editor) {
		e.replace(e.field("microsoft365", "clientSecret"), "visible", "coalesce(steps('microsoft365').secretKept, false)", "steps('microsoft365').secretKept")
	}},
	{name: "hidden field without a constant to fall back on", want: "reads steps/hosting/sku, which may be hidden", spoil: func(e editor) {
		e.put(e.in(e.form, "parameters", "outputs"), "premiumSku", "[coalesce(steps('hosting').sku, steps('hosting').plan)]")
	}},
	{name: "field in a section", want: "form: steps/monitoring/email is a section", spoil: func(e editor) {
		e.put(e.field("monitoring", "email"), "type", "Microsoft.Common.Section")
	}},
	{name: "identity for another tenant", want: "whether it takes tenant " + clientID + " with federated is true", spoil: func(e editor) {
		e.put(e.in(e.field("microsoft365", "tenantId"), "constraints", "validations", 1), "isValid", "[equals(1, 1)]")
	}},
	{name: "secret for its own tenant only", want: "whether it takes tenant " + clientID + " with secret is false", spoil: func(e editor) {
		e.put(e.in(e.field("microsoft365", "tenantId"), "constraints", "validations", 1), "isValid",
			"[equals(toLower(coalesce(steps('microsoft365').tenantId, '')), toLower(subscription().tenantId))]")
	}, follows: "with certificate is false"},
	{name: "name that the template refuses", want: "form: whether appName takes 53 characters", spoil: func(e editor) {
		e.replace(e.in(e.form, "parameters", "basics", 0, "constraints", "validations", 0), "regex", "{0,50}", "{0,58}")
	}, follows: "form: whether appName takes"},
	{name: "default that nobody is told of", want: "form: packageUri is not asked for, and the first text does not say so", spoil: func(e editor) {
		e.replace(e.in(e.form, "parameters", "config", "basics"), "description", "packageUri, ", "")
	}},
	{name: "asked for after all", want: "form: the first text says that appName is not asked for", spoil: func(e editor) {
		e.replace(e.in(e.form, "parameters", "config", "basics"), "description", "packageUri, ", "packageUri, appName, ")
	}},
	{name: "take-over without the registration", want: "form: nothing is asked for parameter collectorHostId", spoil: func(e editor) {
		e.remove(e.in(e.form, "parameters", "outputs"), "collectorHostId")
	}, follows: "hostId is asked for and not used", alsoFollows: "the first text does not say so"},
	{name: "example with another package", want: "example: packageUri is", spoil: func(e editor) {
		e.remove(e.in(e.example, "parameters"), "packageUri")
	}},
}
