package arm_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"azcollector/internal/armtemplate"
)

// asked are the parameters that the form must ask for: what the program cannot do
// without, each way to prove who it is, and what costs or opens something.
var asked = []string{"appName", "location", "appTenantId", "appClientId", "appClientSecret", "appClientCertificate",
	"useManagedIdentityCredential", "o365ContentStreams", "appAlAccessKeyId", "appAlSecretKey", "hostingPlan",
	"maximumInstanceCount", "publicUrl", "restrictWebhookToMicrosoft", "storagePublicNetworkAccess", "vaultPublicNetworkAccess",
	"selfUpdate", "updateManifestUrl", "updatePublicKeys", "updateHoldBack", "alertEmail",
	// Taking over, and deploying again.
	"o365Lookback", "o365Subscriptions", "collectorHostId", "collectorSourceId", "keepSecrets", "recoverVault"}

// identifiers are the parameters that hold a GUID.
var identifiers = []string{"appTenantId", "appClientId"}

// element is basics('a') or steps('a').b in the form's expressions.
var element = regexp.MustCompile(`basics\('([A-Za-z0-9]+)'\)|steps\('([A-Za-z0-9]+)'\)\.([A-Za-z0-9]+)`)

// handedOn is an output that is a field and nothing else.
var handedOn = regexp.MustCompile(`^\[(?:basics\('[^']+'\)|steps\('[^']+'\)\.[A-Za-z0-9]+)\]$`)

// An input is one field of the form.
type input struct {
	path string // basics/name, steps/step/name
	object
	used bool
}

// judgeForm compares the portal's form with the template.
func (c *court) judgeForm() {
	if handler := textAt(c.form, "handler"); handler != "Microsoft.Azure.CreateUIDef" {
		c.complain("form: handler is %q", handler)
	}
	inputs := c.inputs()
	outputs, _ := at(c.form, "parameters", "outputs").(object)
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		switch {
		case at(c.template, "parameters", name) == nil:
			c.complain("form: output %s is no parameter of the template", name)
		case slices.Contains(slices.Collect(maps.Keys(older)), name):
			c.complain("form: output %s is a name of the earlier collector", name)
		default:
			from := c.inputsOf(inputs, "output "+name, textOf(outputs[name]))
			c.judgeOutput(name, from)
			if name == "appTenantId" && len(from) == 1 {
				c.judgeTenant(from[0])
			}
			if handedOn.MatchString(textOf(outputs[name])) && len(from) == 1 {
				c.judgeChoices(name, from[0])
			}
		}
	}
	for _, name := range asked {
		if outputs[name] == nil {
			c.complain("form: nothing is asked for parameter %s", name)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(inputs)) {
		in := inputs[path]
		armtemplate.Walk("", in.object, func(place string, scalar any) {
			if text := textOf(scalar); strings.HasPrefix(text, "[") {
				c.inputsOf(inputs, path+" "+place, text)
			}
		})
	}
	for _, path := range slices.Sorted(maps.Keys(inputs)) {
		if in := inputs[path]; !in.used && textAt(in.object, "type") != "Microsoft.Common.InfoBox" {
			c.complain("form: %s is asked for and not used", path)
		}
	}
	c.judgeExpressions(inputs)
	c.judgeUnasked(outputs)
	c.judgeUpdateStep(inputs, outputs)
	if !slices.ContainsFunc(slices.Collect(maps.Values(inputs)), explainsSelfUpdate) {
		c.complain("form: no InfoBox says what self-update means for the security of the site")
	}
}

func explainsSelfUpdate(in *input) bool {
	return textAt(in.object, "type") == "Microsoft.Common.InfoBox" && strings.Contains(textAt(in.object, "visible"), ".selfUpdate") &&
		strings.Contains(textAt(in.object, "options", "text"), "Website Contributor")
}

// inputs are all fields, by path.
func (c *court) inputs() map[string]*input {
	found := map[string]*input{}
	add := func(prefix string, elements any) {
		all, _ := elements.(list)
		for i := range all {
			path := prefix + textAt(all, i, "name")
			fields, _ := all[i].(object)
			if found[path] != nil {
				c.complain("form: %s stands twice", path)
			}
			found[path] = &input{path: path, object: fields}
		}
	}
	add("basics/", at(c.form, "parameters", "basics"))
	steps, _ := at(c.form, "parameters", "steps").(list)
	for i := range steps {
		add("steps/"+textAt(steps, i, "name")+"/", at(steps, i, "elements"))
	}
	return found
}

