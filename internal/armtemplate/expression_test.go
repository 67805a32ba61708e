package armtemplate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"azcollector/internal/armtemplate"
)

var scope = armtemplate.Scope{
	Cloud: "AzureCloud", Tenant: "aaaaaaaa-0000-0000-0000-000000000001", Subscription: "bbbbbbbb-0000-0000-0000-000000000002",
	ResourceGroup: "rg", Location: "westeurope", Deployment: "main",
}

const group = "/subscriptions/bbbbbbbb-0000-0000-0000-000000000002/resourceGroups/rg"

type list = []any
type object = map[string]any

// Where a row has the name of a function, expression and result are the example of
// its page in Microsoft's documentation.
func TestExpressions(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want any
	}{
		"text":                       {"just text", "just text"},
		"empty text":                 {"", ""},
		"no closing bracket":         {"[two]andthree", "[two]andthree"},
		"two brackets, unclosed":     {"[[two", "[[two"},
		"escaped bracket":            {"[[two]", "[two]"},
		"brackets inside":            {"a[b]", "a[b]"},
		"quotes":                     {"['it''s '''' me']", "it's '' me"},
		"negative number":            {"[-3]", int64(-3)},
		"spaces":                     {"[ concat ( 'a' , 'b' ) ]", "ab"},
		"function in any case":       {"[CONCAT('a', tOlOwEr('B'))]", "ab"},
		"property in any case":       {"[resourceGroup().LOCATION]", "westeurope"},
		"property by name":           {"[createObject('a', createArray('x', 'y'))['a'][1]]", "y"},
		"property, written so first": {`[json('{"A":{"true":1}}').A['true']]`, int64(1)},

		"and": {"[and(bool('true'), bool('false'))]", false},
		"or":  {"[or(bool('true'), bool('false'))]", true},
		"not": {"[not(equals(1, 2))]", true},

		"bool":                   {"[createArray(bool('true'), bool('false'), bool(1), bool(0))]", list{true, false, true, false}},
		"if":                     {"[if(equals('a', 'a'), 'yes', 'no')]", "yes"},
		"if, json":               {`[if(equals('a', 'a'), json('{"test": "value1"}'), json('null'))]`, object{"test": "value1"}},
		"if leaves the rest":     {"[if(false(), div(1, 0), 'safe')]", "safe"},
		"equals tells case":      {"[equals('a', 'A')]", false},
		"equals of objects":      {`[equals(json('{"a":1,"b":2}'), createObject('b', 2, 'a', 1))]`, true},
		"less":                   {"[createArray(less(1, 2), lessOrEquals(2, 2), greater('a', 'b'), greaterOrEquals(1, 2))]", list{true, true, false, false}},
		"coalesce":               {"[coalesce(null(), 'one', 'two')]", "one"},
		"empty":                  {"[createArray(empty(''), empty(createArray()), empty(createObject()), empty(null()), empty('a'))]", list{true, true, true, true, false}},
		"contains":               {"[createArray(contains('OneTwoThree', 'e'), contains('OneTwoThree', 'z'), contains(createArray('one'), 'four'))]", list{true, false, false}},
		"contains of an object":  {"[contains(createObject('One', 1), 'oNE')]", true},
		"startsWith, endsWith":   {"[createArray(startsWith('abcdef', 'AB'), endsWith('abcdef', 'EF'), endsWith('abcdef', 'e'))]", list{true, true, false}},
		"numbers":                {"[createArray(add(5, 3), sub(7, 3), mul(5, 3), div(8, 3), mod(7, 3), min(3, 1), max(createArray(1, 3)), int('4'))]", list{int64(8), int64(4), int64(15), int64(2), int64(1), int64(1), int64(3), int64(4)}},
		"concat":                 {"[concat('prefix-', 5, '-x')]", "prefix-5-x"},
		"concat of arrays":       {"[concat(createArray('1-1'), createArray('2-1'))]", list{"1-1", "2-1"}},
		"format":                 {"[format('{0}, {1}. Formatted number: {2:N0}', 'Hello', 'User', 8175133)]", "Hello, User. Formatted number: 8,175,133"},
		"format twice":           {"[format(format('{0}/{{0}}', 'a'), 'b')]", "a/b"},
		"format of a bool":       {"[format('{0} {1:D3}', true(), 7)]", "True 007"},
		"indexOf":                {"[createArray(indexOf('test', 't'), indexOf('abcdef', 'CD'), indexOf('abcdef', 'z'))]", list{int64(0), int64(2), int64(-1)}},
		"length":                 {"[createArray(length('One Two Three'), length(createArray(1, 2, 3)), length(createObject('a', 1)), length('é'))]", list{int64(13), int64(3), int64(1), int64(1)}},
		"replace":                {"[replace('123-123-1234', '-', '')]", "1231231234"},
		"split":                  {"[createArray(split('one,two,three', ','), split('one;two,three', createArray(',', ';')))]", list{list{"one", "two", "three"}, list{"one", "two", "three"}}},
		"join":                   {"[join(createArray('one', 'two'), '; ')]", "one; two"},
		"string":                 {`[createArray(string(json('{"valueA":10,"valueB":"Example Text"}')), string(createArray('a', 'b', 'c')), string(5), string('s'))]`, list{`{"valueA":10,"valueB":"Example Text"}`, `["a","b","c"]`, "5", "s"}},
		"string of a bool":       {"[string(true())]", "True"},
		"string keeps <>&":       {"[string(createArray('<>&'))]", `["<>&"]`},
		"substring":              {"[createArray(substring('one two three', 4, 3), substring('abc', 1), substring('abc', 3, 0))]", list{"two", "bc", ""}},
		"take, skip":             {"[createArray(take('one two three', 2), skip('one two three', 4), take(createArray('one', 'two', 'three'), 2), skip(createArray('one', 'two', 'three'), 9), take('ab', -1), take('ab', 9))]", list{"on", "two three", list{"one", "two"}, list{}, "", "ab"}},
		"first, last":            {"[createArray(first('One'), last('One'), first(createArray('x', 'y')), last(createArray('x', 'y')))]", list{"O", "e", "x", "y"}},
		"case":                   {"[concat(toLower('One'), toUpper('Two'), trim('  x '))]", "oneTWOx"},
		"base64":                 {"[base64('one, two, three')]", "b25lLCB0d28sIHRocmVl"},
		"uri":                    {"[createArray(uri('http://contoso.org/firstpath', 'myscript.sh'), uri('http://contoso.org/firstpath/', 'myscript.sh'))]", list{"http://contoso.org/myscript.sh", "http://contoso.org/firstpath/myscript.sh"}},
		"uriComponent":           {"[uriComponent('http://contoso.com/resources/nested/azure deploy.json')]", "http%3A%2F%2Fcontoso.com%2Fresources%2Fnested%2Fazure%20deploy.json"},
		"array":                  {"[createArray(array(1), array(createArray(2)))]", list{list{int64(1)}, list{int64(2)}}},
		"range":                  {"[range(5, 3)]", list{int64(5), int64(6), int64(7)}},
		"union of arrays":        {"[union(createArray('one', 'two', 'three'), createArray('three', 'four'))]", list{"one", "two", "three", "four"}},
		"union of objects":       {`[union(json('{"property":{"one":"a","two":"b","three":"c1"},"nestedArray":[1,2]}'), json('{"property":{"three":"c2","four":"d","five":"e"},"nestedArray":[3,4]}'))]`, object{"property": object{"one": "a", "two": "b", "three": "c2", "four": "d", "five": "e"}, "nestedArray": list{int64(3), int64(4)}}},
		"items":                  {"[items(createObject('item002', 2, 'item001', 1))]", list{object{"key": "item001", "value": int64(1)}, object{"key": "item002", "value": int64(2)}}},
		"json":                   {`[json('[1, 2.5, null, true]')]`, list{int64(1), 2.5, nil, true}},
		"subscription":           {"[subscription().id]", "/subscriptions/bbbbbbbb-0000-0000-0000-000000000002"},
		"tenant":                 {"[tenant().tenantId]", "aaaaaaaa-0000-0000-0000-000000000001"},
		"deployment":             {"[deployment().name]", "main"},
		"environment":            {"[concat(environment().portal, environment().suffixes.storage, environment().suffixes.keyvaultDns)]", "https://portal.azure.comcore.windows.net.vault.azure.net"},
		"resourceId":             {"[resourceId('Microsoft.Web/sites', 'a')]", group + "/providers/Microsoft.Web/sites/a"},
		"resourceId of a child":  {"[resourceId('Microsoft.Web/sites/config', 'a', 'b')]", group + "/providers/Microsoft.Web/sites/a/config/b"},
		"resourceId elsewhere":   {"[resourceId('s', 'g', 'Microsoft.Web/sites', 'a')]", "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/a"},
		"subscriptionResourceId": {"[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'r')]", "/subscriptions/bbbbbbbb-0000-0000-0000-000000000002/providers/Microsoft.Authorization/roleDefinitions/r"},
		"extensionResourceId":    {"[extensionResourceId('/x', 'Microsoft.Authorization/locks', 'l')]", "/x/providers/Microsoft.Authorization/locks/l"},
		"hashes are stable":      {"[equals(concat(uniqueString('a', 'b'), guid('a')), concat(uniqueString('a', 'b'), guid('a')))]", true},
		"hashes differ":          {"[or(equals(uniqueString('a'), uniqueString('b')), equals(guid('a'), guid('b')))]", false},
		"hashes' shape":          {"[createArray(length(uniqueString('a')), length(guid('a')))]", list{int64(13), int64(36)}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := armtemplate.Evaluate(test.text, scope)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.text, diff)
			}
		})
	}
}

