package arm_test

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"azcollector/internal/armtemplate"
)

// judgeFunctions compares host.json and the functions' folders with each other.
func (c *court) judgeFunctions() {
	// The package puts the program there by this name (internal/release checks it).
	if name := textAt(c.host, "customHandler", "description", "defaultExecutablePath"); name != "handler" {
		c.complain("host.json: the handler is %q, but the package has it as handler", name)
	}
	if c.functions["webhook"] == nil {
		c.complain("webhook/function.json: missing")
	}
	for _, folder := range slices.Sorted(maps.Keys(c.functions)) {
		bindings, _ := c.functions[folder]["bindings"].(list)
		for _, binding := range bindings {
			if connection := textAt(binding, "connection"); connection != "" && connection != "AzureWebJobsStorage" {
				c.complain("%s/function.json: connection %s is none that the template sets", folder, connection)
			}
			schedule := textAt(binding, "schedule")
			if strings.Contains(schedule, "%") && !wholeName.MatchString(schedule) {
				c.complain("%s/function.json: %q must be one %%NAME%% and nothing else", folder, schedule)
			}
		}
	}
}

// judgeExample wants the example to be a parameter file that shows no secret.
func (c *court) judgeExample() {
	if schema := textAt(c.example, "$schema"); schema != parameterSchema {
		c.complain("example: $schema is %q, not %s", schema, parameterSchema)
	}
	given, _ := c.example["parameters"].(object)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		declared := at(c.template, "parameters", name)
		if declared == nil {
			c.complain("example: %s is no parameter of the template", name)
			continue
		}
		_, plain := given[name].(object)["value"]
		if secure := strings.HasPrefix(strings.ToLower(textAt(declared, "type")), "secure"); secure && plain {
			c.complain("example: %s is a secret and stands there in clear", name)
		}
	}
}

// judgeWorkbook compares the file that is edited with what the template carries.
func (c *court) judgeWorkbook() {
	armtemplate.Walk("workbook", c.workbook, func(path string, scalar any) {
		if strings.HasPrefix(textOf(scalar), "[") {
			c.complain("%s: begins with a bracket, which the template would take for an expression", path)
		}
	})
	carried, err := c.workbookVariable()
	if err != nil {
		c.complain("variables.workbook: %v", err)
		return
	}
	if !cmp.Equal(any(c.workbook), carried) {
		c.complain("variables.workbook: is not arm/workbook.json (go test ./arm -run TestWorkbook -update)")
	}
}

// workbookVariable evaluates it by itself.
func (c *court) workbookVariable() (any, error) {
	t, err := armtemplate.New(object{"variables": object{"workbook": at(c.template, "variables", "workbook")}, "resources": list{},
		"outputs": object{"workbook": object{"type": "object", "value": "[variables('workbook')]"}}})
	if err != nil {
		return nil, err
	}
	d, err := t.Deploy(variant{}.scope(), nil)
	return d.Outputs["workbook"], err
}

var (
	packagerHome = regexp.MustCompile(`(?m)^stand_in=(https://\S+)$`)
	buttonLink   = regexp.MustCompile(`https://portal\.azure\.com/#create/Microsoft\.Template/uri/([^/)\s]+)/createUIDefinitionUri/([^/)\s]+)`)
	numbered     = regexp.MustCompile(`(?m)^## \[([0-9]+\.[0-9]+\.[0-9]+[^\]]*)\]`)
)

// judgeHome holds together where a release lies: the template, the button and the
// script that makes it must say the same.
func (c *court) judgeHome() {
	parts := release.FindStringSubmatch(textAt(c.template, "parameters", "packageUri", "defaultValue"))
	if parts == nil {
		c.complain("parameters.packageUri: the default is no release's package")
		return
	}
	home, version := parts[1], parts[2]
	if script := packagerHome.FindStringSubmatch(c.packager); script == nil || script[1] != home {
		c.complain("scripts/package: its home is not %s, as in the template", home)
	}
	if newest := numbered.FindStringSubmatch(c.changelog); newest != nil && newest[1] != version {
		c.complain("CHANGELOG.md: the newest version is %s, the template deploys %s", newest[1], version)
	}
	if shown := textAt(c.example, "parameters", "packageUri", "value"); shown != parts[0] {
		c.complain("example: packageUri is %q, not the template's default", shown)
	}
	button := buttonLink.FindStringSubmatch(c.readme)
	if button == nil {
		c.complain("README.md: has no button that deploys the template with its form")
		return
	}
	for i, file := range []string{"azuredeploy.json", "createUiDefinition.json"} {
		want := home + "/v" + version + "/" + file
		if got, err := url.PathUnescape(button[i+1]); err != nil || got != want {
			c.complain("README.md: the button leads to %s, not to %s", got, want)
		}
		if strings.ContainsAny(button[i+1], ":/") {
			c.complain("README.md: the button's %s is not escaped", file)
		}
	}
}