// inputsOf finds the fields that an expression reads.
func (c *court) inputsOf(inputs map[string]*input, place, text string) (read []*input) {
	for _, name := range element.FindAllString(text, -1) {
		path := fieldPath(name)
		if inputs[path] == nil {
			c.complain("form: %s reads %s, which is not there", place, path)
			continue
		}
		inputs[path].used = true
		read = append(read, inputs[path])
	}
	return read
}

// judgeOutput looks at the fields that a parameter's value comes from.
func (c *court) judgeOutput(name string, from []*input) {
	declared := at(c.template, "parameters", name)
	kindOf := func(in *input) string { return strings.TrimPrefix(textAt(in.object, "type"), "Microsoft.Common.") }
	secure := strings.HasPrefix(strings.ToLower(textAt(declared, "type")), "secure")
	hidden := slices.ContainsFunc(from, func(in *input) bool { return kindOf(in) == "PasswordBox" })
	open := slices.ContainsFunc(from, func(in *input) bool { return kindOf(in) == "TextBox" })
	if secure && (!hidden || open) {
		c.complain("form: %s is a secret and not asked for in a PasswordBox", name)
	}
	if slices.Contains(identifiers, name) {
		for _, in := range from {
			c.judgeIdentifier(name, in)
		}
	}
}

// judgeChoices compares what a field offers with what the template takes.
func (c *court) judgeChoices(name string, in *input) {
	allowed, limited := at(c.template, "parameters", name, "allowedValues").(list)
	choices, _ := at(in.object, "constraints", "allowedValues").(list)
	for i := range choices {
		if v := at(choices, i, "value"); limited && !slices.Contains(allowed, v) {
			c.complain("form: %s offers %v for %s, which the template refuses", in.path, v, name)
		}
	}
}

// judgeOffers lets the program judge what a dropdown offers for a setting that the
// template takes any text for. (That the text arrives is judgeWiring's business.)
func (c *court) judgeOffers(t *testing.T) {
	t.Helper()
	v := variant{given: updating}
	d, err := c.parsed.Deploy(v.scope(), v.given)
	if err != nil {
		return // judgeVariant tells why
	}
	env, inputs := c.environment(d, v), c.inputs()
	usual := refused(t, env)
	for _, s := range c.settings {
		name := parameterName(s.name)
		output := textAt(c.form, "parameters", "outputs", name)
		from := c.inputsOf(inputs, "output "+name, output)
		declared := at(c.template, "parameters", name)
		if len(from) != 1 || textAt(declared, "type") != "string" || at(declared, "allowedValues") != nil {
			continue // judgeChoices
		}
		choices, _ := at(from[0].object, "constraints", "allowedValues").(list)
		for i := range choices {
			offered := textAt(choices, i, "value")
			value, err := formValue(output, object{from[0].path: offered})
			if err != nil {
				c.complain("form: output %s, with %s: %v", name, offered, err)
				continue
			}
			tried := maps.Clone(env)
			tried[s.name] = asSetting(value)
			for _, refusal := range refused(t, tried) {
				if !slices.Contains(usual, refusal) {
					c.complain("form: %s offers %s: %s", from[0].path, offered, refusal)
				}
			}
		}
	}
}

// judgeIdentifier tries a field's check with what people really put in.
func (c *court) judgeIdentifier(name string, in *input) {
	validations, _ := at(in.object, "constraints", "validations").(list)
	for i := range validations {
		re, err := regexp.Compile(textAt(validations, i, "regex"))
		if err != nil || textAt(validations, i, "regex") == "" {
			continue
		}
		good := re.MatchString(tenantID) && re.MatchString(strings.ToUpper(tenantID))
		bad := re.MatchString("contoso.onmicrosoft.com") || re.MatchString(tenantID[1:]) || re.MatchString(" "+tenantID) || re.MatchString("{"+tenantID+"}")
		if good && !bad && textAt(validations, i, "message") != "" && at(in.object, "constraints", "required") == true {
			return
		}
	}
	c.complain("form: %s for %s has no check that takes GUIDs and nothing else, and says where it is found", in.path, name)
}
