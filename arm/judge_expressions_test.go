package arm_test

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"azcollector/internal/armtemplate"
)

// formFunctions are all that Microsoft documents for portal forms: learn.microsoft.com,
// "CreateUiDefinition functions" and its pages of collection, conversion, date,
// logical, math, referencing and string functions. Many of templates, like union, are
// not among them.
var formFunctions = strings.Fields(`
	contains empty filter first last length map skip split take
	bool decodeBase64 decodeUriComponent encodeBase64 encodeUriComponent float int parse string
	addHours addMinutes addSeconds utcNow
	and coalesce equals greater greaterOrEquals if less lessOrEquals not or
	add ceil div floor max min mod mul rand range sub
	basics location resourceGroup steps subscription
	concat endsWith guid indexOf lastIndexOf replace startsWith substring toLower toUpper`)

var (
	quotation = regexp.MustCompile(`'[^']*'`)
	called    = regexp.MustCompile(`([A-Za-z][A-Za-z0-9]*)\(`)
	// safeRead is a read with a constant for a field that has no value.
	safeRead = regexp.MustCompile(`coalesce\((?:` + element.String() + `), (?:'[^']*'|[0-9]+|true|false)\)`)
	constant = regexp.MustCompile(`\b(true|false|null)\b`)
)

// judgeExpressions looks at each expression of the form. One that cannot be worked
// out takes the button "Create" away, and names no reason.
func (c *court) judgeExpressions(inputs map[string]*input) {
	armtemplate.Walk("form", at(c.form, "parameters"), func(place string, scalar any) {
		text := textOf(scalar)
		if !strings.HasPrefix(text, "[") {
			return
		}
		for _, call := range called.FindAllStringSubmatch(quotation.ReplaceAllString(text, ""), -1) {
			if !slices.Contains(formFunctions, call[1]) {
				c.complain("%s: %s is no documented function of forms", place, call[1])
			}
		}
		// A field that is hidden when the page opens has no value, and "this causes
		// the entire expression to not evaluate" (the page of logical functions).
		for _, read := range element.FindAllString(safeRead.ReplaceAllString(text, ""), -1) {
			if in := inputs[fieldPath(read)]; in != nil && in.object["visible"] != nil {
				c.complain("%s: reads %s, which may be hidden, without coalesce", place, in.path)
			}
		}
	})
	for _, in := range inputs {
		if textAt(in.object, "type") == "Microsoft.Common.Section" {
			c.complain("form: %s is a section; the judge does not look into sections", in.path)
		}
	}
}

// fieldPath is the path of the field that an expression reads by basics or steps.
func fieldPath(read string) string {
	parts := element.FindStringSubmatch(read)
	if parts[1] != "" {
		return "basics/" + parts[1]
	}
	return "steps/" + parts[2] + "/" + parts[3]
}

// formValue works an expression of the form out, with these fields filled in by path.
// What it calls means the same in templates, but for the spelling of parse and of
// constants.
func formValue(text string, filled object) (any, error) {
	text = element.ReplaceAllStringFunc(text, func(read string) string {
		switch v := filled[fieldPath(read)].(type) {
		case string:
			return "'" + v + "'"
		case bool:
			return strconv.FormatBool(v)
		}
		return "null"
	})
	text = strings.ReplaceAll(constant.ReplaceAllString(text, "$1()"), "parse(", "json(")
	return armtemplate.Evaluate(text, variant{}.scope())
}

// judgeTenant: a managed identity is proof to its own tenant only. (Entra's error
// AADSTS700236 says so of an app registered in another one.)
func (c *court) judgeTenant(in *input) {
	for _, situation := range []struct {
		credential, tenant string
		right              bool
	}{
		{"federated", tenantID, true}, {"federated", strings.ToUpper(tenantID), true},
		{"federated", clientID, false}, {"secret", clientID, true}, {"certificate", clientID, true},
	} {
		valid := true
		validations, _ := at(in.object, "constraints", "validations").(list)
		for i := range validations {
			if text := textAt(validations, i, "isValid"); text != "" {
				v, err := formValue(text, object{in.path: situation.tenant, "steps/microsoft365/credential": situation.credential})
				valid = valid && err == nil && v == true
			}
		}
		if valid != situation.right {
			c.complain("form: %s: whether it takes tenant %s with %s is %v", in.path, situation.tenant, situation.credential, valid)
		}
	}
}

// judgeUnasked wants the form's first text to name every parameter that the form
// leaves at its default, and no other.
func (c *court) judgeUnasked(outputs object) {
	first := strings.FieldsFunc(textAt(c.form, "parameters", "config", "basics", "description"), func(r rune) bool { return strings.ContainsRune(" ,.:", r) })
	declared, _ := at(c.template, "parameters").(object)
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		_, old := older[name]
		named := slices.Contains(first, name)
		switch asked := outputs[name] != nil; {
		case !asked && !named && !old:
			c.complain("form: %s is not asked for, and the first text does not say so", name)
		case asked && named:
			c.complain("form: the first text says that %s is not asked for", name)
		}
	}
}
