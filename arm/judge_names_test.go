package arm_test

import (
	"regexp"
	"slices"
	"strings"

	"azcollector/internal/armtemplate"
)

// judgeLengths checks that names are as long as Azure takes them: one that is too
// long fails an hour into somebody's evening.
func (c *court) judgeLengths(d *armtemplate.Deployment) {
	for _, x := range d.Resources {
		if slices.Contains(fixedNames, x.Type) || !x.Enabled {
			continue
		}
		limit := nameLimits[x.Type] // of an unknown type: none, so that somebody looks it up
		if n := len(lastName(x)); n < limit.least || n > limit.most {
			c.complain("%s: the name %s has %d characters, must have %d to %d", x.Type, lastName(x), n, limit.least, limit.most)
		}
	}
}

// judgeNames tries the shortest and the longest name that the template takes: all
// that is named after it must fit, and the form must take the same.
func (c *court) judgeNames() {
	parameter := at(c.template, "parameters", "appName")
	least, _ := at(parameter, "minLength").(int64)
	most, _ := at(parameter, "maxLength").(int64)
	deploy := func(scope armtemplate.Scope, name string) *armtemplate.Deployment {
		d, err := c.parsed.Deploy(scope, with(updating, "appName", name, "alertEmail", "soc@example.com"))
		if err != nil {
			return &armtemplate.Deployment{} // judgeVariant tells why
		}
		return d
	}
	scope, longest := variant{}.scope(), strings.Repeat("n", int(most))
	c.judgeLengths(deploy(scope, longest[:least]))
	lower := deploy(scope, longest)
	c.judgeLengths(lower)
	scope.ResourceGroup = strings.ToUpper(scope.ResourceGroup)
	c.judgeCase(lower, deploy(scope, strings.ToUpper(longest)))
	// docs/deploy.md names the deployment so.
	if limit := nameLimits["Microsoft.Resources/deployments"]; len("azcollector-"+longest) > limit.most {
		c.complain("parameters.appName: %d characters are too many for the deployment's name, azcollector-<app>", most)
	}
	if field := c.inputs()["basics/appName"]; field != nil {
		re, err := regexp.Compile(textAt(field.object, "constraints", "validations", 0, "regex"))
		for n := range most + 10 {
			if right := least <= n && n <= most; err != nil || re.MatchString(strings.Repeat("n", int(n))) != right {
				c.complain("form: whether appName takes %d characters is not as in the template", n)
			}
		}
	}
}

// judgeCase compares two deployments with names in another case: Azure takes them for
// the same, so all that is made must be the same. Otherwise the second would make a
// second state.
func (c *court) judgeCase(lower, upper *armtemplate.Deployment) {
	if len(lower.Resources) != len(upper.Resources) {
		c.complain("template: makes %d resources, and %d if names are written in another case", len(lower.Resources), len(upper.Resources))
		return
	}
	for i, x := range lower.Resources {
		if !strings.EqualFold(x.ID, upper.Resources[i].ID) {
			c.complain("%s: is another one if names are written in another case", x.Type)
		}
	}
}
