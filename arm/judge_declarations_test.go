package arm_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"azcollector/internal/armtemplate"
)

const (
	templateSchema  = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
	parameterSchema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
)

// soundsSecret tells parameters that somebody will put a secret into by their names.
var soundsSecret = regexp.MustCompile(`(?i)secret|password|access ?key|certificate|token`)

// notSecret are those whose name only sounds so.
var notSecret = map[string]string{
	"appClientSecretExpires": "a date",
	"appAlSendClientSecret":  "yes or no",
	"keepSecrets":            "names of settings",
}

// judgeDeclarations looks at what can be told without deploying.
func (c *court) judgeDeclarations() {
	if schema := textAt(c.template, "$schema"); schema != templateSchema {
		c.complain("template: $schema is %q, not %s", schema, templateSchema)
	}
	parameters, variables := c.parsed.Unused()
	for _, name := range parameters {
		if ignored[name] == "" {
			c.complain("parameters.%s: nothing uses it", name)
		}
	}
	for _, name := range variables {
		c.complain("variables.%s: nothing uses it", name)
	}
	secret := map[string]bool{}
	for _, s := range c.settings {
		secret[parameterName(s.name)] = s.secret
	}
	declared, _ := at(c.template, "parameters").(object)
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		c.judgeParameter(name, declared[name], secret[name])
	}
	for name, ours := range older {
		if declared[name] == nil {
			c.complain("parameters.%s: missing; parameter files of the earlier collector have it, for %q", name, ours)
		}
	}
	resources, _ := at(c.template, "resources").(list)
	for i := range resources {
		kind, version := textAt(resources, i, "type"), textAt(resources, i, "apiVersion")
		if known := apiVersions[kind]; known.version != version {
			c.complain("%s: API version %s is not the one whose source is known, %q", kind, version, known.version)
		}
	}
}

func (c *court) judgeParameter(name string, declared any, holdsSecret bool) {
	if description := textAt(declared, "metadata", "description"); !strings.HasSuffix(description, ".") {
		c.complain("parameters.%s: has no description that is a sentence", name)
	}
	fallback, optional := declared.(object)["defaultValue"]
	if !optional {
		c.complain("parameters.%s: has no default; parameter files with other names for it could not deploy", name)
	}
	secure := strings.HasPrefix(strings.ToLower(textAt(declared, "type")), "secure")
	switch {
	case secure && optional && fallback != "":
		c.complain("parameters.%s: is secure and has a default that is not ''", name)
	case !secure && holdsSecret:
		c.complain("parameters.%s: is no securestring, though the program takes the setting for a secret", name)
	case !secure && soundsSecret.MatchString(name) && notSecret[name] == "":
		c.complain("parameters.%s: is no securestring, by its name a secret", name)
	}
}

// judgeWiring deploys twice, with no parameter given and with each one that stands
// for a setting given, and looks where they arrive.
func (c *court) judgeWiring() {
	declared, _ := at(c.template, "parameters").(object)
	given := object{}
	for _, s := range c.settings {
		name := parameterName(s.name)
		switch parameter, ok := declared[name].(object); {
		case decided[s.name].why != "" && ok:
			c.complain("parameters.%s: %s is decided otherwise: %s", name, s.name, decided[s.name].why)
		case decided[s.name].why == "" && !ok:
			c.complain("parameters.%s: missing; the program knows %s", name, s.name)
		case ok:
			given[name] = other(name, parameter)
		}
	}
	plain, err := c.parsed.Deploy(variant{}.scope(), nil)
	if err != nil {
		return // judgeVariant tells
	}
	full, err := c.parsed.Deploy(variant{}.scope(), given)
	if err != nil {
		c.complain("template: with every setting given: %v", err)
		return
	}
	defaults, _ := appSettings(plain)
	arrived, _ := appSettings(full)
	for _, s := range c.settings {
		value, set := arrived[s.name]
		if d, ok := decided[s.name]; ok {
			if d.set != set {
				c.complain("app setting %s: set is %v, but it is decided so: %s", s.name, set, d.why)
			}
			continue
		}
		if !set {
			c.complain("app setting %s: missing", s.name)
			continue
		}
		c.judgeArrival(full, s, given[parameterName(s.name)], textOf(value))
		if first := textOf(defaults[s.name]); ownDefault[s.name] == "" && first != s.fallback {
			c.complain("app setting %s: is %q by default, the program's own default is %q", s.name, first, s.fallback)
		}
	}
}

// judgeArrival checks that what was given for a setting is what it becomes, and a
// secret only by way of the vault.
func (c *court) judgeArrival(d *armtemplate.Deployment, s setting, given any, got string) {
	if given == nil {
		return
	}
	if !s.secret {
		if want := asSetting(given); got != want {
			c.complain("app setting %s: is %q where parameter %s is %q", s.name, got, parameterName(s.name), want)
		}
		return
	}
	secret := vaultReference(d, got)
	switch {
	case secret == nil:
		c.complain("app setting %s: refers to no secret of the template: %q", s.name, got)
	case !strings.HasSuffix(secret.Name, "/"+secretName(s.name)):
		c.complain("app setting %s: refers to the secret %s, not to %s", s.name, secret.Name, secretName(s.name))
	case armtemplate.Plain(secret.Properties()["value"]) != given:
		c.complain("app setting %s: refers to a secret that does not hold parameter %s", s.name, parameterName(s.name))
	}
}

// other is a value for a parameter that is not its default.
func other(name string, declared object) any {
	fallback := declared["defaultValue"]
	allowed, _ := declared["allowedValues"].(list)
	for _, v := range allowed {
		if v != fallback {
			return v
		}
	}
	switch strings.ToLower(textAt(declared, "type")) {
	case "int":
		n, _ := fallback.(int64)
		if most, ok := declared["maxValue"].(int64); ok && n == most {
			return n - 1
		}
		return n + 1
	case "bool":
		return fallback != true
	case "array":
		return list{"given for " + name}
	}
	return "given for " + name
}

// asSetting is how a parameter's value reads in the environment.
func asSetting(v any) string {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case list:
		data, _ := json.Marshal(v) // of strings: cannot fail
		return string(data)
	}
	return textOf(v)
}

func textOf(v any) string {
	s, _ := armtemplate.Plain(v).(string)
	return s
}
