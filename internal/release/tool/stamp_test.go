package main

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const standIn = "https://releases.example/azcollector"

func TestStamp(t *testing.T) {
	for name, c := range map[string]struct{ home, text, want string }{
		"a package":             {standIn, standIn + "/v0.1.0/azcollector_0.1.0_linux_amd64.zip", standIn + "/v1.4.0-rc.1/azcollector_1.4.0-rc.1_linux_amd64.zip"},
		"another home":          {"https://b.example:8443/x", standIn + "/v0.1.0/azcollector_0.1.0_linux_amd64.zip", "https://b.example:8443/x/v1.4.0-rc.1/azcollector_1.4.0-rc.1_linux_amd64.zip"},
		"of a candidate":        {standIn, standIn + "/v0.1.0-rc.2/azcollector_0.1.0-rc.2_windows_amd64.zip", standIn + "/v1.4.0-rc.1/azcollector_1.4.0-rc.1_windows_amd64.zip"},
		"the template":          {standIn, standIn + "/v0.1.0/azuredeploy.json", standIn + "/v1.4.0-rc.1/azuredeploy.json"},
		"the newest manifest":   {"https://b.example", standIn + "/manifest.json", "https://b.example/manifest.json"},
		"the home alone":        {"https://b.example", `"` + standIn + `"`, `"https://b.example"`},
		"inside another URL":    {"https://b.example", "/uri/https%3A%2F%2Freleases.example%2Fazcollector%2Fv0.1.0%2Fazuredeploy.json", "/uri/https%3A%2F%2Fb.example%2Fv1.4.0-rc.1%2Fazuredeploy.json"},
		"twice":                 {standIn, standIn + "/v0.1.0/a " + standIn + "/v0.1.1/b", standIn + "/v1.4.0-rc.1/a " + standIn + "/v1.4.0-rc.1/b"},
		"no dollar expansion":   {"https://b.example/$1", standIn + "/a", "https://b.example/$1/a"},
		"somebody else's":       {"https://b.example", "https://releases.example/other/v0.1.0/a", "https://releases.example/other/v0.1.0/a"},
		"no version":            {standIn, standIn + "/vault/a", standIn + "/vault/a"},
		"versions of elsewhere": {standIn, "apiVersion 2024-04-01, version 0.1.0", "apiVersion 2024-04-01, version 0.1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			got := (&stamp{Was: standIn, Home: c.home, Version: "1.4.0-rc.1"}).stamp([]byte(c.text))
			if string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// A template that would deploy another release is not published.
func TestStampedTemplateDeploysThisRelease(t *testing.T) {
	const want = "https://b.example/v1.4.0/azcollector_1.4.0_linux_amd64.zip"
	for name, c := range map[string]struct{ text, want string }{
		"as in the repository": {`{"parameters":{"packageUri":{"defaultValue":"https://a.example/v0.1.0/azcollector_0.1.0_linux_amd64.zip"}}}`, ""},
		"without the version":  {`{"parameters":{"packageUri":{"defaultValue":"https://a.example/latest.zip"}}}`, "the default of packageUri is"},
		"with no default":      {`{"parameters":{}}`, `the default of packageUri is ""`},
		"no JSON":              {`{`, "parse the template"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := (&stamp{Was: "https://a.example", Home: "https://b.example", Version: "1.4.0", Package: want,
				File: write(t, "azuredeploy.json", c.text, 0o644, epoch)}).Run(&out)
			if c.want == "" && (err != nil || !strings.Contains(out.String(), want)) {
				t.Errorf("%v; it is %s", err, out.String())
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || out.Len() > 0) {
				t.Errorf("%v; it wrote %q; want an error with %q", err, out.String(), c.want)
			}
		})
	}
}

// What leads to the stand-in after all is not published.
func TestStampLeavesNoOtherHome(t *testing.T) {
	for name, c := range map[string]struct{ home, text, want string }{
		"all is stamped":         {"https://b.example", "https://a.example/x/v0.1.0/p and https%3A%2F%2Fa.example%2Fx%2Fp", ""},
		"the stand-in stays":     {"https://a.example/x", "https://a.example/x/v0.1.0/p", ""},
		"a home of its name":     {"https://a.example.com/x", "https://a.example/x/v0.1.0/p and https%3A%2F%2Fa.example%2Fx%2Fp", ""},
		"only the host":          {"https://b.example", "it lies at a.example, somewhere", `"it lies at a.example, somewhere" leads to a.example`},
		"another path":           {"https://b.example", "https://a.example/y/p", "write a URL below https://a.example/x"},
		"another scheme":         {"https://b.example", "http://a.example/x/p", "leads to a.example"},
		"doubly escaped":         {"https://b.example", "https%253A%252F%252Fa.example%252Fx", "leads to a.example"},
		"the same host, escaped": {"https://b.example", "https%3A%2F%2Fa.example%2Fy", "leads to a.example"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := (&stamp{Was: "https://a.example/x", Home: c.home, Version: "1.4.0", File: write(t, "README.md", c.text, 0o644, epoch)}).Run(&out)
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || out.Len() > 0) {
				t.Errorf("%v, want %q; it wrote %s", err, c.want, out.String())
			}
		})
	}
}

// The repository's own papers come to lie at the new home, whole.
func TestStampOfTheRepository(t *testing.T) {
	const home, pkg = "https://b.example:8443/x", "https://b.example:8443/x/v9.8.7/azcollector_9.8.7_linux_amd64.zip"
	const folder = "https%3A%2F%2Fb.example%3A8443%2Fx%2Fv9.8.7%2F"
	holds := map[string][]string{
		"README.md":            {"--package-uri " + pkg, folder + "azuredeploy.json", folder + "createUiDefinition.json"},
		"arm/azuredeploy.json": {`"` + pkg + `"`}, "arm/createUiDefinition.json": nil,
	}
	root := filepath.Join("..", "..", "..")
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(docs) == 0 {
		t.Fatalf("found no docs: %v", err)
	}
	for _, file := range docs {
		holds["docs/"+filepath.Base(file)] = nil
	}
	for name, parts := range holds {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c := stamp{Was: standIn, Home: home, Version: "9.8.7", File: filepath.Join(root, filepath.FromSlash(name))}
			if name == "arm/azuredeploy.json" {
				c.Package = pkg
			}
			if err := c.Run(&out); err != nil {
				t.Fatal(err)
			}
			for _, part := range parts {
				if !strings.Contains(out.String(), part) {
					t.Errorf("does not hold %s", part)
				}
			}
			if name != "README.md" {
				return
			}
			for _, file := range regexp.MustCompile(`azcollector_[0-9]+\.[0-9]+\.[0-9]+[^ )]*`).FindAllString(out.String(), -1) {
				if !strings.HasPrefix(file, "azcollector_9.8.7_") {
					t.Errorf("it speaks of %s", file)
				}
			}
		})
	}
}
