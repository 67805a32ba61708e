package release_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"azcollector/internal/release"
)

// Members of a later release are ignored, so that this collector can still learn of
// it.
func TestLaterManifestIsRead(t *testing.T) {
	var members map[string]any
	if err := json.Unmarshal(encode(t, good()), &members); err != nil {
		t.Fatal(err)
	}
	members["notes"] = map[string]any{"severity": "high"}
	m, err := release.Verify(wrap(t, manifestType, encode(t, members), ours), trusted)
	if err != nil || m != good() {
		t.Errorf("%+v, %v", m, err)
	}
}

// The names that collectors of every version rely on.
func TestManifestForm(t *testing.T) {
	want := `{"version":"1.4.0","packageUrl":"https://releases.example/azcollector/v1.4.0/azcollector_1.4.0_linux_amd64.zip",` +
		`"sha256":"` + good().SHA256 + `","minimumVersion":"1.2.0","released":"2026-11-22T00:00:00Z","expires":"2027-02-20T00:00:00Z"}`
	if got := string(encode(t, good())); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestManifestShapes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*release.Manifest)
		want   string // in the error; empty: it is good
	}{
		"a candidate":           {func(m *release.Manifest) { m.Version = "1.4.0-rc.1" }, ""},
		"first of all":          {func(m *release.Manifest) { m.Minimum = "0.0.0" }, ""},
		"itself only":           {func(m *release.Manifest) { m.Minimum = "1.4.0" }, ""},
		"another port":          {func(m *release.Manifest) { m.Package = "https://127.0.0.1:8443/p.zip" }, ""},
		"a query":               {func(m *release.Manifest) { m.Package += "?sv=2026" }, ""},
		"leading v":             {func(m *release.Manifest) { m.Version = "v1.4.0" }, "version is"},
		"two numbers":           {func(m *release.Manifest) { m.Version = "1.4" }, "version is"},
		"leading zero":          {func(m *release.Manifest) { m.Version = "1.04.0" }, "version is"},
		"build metadata":        {func(m *release.Manifest) { m.Version = "1.4.0+5" }, "version is"},
		"no version":            {func(m *release.Manifest) { m.Version = "" }, "version is"},
		"no minimum":            {func(m *release.Manifest) { m.Minimum = "" }, "minimumVersion is"},
		"minimum is ahead":      {func(m *release.Manifest) { m.Minimum = "1.4.1" }, "at most the version, 1.4.0"},
		"http":                  {func(m *release.Manifest) { m.Package = "http://releases.example/p.zip" }, "packageUrl is"},
		"no scheme":             {func(m *release.Manifest) { m.Package = "releases.example/p.zip" }, "packageUrl is"},
		"no host":               {func(m *release.Manifest) { m.Package = "https:///p.zip" }, "packageUrl is"},
		"only a port":           {func(m *release.Manifest) { m.Package = "https://:443/p.zip" }, "packageUrl is"},
		"user info":             {func(m *release.Manifest) { m.Package = "https://a@releases.example/p.zip" }, "packageUrl is"},
		"a fragment":            {func(m *release.Manifest) { m.Package += "#a" }, "packageUrl is"},
		"no URL":                {func(m *release.Manifest) { m.Package = "https://%zz" }, "packageUrl is"},
		"short hash":            {func(m *release.Manifest) { m.SHA256 = m.SHA256[2:] }, "sha256 is"},
		"no hexadecimal":        {func(m *release.Manifest) { m.SHA256 = strings.Repeat("g", 64) }, "sha256 is"},
		"no time":               {func(m *release.Manifest) { m.Released = time.Time{} }, "released is"},
		"no end":                {func(m *release.Manifest) { m.Expires = time.Time{} }, `expires is ""`},
		"ends as it begins":     {func(m *release.Manifest) { m.Expires = m.Released }, "after released, 2026-11-22T00:00:00Z"},
		"everything is missing": {func(m *release.Manifest) { *m = release.Manifest{} }, "must be 64 hexadecimal digits"},
	} {
		t.Run(name, func(t *testing.T) {
			m := good()
			c.change(&m)
			_, signed := release.Sign(m, ours)
			read, verified := release.Verify(wrap(t, manifestType, encode(t, m), ours), trusted)
			if c.want == "" {
				if signed != nil || verified != nil || read != m {
					t.Errorf("signing: %v; reading: %+v, %v", signed, read, verified)
				}
				return
			}
			for doing, err := range map[string]error{"signing": signed, "reading": verified} {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: %v, want an error with %q", doing, err, c.want)
				}
			}
		})
	}
}

func TestReleasedMustBeATime(t *testing.T) {
	for _, text := range []string{`"2026-11-22"`, `"22 Nov 2026"`, `1763769600`, `""`} {
		payload := strings.Replace(string(encode(t, good())), `"2026-11-22T00:00:00Z"`, text, 1)
		if _, err := release.Verify(wrap(t, manifestType, []byte(payload), ours), trusted); err == nil {
			t.Errorf("accepted released %s", text)
		}
	}
}

// Whoever names something by the hash finds it again, whatever letters were signed.
func TestHashIsReadInLowerCase(t *testing.T) {
	m := good()
	m.SHA256 = strings.ToUpper(m.SHA256)
	if read, err := release.Verify(sign(t, m, ours), trusted); err != nil || read != good() {
		t.Errorf("%+v, %v", read, err)
	}
}

// A complaint goes into the log, and what stands beside host and path may be secret.
func TestComplaintsKeepSecrets(t *testing.T) {
	for _, u := range []string{"https://user:hunter2@releases.example/p.zip", "http://releases.example/p.zip?sig=hunter2", "https://releases.example/p.zip#hunter2", "https://hunter2%zz/"} {
		m := good()
		m.Package = u
		if _, err := release.Sign(m, ours); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", u, err)
		}
	}
}
