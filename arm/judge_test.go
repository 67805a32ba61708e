package arm_test

import (
	"slices"
	"strings"
	"testing"
)

// TestFiles judges the files as they are, in every way to deploy.
func TestFiles(t *testing.T) {
	p := readPapers(t)
	for _, complaint := range judge(t, p, variants(t)) {
		t.Error(complaint)
	}
}

// TestStart starts the program as the Functions host does, with the app settings of
// each way to deploy: it must come as far as asking its state, and without a
// complaint about a setting.
func TestStart(t *testing.T) {
	p := readPapers(t)
	for name, v := range variants(t) {
		if v.refused != nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &court{papers: p, settings: knownSettings(t), heard: map[string]bool{}}
			d := c.deploy(t, v)
			env := c.environment(d, v)
			words, asks := firstWords(t, env), "read the webhook's secret from the state: "
			if env["CONFIG_PUBLIC_KEY"] != "" { // then there may be a configuration
				asks = "read configuration: "
			}
			if !strings.HasPrefix(words, asks) {
				t.Errorf("its first error is %q", words)
			}
		})
	}
}

// TestEarlierCollector deploys with the parameter files of the collector that came
// before, one of each generation of its template, and looks where values land.
func TestEarlierCollector(t *testing.T) {
	p := readPapers(t)
	for _, generation := range []struct{ file, tenant string }{
		{"testdata/incumbent_1.parameters.json", "56565656-5656-5656-5656-565656565656"},
		// The later template asked for no tenant: it was the subscription's.
		{"testdata/incumbent_2.parameters.json", tenantID},
	} {
		t.Run(generation.file, func(t *testing.T) {
			v := variant{given: parameterFile(t, generation.file)}
			c := &court{papers: p, settings: knownSettings(t), heard: map[string]bool{}}
			d := c.deploy(t, v)
			env := c.environment(d, v)
			for name, want := range map[string]string{
				"APP_TENANT_ID": generation.tenant, "APP_CLIENT_ID": "90909090-9090-9090-9090-909090909090",
				"APP_CLIENT_SECRET": "the older client secret", "APP_AL_ACCESS_KEY_ID": "the older access key id",
				"APP_AL_SECRET_KEY": "the older secret key", "APP_AL_RESIDENCY": "elsewhere",
				"APP_AL_API_ENDPOINT":  "api.global-integration.product.dev.alertlogic.com",
				"O365_CONTENT_STREAMS": `["Audit.Exchange","Audit.General"]`,
			} {
				if env[name] != want {
					t.Errorf("%s is %q, want %q", name, env[name], want)
				}
			}
			if site := theOne(d, "Microsoft.Web/sites", ""); site == nil || site.Name != "alcollector" {
				t.Errorf("the site is %v, want it named alcollector", site)
			}
			// Our own name wins if both are given.
			both := variant{given: with(v.given, "appName", "ours", "appClientId", clientID, "appAlSecretKey", "our key", "appTenantId", clientID,
				"appClientSecret", "ours", "appAlAccessKeyId", "our id", "appAlResidency", "here", "appAlApiEndpoint", "api.example", "o365ContentStreams", list{"DLP.All"})}
			d = c.deploy(t, both)
			env = c.environment(d, both)
			for name, want := range map[string]string{"APP_CLIENT_ID": clientID, "APP_AL_SECRET_KEY": "our key", "APP_TENANT_ID": clientID,
				"APP_CLIENT_SECRET": "ours", "APP_AL_ACCESS_KEY_ID": "our id", "APP_AL_RESIDENCY": "here",
				"APP_AL_API_ENDPOINT": "api.example", "O365_CONTENT_STREAMS": `["DLP.All"]`} {
				if env[name] != want {
					t.Errorf("with both names given, %s is %q, want %q", name, env[name], want)
				}
			}
			if site := theOne(d, "Microsoft.Web/sites", ""); site == nil || site.Name != "ours" {
				t.Errorf("with both names given, the site is %v", site)
			}
			if len(c.complaints) > 0 {
				t.Error(c.complaints)
			}
		})
	}
}

// TestMistakes spoils a copy of the files in one place at a time. The files' own
// complaints, if there are any, are TestFiles' business.
func TestMistakes(t *testing.T) {
	all := variants(t)
	known := judge(t, readPapers(t), all)
	names := map[string]bool{}
	for _, m := range mistakes {
		if names[m.name] {
			t.Errorf("%s: stands twice", m.name)
		}
		names[m.name] = true
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			p := readPapers(t)
			m.spoil(editor{t, p})
			few := map[string]variant{}
			for _, name := range append(slices.Clone(m.in), "secret", "premium, self-update") {
				v, there := all[name]
				if !there {
					t.Fatalf("no variant %q", name)
				}
				few[name] = v
			}
			found := false
			for _, complaint := range judge(t, p, few) {
				hit := strings.Contains(complaint, m.want)
				found = found || hit
				if !hit && !m.expects(complaint) && !slices.Contains(known, complaint) {
					t.Errorf("beside the complaint that belongs to it: %s", complaint)
				}
			}
			if !found {
				t.Errorf("nobody complained of %q", m.want)
			}
		})
	}
}