func TestWrongExpressions(t *testing.T) {
	for text, want := range map[string]string{
		"[]":                                       "it ends too soon",
		"[concat('a'":                              "",
		"[nothing('a')]":                           "unknown function nothing",
		"[listKeys('a', 'b')]":                     "unknown function listKeys",
		"[concat('a'] ]":                           `")" is missing`,
		"[concat('a') 'b']":                        "follows the expression",
		"['a]":                                     "has no end",
		"[a]":                                      "neither a string nor a function's call",
		"[1.5]":                                    "a property's name is missing",
		"[99999999999999999999]":                   "no whole number",
		"[{}]":                                     "not expected at character 1",
		"[toLower()]":                              "takes 1 arguments, not 0",
		"[toLower('a', 'b')]":                      "takes 1 arguments, not 2",
		"[toLower(1)]":                             "argument 1 is int, not a string",
		"[if('x', 1, 2)]":                          "argument 1 is string, not a bool",
		"[and(true(), 1)]":                         "argument 2 is int, not a bool",
		"[equals('1', 1)]":                         "compares string with int",
		"[createArray('a')[1]]":                    "no element 1 in an array of 1",
		"[createArray('a')['x']]":                  "index an array by an int",
		"[createObject('a', 1).b]":                 `no property "b"; there is a`,
		"['text'.length]":                          "cannot look into string",
		"[createObject('a', 1, 'A', 2)]":           "comes twice",
		"[createObject('a')]":                      "takes a value for each name",
		"[concat('a', createArray())]":             "argument 2 is array, not a string",
		"[concat('a', true())]":                    "argument 2 is bool, not a string",
		"[div(1, 0)]":                              "divides by zero",
		"[mod(1, 0)]":                              "divides by zero",
		"[substring('1234567890', 0, 11)]":         "do not lie within 10",
		"[substring('abc', 4)]":                    "do not lie within 3",
		"[range(0, 10001)]":                        "0 to 10000",
		"[first(createArray())]":                   "the array is empty",
		"[split('a', '')]":                         "not empty",
		"[format('{0}')]":                          "has no argument",
		"[format('{x}', 1)]":                       "no item like {0}",
		"[format('a}', 1)]":                        "ends an item that never began",
		"[format('{0}', createArray())]":           "no string, int or bool",
		"[format('{0:X2}', 1)]":                    "not known here",
		"[int('x')]":                               "no whole number",
		"[bool('yes')]":                            "is no bool",
		"[string(null())]":                         "not documented",
		"[json('{')]":                              "parse JSON",
		"[json('{\"a\":1,\"A\":2}')]":              "twice",
		"[union(createArray(), createObject())]":   "argument 2 is object, not an array",
		"[resourceId('Microsoft.Web/sites', '')]":  "is empty",
		"[resourceId('Microsoft.Web/sites/x','a')": "",
		"[resourceId('Microsoft.Web/sites', 'a', 'b')]": "1 parts after the provider for 2 names",
		"[resourceId('a', 'b')]":                        "no argument is a resource type",
		"[environment().suffixes.sql]":                  `no property "sql"`,
		"[parameters('x')]":                             `no parameter "x"`,
		"[variables('x')]":                              `no variable "x"`,
		"[copyIndex()]":                                 "outside a copy loop",
		"[newGuid()]":                                   "must not stand here",
		"[utcNow()]":                                    "must not stand here",
		"[reference('x')]":                              `no resource "x"`,
		"[replace('aa', '', 'b')]":                      "argument 2 is empty",
		"[" + strings.Repeat(" ", 24_575) + "1]":        "Resource Manager takes 24576",
		"[" + strings.Repeat("concat(", 3) + "'a'))]":   `")" is missing`,
		"[replace(base64('" + strings.Repeat("a", 9000) + "'), 'Y', '" + strings.Repeat("b", 9000) + "')]": "too long",
	} {
		got, err := armtemplate.Evaluate(text, scope)
		switch {
		case want == "" && (err != nil || got != text):
			t.Errorf("%.80s: got %v, %v; without a bracket at its end it is text", text, got, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%.80s: got %v, want an error with %q", text, err, want)
		}
	}
}

// Whatever stands in a template, evaluating it ends, and without a panic. What is
// no expression is text and stays as it is; an escaped one loses one bracket.
func FuzzEvaluate(f *testing.F) {
	for _, seed := range []string{"text", "[[a]", "[concat('a', string(add(1, 2)))]", "[createObject('a', createArray(1)).a[0]]",
		"[format('{0:D2}{{}}', 7)]", "[union(json('{}'), createObject('x', take('abc', 2)))]", "[if(true(), 'a', div(1, 0))]",
		"[resourceId('Microsoft.Web/sites/config', 'a', 'b')]", "[split(replace('a-b', '-', ','), ',')[1]]", "['it''s']"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := armtemplate.Evaluate(text, scope)
		expression := strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") && len(text) > 1
		switch {
		case !expression && (err != nil || got != text):
			t.Errorf("text %q became %v, %v", text, got, err)
		case expression && strings.HasPrefix(text, "[[") && (err != nil || got != text[1:]):
			t.Errorf("escaped %q became %v, %v", text, got, err)
		}
		// A string that is written as the documentation says comes out as it went in.
		quoted := "['" + strings.ReplaceAll(text, "'", "''") + "']"
		if got, err := armtemplate.Evaluate(quoted, scope); len(quoted) < 24_000 && (err != nil || got != text) {
			t.Errorf("%s became %v, %v", quoted, got, err)
		}
	})
}
