package arm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"azcollector/internal/armtemplate"
)

// papers are all files that have to agree with each other, as JSON or as text.
type papers struct {
	template, form, example, workbook, host object
	// functions are the function.json of each folder that has one.
	functions map[string]object
	readme    string
	changelog string
	packager  string // scripts/package
}

type (
	object = map[string]any
	list   = []any
)

// readPapers reads them anew, so that a test may spoil its copy.
func readPapers(t *testing.T) *papers {
	t.Helper()
	p := &papers{functions: map[string]object{},
		template: readObject(t, "azuredeploy.json"), form: readObject(t, "createUiDefinition.json"),
		example: readObject(t, "azuredeploy.parameters.example.json"), workbook: readObject(t, "workbook.json"),
		host: readObject(t, "../host.json"), readme: readText(t, "../README.md"),
		changelog: readText(t, "../CHANGELOG.md"), packager: readText(t, "../scripts/package"),
	}
	folders, err := filepath.Glob("../*/function.json")
	if err != nil || len(folders) == 0 {
		t.Fatalf("found no function.json: %v", err)
	}
	for _, file := range folders {
		p.functions[filepath.Base(filepath.Dir(file))] = readObject(t, file)
	}
	return p
}

func readText(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func readObject(t *testing.T, file string) object {
	t.Helper()
	v, err := armtemplate.ParseJSON([]byte(readText(t, file)))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	o, ok := v.(object)
	if !ok {
		t.Fatalf("%s is no object", file)
	}
	return o
}

// at looks down a path of names and indexes; nil if there is nothing.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			o, _ := v.(object)
			v = o[step]
		case int:
			l, _ := v.(list)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

func textAt(v any, path ...any) string {
	s, _ := armtemplate.Plain(at(v, path...)).(string)
	return s
}

// parameterName is the mechanical name of a setting's parameter: APP_AL_SECRET_KEY
// is appAlSecretKey.
func parameterName(setting string) string {
	var b strings.Builder
	for i, word := range strings.Split(strings.ToLower(setting), "_") {
		if i > 0 && word != "" {
			word = strings.ToUpper(word[:1]) + word[1:]
		}
		b.WriteString(word)
	}
	return b.String()
}

// secretName is the mechanical name of a setting's secret in the vault.
func secretName(setting string) string {
	return strings.ReplaceAll(strings.ToLower(setting), "_", "-")
}

// A court hears one set of papers.
type court struct {
	*papers
	parsed     *armtemplate.Template
	settings   []setting
	complaints []string
	heard      map[string]bool
}

// complain notes a complaint, once however many variants have it.
func (c *court) complain(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !c.heard[text] {
		c.heard[text] = true
		c.complaints = append(c.complaints, text)
	}
}

// judge returns all complaints about the papers, deploying them in these variants.
func judge(t *testing.T, p *papers, variants map[string]variant) []string {
	t.Helper()
	c := &court{papers: p, settings: knownSettings(t), heard: map[string]bool{}}
	var err error
	if c.parsed, err = armtemplate.New(p.template); err != nil {
		for line := range strings.Lines(err.Error()) {
			c.complain("template: %s", strings.TrimSpace(line))
		}
		return c.complaints
	}
	c.judgeDeclarations()
	c.judgeWiring()
	c.judgeFunctions()
	c.judgeForm()
	c.judgeOffers(t)
	c.judgeExample()
	c.judgeWorkbook()
	c.judgeHome()
	c.judgeNames()
	for _, v := range variants {
		c.judgeVariant(t, v)
	}
	return c.complaints
}
