package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the settings table into README.md")

// TestREADME compares the README's settings table with the one made from the code.
func TestREADME(t *testing.T) {
	const path = "../README.md"
	b, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(b), tableBegins)
	got, after, ends := strings.Cut(rest, tableEnds)
	if *update {
		if !begins || !ends {
			before, after = string(b)+"\n## Settings\n\n", ""
		}
		if err := os.WriteFile(path, []byte(before+tableBegins+markdownTable()+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !begins || !ends {
		t.Fatalf("README.md lacks the lines %q and %q; run go test ./functions -run TestREADME -update", tableBegins, tableEnds)
	}
	if diff := cmp.Diff(markdownTable(), got); diff != "" {
		t.Errorf("README.md is older than the settings; run go test ./functions -run TestREADME -update\n%s", diff)
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestHostFiles: what the Functions host is told agrees with what we answer to.
func TestHostFiles(t *testing.T) {
	var host struct {
		CustomHandler struct {
			Description                 struct{ DefaultExecutablePath string }
			EnableProxyingHTTPRequest   bool
			EnableForwardingHTTPRequest bool
		}
		Extensions struct {
			HTTP struct{ RoutePrefix string }
		}
	}
	readJSON(t, "host.json", &host)
	var webhook struct {
		Bindings []struct {
			Type, Direction, AuthLevel, Route string
			Methods                           []string
		}
	}
	readJSON(t, "webhook/function.json", &webhook)
	// Only a function with one HTTP input and one HTTP output is proxied
	// (FunctionMetadataExtensions.IsHttpInAndOutFunction).
	if len(webhook.Bindings) != 2 || webhook.Bindings[0].Type != "httpTrigger" || webhook.Bindings[1].Type != "http" {
		t.Fatalf("webhook's bindings: %+v", webhook.Bindings)
	}
	if path := "/" + host.Extensions.HTTP.RoutePrefix + "/" + webhook.Bindings[0].Route; path != hostWebhookPath {
		t.Errorf("the webhook's path is %s there and %s here", path, hostWebhookPath)
	}
	if webhook.Bindings[0].AuthLevel != "anonymous" {
		t.Errorf("Microsoft has no function key, but authLevel is %q", webhook.Bindings[0].AuthLevel)
	}
	if !host.CustomHandler.EnableProxyingHTTPRequest || host.CustomHandler.EnableForwardingHTTPRequest {
		t.Error("the webhook is not proxied: chunked bodies would be lost")
	}
	if host.CustomHandler.Description.DefaultExecutablePath != "handler" {
		t.Error("the host starts another program")
	}
}

// TestLocalSettingsExample: filling in the example's values is enough.
func TestLocalSettingsExample(t *testing.T) {
	var example struct{ Values map[string]string }
	readJSON(t, "local.settings.json.example", &example)
	example.Values["FUNCTIONS_CUSTOMHANDLER_PORT"] = "1"
	s, err := LoadSettings(Sources{Env: example.Values})
	if err != nil || len(s.Warnings) != 0 || !s.Storage.Configured() {
		t.Errorf("%v, warnings %q", err, s.Warnings)
	}
}
