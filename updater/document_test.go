package updater_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"azcollector/internal/collect"
	"azcollector/internal/dsse"
	"azcollector/updater"
)

// What Open refuses, Seal does not sign.
func TestDocumentShapes(t *testing.T) {
	const settings = `"settings": {}`
	for name, c := range map[string]struct {
		text string
		want string // in the error; empty: it is good
	}{
		"smallest":             {`{"version":1,"settings":{}}`, ""},
		"largest version":      {`{"version":9007199254740992,"settings":{}}`, ""},
		"other order, spaces":  {"\n{ \"settings\" : {} , \"version\" : 2 }\n", ""},
		"not one":              {"", "unexpected end"},
		"an array":             {"[]", "must be a JSON object"},
		"null":                 {"null", "must be a JSON object"},
		"no version":           {`{` + settings + `}`, `"version" must be a whole number from 1 to 9007199254740992`},
		"version null":         {`{"version":null,` + settings + `}`, `"version" must be`},
		"version 0":            {`{"version":0,` + settings + `}`, `"version" must be`},
		"version below":        {`{"version":-1,` + settings + `}`, `"version" must be`},
		"version too large":    {`{"version":9007199254740993,` + settings + `}`, `"version" must be`},
		"version in quotes":    {`{"version":"1",` + settings + `}`, `"version" must be`},
		"version with a point": {`{"version":1.0,` + settings + `}`, `"version" must be`},
		"version with a power": {`{"version":1e3,` + settings + `}`, `"version" must be`},
		"no settings":          {`{"version":1}`, `"settings": must be a JSON object`},
		"settings null":        {`{"version":1,"settings":null}`, `"settings": must be a JSON object`},
		"settings in an array": {`{"version":1,"settings":[]}`, `"settings": must be a JSON object`},
		"unknown":              {`{"version":1,"settings":{},"sttings":{}}`, `member "sttings" is unknown`},
		"capital letters":      {`{"Version":1,"settings":{}}`, `member "Version" is unknown`},
		"version twice":        {`{"version":1,"version":2,"settings":{}}`, `member "version" stands there twice`},
		"a setting twice":      {`{"version":1,"settings":{"A":1,"\u0041":2}}`, `"settings": member "A" stands there twice`},
		"more after it":        {`{"version":1,"settings":{}}{}`, "after top-level value"},
		"a comma too many":     {`{"version":1,"settings":{},}`, "invalid character"},
	} {
		t.Run(name, func(t *testing.T) {
			_, sealed := updater.Seal([]byte(c.text), ours)
			_, opened := updater.Open(seal(t, c.text), trusted)
			for doing, err := range map[string]error{"sealing": sealed, "opening": opened} {
				if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: %v, want %q", doing, err, c.want)
				}
			}
		})
	}
}

