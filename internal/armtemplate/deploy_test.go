package armtemplate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"azcollector/internal/armtemplate"
)

// deploy makes a template of sections in JSON; a missing resources section is empty.
func deploy(t *testing.T, sections string, given map[string]any) (*armtemplate.Deployment, error) {
	t.Helper()
	if !strings.Contains(sections, `"resources"`) {
		sections += `, "resources": []`
	}
	template, err := armtemplate.Parse([]byte("{" + strings.TrimPrefix(sections, ",") + "}"))
	if err != nil {
		return nil, err
	}
	return template.Deploy(scope, given)
}

func TestParameters(t *testing.T) {
	const sections = `"parameters": {
		"Word": {"type": "string", "defaultValue": "[toLower(parameters('other name'))]", "minLength": 2, "maxLength": 4},
		"Other Name": {"type": "String", "defaultValue": "ABC"},
		"size": {"type": "int", "defaultValue": 2, "minValue": 1, "maxValue": 3, "allowedValues": [1, 2]},
		"list": {"type": "array", "defaultValue": [], "maxLength": 1},
		"made": {"type": "string", "defaultValue": "[concat(newGuid(), utcNow())]"},
		"must": {"type": "bool"}
	}, "outputs": {"word": {"type": "string", "value": "[parameters('word')]"}}`
	for name, test := range map[string]struct {
		given map[string]any
		want  string // the output, or part of the error
	}{
		"defaults":        {object{"must": true}, "abc"},
		"in any case":     {object{"MUST": true, "wORD": "Given"[:4]}, "Give"},
		"by another":      {object{"must": true, "Other name": "XY"}, "xy"},
		"missing":         {object{}, "parameters.must: no value is given"},
		"unknown":         {object{"must": true, "x": 1}, "parameters.x: is given, but"},
		"wrong type":      {object{"must": "true"}, "parameters.must: is string, not bool"},
		"too short":       {object{"must": true, "word": "a"}, "parameters.Word: length 1 is less than 2"},
		"too long":        {object{"must": true, "list": list{int64(1), int64(2)}}, "parameters.list: length 2 is more than 1"},
		"too much":        {object{"must": true, "size": int64(4)}, "none of the allowed values"},
		"default too bad": {object{"must": true, "Other Name": "ABCDE"}, "parameters.Word: length 5 is more than 4"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := deploy(t, sections, test.given)
			got := fmt.Sprint(err)
			if err == nil {
				got = d.Outputs["word"].(string)
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// Each mistake is told once, with its place.
func TestMistakes(t *testing.T) {
	const site = `{"type": "Microsoft.Web/sites", "apiVersion": "1", "name": "a"`
	for name, test := range map[string]struct{ sections, want string }{
		"not an object":               {`"parameters": []`, "parameters: is array, not an object"},
		"unknown section":             {`"functions": {}`, "functions: not a name that is known here"},
		"twice in another case":       {`"variables": {"a": 1, "A": 2}`, `"A" stands twice`},
		"unknown parameter type":      {`"parameters": {"a": {"type": "text"}}`, "parameters.a: type: text is none of"},
		"unknown parameter member":    {`"parameters": {"a": {"type": "int", "default": 1}}`, "parameters.a: default: not a name"},
		"bound of the wrong kind":     {`"parameters": {"a": {"type": "int", "maxLength": 1}}`, "parameters.a: maxLength: must be"},
		"variable in a default":       {`"parameters": {"a": {"type": "int", "defaultValue": "[variables('b')]"}}, "variables": {"b": 1}`, "parameters.a.defaultValue: variables must not stand here"},
		"variables in a circle":       {`"variables": {"a": "[variables('b')]", "b": ["[variables('a')]"]}, "outputs": {"o": {"type": "string", "value": "[variables('a')]"}}`, "variables.b[0]: variables: variables.a needs itself"},
		"reference in a variable":     {`"variables": {"a": "[reference('x')]"}, "outputs": {"o": {"type": "object", "value": "[variables('a')]"}}`, "variables.a: reference must not stand here"},
		"expression as a name":        {`"variables": {"a": {"[concat('b')]": 1}}, "outputs": {"o": {"type": "object", "value": "[variables('a')]"}}`, "variables.a['[concat('b')]']: a name is never evaluated"},
		"loop over a property":        {`"resources": [` + site + `, "properties": {"copy": [{"name": "x"}]}}]`, "resources[0].properties.copy: copy loops over properties"},
		"deep inside":                 {`"resources": [` + site + `, "properties": {"b": [1, {"c-d": "[nope()]"}]}}]`, "resources[0].properties.b[1].c-d: unknown function nope"},
		"misspelt member":             {`"resources": [` + site + `, "propertes": {}}]`, "resources[0].propertes: not a name"},
		"name of too many parts":      {`"resources": [{"type": "Microsoft.Web/sites", "apiVersion": "1", "name": "a/b"}]`, "resources[0].name: type Microsoft.Web/sites has 1 parts after the provider for 2 names"},
		"no name":                     {`"resources": [{"type": "Microsoft.Web/sites", "apiVersion": "1"}]`, "resources[0].name: must be a string"},
		"secure name":                 {`"parameters": {"s": {"type": "securestring", "defaultValue": "x"}}, "resources": [{"type": "Microsoft.Web/sites", "apiVersion": "1", "name": "[parameters('s')]"}]`, "resources[0].name: holds a secure value"},
		"same resource twice":         {`"resources": [` + site + `}, {"type": "microsoft.web/SITES", "apiVersion": "1", "name": "A"}]`, "resources[1]: is the same as resources[0]"},
		"condition that is none":      {`"resources": [` + site + `, "condition": "yes"}]`, "resources[0].condition: is string, not a bool"},
		"waits for nothing":           {`"resources": [` + site + `, "dependsOn": ["b"]}]`, `resources[0].dependsOn[0]: no resource "b" in this template`},
		"waits in a circle":           {`"resources": [` + site + `, "dependsOn": ["b"]}, {"type": "Microsoft.Web/serverfarms", "apiVersion": "1", "name": "b", "dependsOn": ["a"]}]`, "resources[0].dependsOn: goes in a circle"},
		"refers outside":              {`"resources": [` + site + `, "properties": {"x": "[reference('/subscriptions/s/x', '1').y]"}}]`, "/subscriptions/s/x is not in this template"},
		"refers to itself":            {`"resources": [` + site + `, "properties": {"x": "[reference('a').y]"}}]`, "refers to itself"},
		"refers to what is not there": {`"resources": [` + site + `, "condition": false}, {"type": "Microsoft.Web/serverfarms", "apiVersion": "1", "name": "b", "condition": false, "properties": {"x": "[reference('a').kind]"}}]`, "resources[1].properties.x: reference: " + group + "/providers/Microsoft.Web/sites/a is not deployed"},
		"refers in the tags":          {`"resources": [` + site + `}, {"type": "Microsoft.Web/serverfarms", "apiVersion": "1", "name": "b", "tags": {"x": "[reference('a').kind]"}}]`, "resources[1].tags.x: reference must not stand here"},
		"refers to no such output":    {`"resources": [` + site + `}], "outputs": {"o": {"type": "string", "value": "[reference('a').url]"}}`, `no property "url"; there is defaultHostName, provisioningState`},
		"name that is ambiguous":      {`"resources": [` + site + `}, {"type": "Microsoft.Web/serverfarms", "apiVersion": "1", "name": "a"}], "outputs": {"o": {"type": "object", "value": "[reference('a')]"}}`, `"a" may be`},
		"loop without an end":         {`"resources": [{"type": "Microsoft.Web/sites", "apiVersion": "1", "name": "a", "copy": {"name": "l", "count": 801}}]`, "resources[0].copy: must have a name and a count from 0 to 800"},
		"another loop's index":        {`"resources": [{"type": "Microsoft.Web/sites", "apiVersion": "1", "name": "[copyIndex('m')]", "copy": {"name": "l", "count": 1}}]`, `resources[0](0).name: copyIndex: no copy loop "m"`},
		"output of another type":      {`"outputs": {"o": {"type": "int", "value": "1"}}`, "outputs.o: is string, not int"},
		"scope that is none":          {`"resources": [{"type": "Microsoft.Authorization/locks", "apiVersion": "1", "name": "l", "scope": "sites/a"}]`, `resources[0].scope: "sites/a" is neither an id nor like`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := deploy(t, test.sections, nil)
			if lines := strings.Split(fmt.Sprint(err), "\n"); len(lines) != 1 || !strings.Contains(lines[0], test.want) {
				t.Errorf("got:\n%v\nwant one line with %s", err, test.want)
			}
		})
	}
	for name, text := range map[string]string{"comment": "{/**/}", "trailing text": `{"resources":[]} {}`, "array": "[]", "nothing": ""} {
		if _, err := armtemplate.Parse([]byte(text)); err == nil {
			t.Errorf("%s: parsed", name)
		}
	}
}

const house = `
"parameters": {
	"count": {"type": "int", "defaultValue": 2}, "big": {"type": "bool", "defaultValue": false},
	"password": {"type": "securestring", "defaultValue": "hunter2"},
	"keys": {"type": "secureobject", "defaultValue": {"first": "k1", "second": ["k2"]}}
},
"variables": {"unused": 1, "account": "st", "secrets": [{"name": "p", "value": "[parameters('password')]"}]},
"resources": [
	{"type": "Microsoft.Storage/storageAccounts", "apiVersion": "2024-01-01", "name": "[variables('account')]", "sku": {"name": "Standard_LRS"},
	 "properties": {"minimumTlsVersion": "TLS1_2"}},
	{"type": "Microsoft.Storage/storageAccounts/blobServices/containers", "apiVersion": "2024-01-01", "name": "[format('st/default/c{0}', copyIndex(1))]",
	 "copy": {"name": "containers", "count": "[parameters('count')]"}, "dependsOn": ["st"]},
	{"type": "Microsoft.Web/serverfarms", "apiVersion": "1", "name": "plan", "condition": "[parameters('big')]"},
	{"type": "Microsoft.Web/sites", "apiVersion": "1", "name": "app", "identity": {"type": "SystemAssigned"},
	 "dependsOn": ["containers", "[resourceId('Microsoft.Web/serverfarms', 'plan')]"],
	 "properties": {"blob": "[reference('st').primaryEndpoints.blob]", "tls": "[reference('st').minimumTlsVersion]",
	                "plan": "[if(parameters('big'), reference('plan').x, 'none')]"}},
	{"type": "Microsoft.Authorization/roleAssignments", "apiVersion": "1", "name": "r", "scope": "Microsoft.Web/sites/app",
	 "properties": {"principalId": "[reference(resourceId('Microsoft.Web/sites', 'app'), '1', 'Full').identity.principalId]"}}
]`

func TestDeployment(t *testing.T) {
	d, err := deploy(t, house, nil)
	if err != nil {
		t.Fatal(err)
	}
	account := group + "/providers/Microsoft.Storage/storageAccounts/st"
	site := d.Find(strings.ToUpper(group) + "/providers/microsoft.web/sites/app")
	if site == nil {
		t.Fatal("no site")
	}
	want := []string{account + "/blobServices/default/containers/c1", account + "/blobServices/default/containers/c2", account}
	if diff := cmp.Diff(want, site.After); diff != "" {
		t.Errorf("the site waits for the loop, for nothing that is off, and for what it names in reference (-want +got):\n%s", diff)
	}
	properties := object{"blob": armtemplate.Made("Microsoft.Storage/storageAccounts", "st", "primaryEndpoints.blob"), "tls": "TLS1_2", "plan": "none"}
	if diff := cmp.Diff(properties, site.Properties()); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
	var paths []string
	for _, x := range d.Resources {
		paths = append(paths, fmt.Sprint(x.Path, " ", x.Enabled))
	}
	if diff := cmp.Diff([]string{"resources[0] true", "resources[1](0) true", "resources[1](1) true", "resources[2] false", "resources[3] true", "resources[4] true"}, paths); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
	role := d.Resources[5]
	if role.Scope != site.ID || role.ID != site.ID+"/providers/Microsoft.Authorization/roleAssignments/r" {
		t.Errorf("an extension resource is %s at %s", role.ID, role.Scope)
	}
	if got := role.Properties()["principalId"]; got != armtemplate.Made("Microsoft.Web/sites", "app", "identity.principalId") {
		t.Errorf("principalId is %v", got)
	}
	if d.Waits(role, site) || !d.Waits(site, d.Resources[0]) || d.Waits(d.Resources[0], site) {
		t.Error("an id in reference makes nobody wait, a name does, and not the other way round")
	}
}

func TestUnused(t *testing.T) {
	template, err := armtemplate.Parse([]byte("{" + house + "}"))
	if err != nil {
		t.Fatal(err)
	}
	parameters, variables := template.Unused()
	if want := []string{"keys", "password"}; !slices.Equal(parameters, want) {
		t.Errorf("unused parameters %v, want %v", parameters, want)
	}
	if want := []string{"secrets", "unused"}; !slices.Equal(variables, want) {
		t.Errorf("unused variables %v, want %v", variables, want)
	}
}

// A mark stays on whatever a secure value flowed into, and on nothing beside it.
func TestSecure(t *testing.T) {
	for expression, want := range map[string]bool{
		"parameters('password')":                                        true,
		"parameters('PassWord')":                                        true,
		"variables('secrets')[0].value":                                 true,
		"variables('secrets')[0].name":                                  false,
		"base64(toUpper(concat('x', parameters('password'))))":          true,
		"take(parameters('password'), 1)":                               true,
		"string(variables('secrets'))":                                  true,
		"uniqueString(parameters('password'))":                          true,
		"format('{0}', length(parameters('password')))":                 true,
		"split(parameters('password'), 'n')[0]":                         true,
		"join(createArray('a', parameters('password')), '')":            true,
		"createArray('a', parameters('password'))[0]":                   false,
		"createArray('a', parameters('password'))[1]":                   true,
		"concat(createArray('a'), array(parameters('password')))[1]":    true,
		"last(items(createObject('a', parameters('password')))).value":  true,
		"last(items(createObject('a', parameters('password')))).key":    false,
		"union(createObject('a', 'b'), parameters('keys')).a":           false,
		"union(createObject('a', 'b'), parameters('keys')).second[0]":   true,
		"coalesce(null(), parameters('keys').first)":                    true,
		"if(empty(parameters('password')), 'none', 'some')":             false,
		"if(empty(parameters('password')), '', parameters('password'))": true,
		"json(concat('{\"a\":\"', parameters('password'), '\"}')).a":    true,
		"uri('https://x', parameters('password'))":                      true,
	} {
		d, err := deploy(t, house+`, "outputs": {"o": {"type": "string", "value": "[`+strings.ReplaceAll(expression, `"`, `\"`)+`]"}}`, nil)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got := armtemplate.Tainted(d.Outputs["o"]); got != want {
			t.Errorf("%s: secure is %v, want %v", expression, got, want)
		}
		if _, marked := armtemplate.Plain(d.Outputs["o"]).(armtemplate.Secure); marked {
			t.Errorf("%s: still marked when plain", expression)
		}
	}
	if _, err := deploy(t, house+`, "outputs": {"o": {"type": "object", "value": "[createObject(parameters('password'), 1)]"}}`, nil); err == nil {
		t.Error("a secure value became a name, which carries no mark")
	}
}