// Values are handed over byte for byte, and any of several keys opens.
func TestSealedIsOpened(t *testing.T) {
	text := `{"version": 7, "settings": {"O365_CONTENT_STREAMS": [ "Audit.General" ], "O365_MAX_CONTENT_BYTES": 9007199254740993, "LOG_LEVEL": "de\u0062ug"}}`
	envelope, err := updater.Seal([]byte(text), stranger, ours)
	if err != nil {
		t.Fatal(err)
	}
	d, err := updater.Open(envelope, trusted)
	if err != nil || d.Version != 7 || len(d.Settings) != 3 {
		t.Fatalf("%+v, %v", d, err)
	}
	for name, want := range map[string]string{
		"O365_CONTENT_STREAMS": `[ "Audit.General" ]`, "O365_MAX_CONTENT_BYTES": "9007199254740993", "LOG_LEVEL": `"de\u0062ug"`,
	} {
		if got := string(d.Settings[name]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	again, err := updater.Seal([]byte(text), stranger, ours)
	if err != nil || !bytes.Equal(again, envelope) {
		t.Errorf("the same again differs, %v", err)
	}
}

func TestSealNeedsAKeyAndRoom(t *testing.T) {
	if _, err := updater.Seal([]byte(document(1, 1))); err == nil || !strings.Contains(err.Error(), "no key") {
		t.Errorf("without a key: %v", err)
	}
	long := document(1, 1) + strings.Repeat(" ", collect.MaxConfig*3/4) // base64 makes it larger than the limit
	_, sealed := updater.Seal([]byte(long), ours)
	_, opened := updater.Open(seal(t, long), trusted)
	for doing, err := range map[string]error{"sealing": sealed, "opening": opened} {
		if err == nil || !strings.Contains(err.Error(), "at most 61440") {
			t.Errorf("%s: %v", doing, err)
		}
	}
}

// The signature is judged first: of a document that is not ours nothing is said.
func TestStrangersDocumentIsNotParsed(t *testing.T) {
	_, err := updater.Open(wrap(t, updater.ConfigType, "{broken", stranger), trusted)
	if err == nil || !strings.Contains(err.Error(), "signatures") || strings.Contains(err.Error(), "invalid character") {
		t.Errorf("%v", err)
	}
	for name, keys := range map[string][]ed25519.PublicKey{"none": nil, "a short one": {trusted[0][1:]}} {
		if _, err := updater.Open(seal(t, document(1, 1)), keys); err == nil {
			t.Errorf("trusting %s opens it", name)
		}
	}
}

// Whatever comes, Open does not panic, and what it returns we have signed: its payload
// is one of ours, byte for byte.
func FuzzOpen(f *testing.F) {
	signed := map[string]bool{}
	for _, text := range []string{document(1, 1), document(9, 9), `{"version":3,"settings":{"LOG_LEVEL":"debug"}}`} {
		signed[text] = true
		f.Add(seal(f, text))
		f.Add(wrap(f, updater.ConfigType, text, stranger))
		f.Add([]byte(text))
	}
	f.Add([]byte(`{"payloadType":"` + updater.ConfigType + `","payload":"e30=","signatures":[{"sig":""}]}`))
	f.Fuzz(func(t *testing.T, envelope []byte) {
		d, err := updater.Open(envelope, trusted)
		if err != nil {
			return
		}
		payload, err := dsse.Verify(envelope, updater.ConfigType, trusted)
		if err != nil || !signed[string(payload)] || d.Version < 1 || d.Settings == nil {
			t.Errorf("opened %q (%v) as %+v", payload, err, d)
		}
	})
}

// The document itself comes from whoever holds the key, and may still be anything: what
// is signed can be opened, with the same result.
func FuzzSeal(f *testing.F) {
	for _, text := range []string{
		document(1, 1), `{"version":1,"settings":{"A":1,"A":2}}`, `{"version":1,"settings":{"\ud800":{}}}`, "{", "", "null", "\ufeff{}",
		`{"version":1,"settings":{"A":1e999999,"B":"\u0000","C":[[[]]]}}`, `{"settings":{},"version":9007199254740992}`, `{"version":1,"settings":{}}{}`,
		`{"version":1,"settings":{},"Version":2}`, `{"version":1,"settings":{"a":1,"\u0061":2}}`, "{\"version\":1,\"settings\":{\"\xff\":1,\"\xfe\":2}}",
		`{"version":1,"settings":{"A":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + `}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		read, err := updater.Read(text)
		if err == nil {
			wantSameAsStandard(t, text, read)
		}
		envelope, refused := updater.Seal(text, ours)
		if refused != nil {
			if err == nil && len(text) < collect.MaxConfig/2 {
				t.Errorf("read %q, but it is not sealed: %v", text, refused)
			}
			return
		}
		d, err := updater.Open(envelope, trusted)
		if diff := cmp.Diff(read, d); err != nil || diff != "" || d.Version < 1 || d.Settings == nil {
			t.Errorf("sealed %q, opened %+v, %v, %s", text, d, err, diff)
		}
	})
}

// wantSameAsStandard fails if the standard library reads something else in a document: it
// takes more than we do, but what both take is the same, byte for byte.
func wantSameAsStandard(t *testing.T, text []byte, read updater.Document) {
	t.Helper()
	var standard struct {
		Version  int64                      `json:"version"`
		Settings map[string]json.RawMessage `json:"settings"`
	}
	if err := json.Unmarshal(text, &standard); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if diff := cmp.Diff(updater.Document{Version: standard.Version, Settings: standard.Settings}, read); diff != "" {
		t.Errorf("%q is read otherwise (-standard +ours): %s", text, diff)
	}
}
