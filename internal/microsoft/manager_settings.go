package microsoft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"azcollector/internal/collect"
)

// settingsAttempts bounds how often a change starts over from the read because of
// somebody else's. They come one behind the other, without a rest.
const settingsAttempts = 3

// Settings returns the site's app settings, secrets among them, as they were last
// written; Key Vault references unresolved. It may lag behind a write.
func (m *Manager) Settings(ctx context.Context) (map[string]string, error) {
	const verb = "read the app settings"
	address, err := m.address("config/appsettings/list")
	if err != nil {
		return nil, explain(verb, err)
	}
	r, err := m.ask(ctx, question{method: http.MethodPost, address: address})
	if err != nil {
		return nil, explain(verb, err)
	}
	var answer struct {
		Properties map[string]string `json:"properties"`
	}
	// Without its properties an answer must not pass for a site without settings:
	// a write would follow that removes them all.
	if json.Unmarshal(r.body, &answer) != nil || answer.Properties == nil {
		return nil, &collect.Fault{Verdict: collect.Broken, Err: errors.New(verb + ": the answer is not the JSON that App Service documents")}
	}
	return answer.Properties, nil
}

// SetSettings adds or replaces app settings and keeps all others; the platform then
// restarts the site and kills the caller. If nothing would change, nothing is written.
//
// Resource Manager replaces all settings at once and documents no condition for it,
// such as an If-Match. So the settings are read again behind the write, and if
// somebody else's write undid ours, the change starts over. What somebody writes
// between our read and our write is lost: nobody can see that.
//
// A read that still shows all as it was before is no error: waiting until the change
// can be seen is for the caller, who must do so before the next change.
func (m *Manager) SetSettings(ctx context.Context, change map[string]string) error {
	var err error
	for range settingsAttempts {
		err = m.changeSettings(ctx, change)
		if fault, ok := errors.AsType[*collect.Fault](err); !ok || fault.Code != "409" && fault.Code != "412" {
			return err
		}
	}
	return err
}

func (m *Manager) changeSettings(ctx context.Context, change map[string]string) error {
	before, err := m.Settings(ctx)
	if err != nil {
		return err
	}
	after := with(before, change)
	if maps.Equal(before, after) { // also when an earlier write succeeded and its answer got lost
		return nil
	}
	if err := m.writeSettings(ctx, after); err != nil {
		return explain("write the app settings", err)
	}
	seen, err := m.Settings(ctx)
	if err != nil {
		return err
	}
	if maps.Equal(seen, with(seen, change)) || maps.Equal(seen, before) {
		return nil
	}
	return &collect.Fault{Code: "412", Err: errors.New("write the app settings: somebody else changed them at the same time, without our change")}
}

func (m *Manager) writeSettings(ctx context.Context, all map[string]string) error {
	address, err := m.address("config/appsettings")
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"properties": all})
	if err != nil {
		return fmt.Errorf("encode them: %w", err)
	}
	_, err = m.ask(ctx, question{method: http.MethodPut, address: address, body: body})
	return err
}

// with returns settings with a change. A name is taken in the case in which it
// exists: App Service refuses a second one that differs in case only (409,
// "Parameter with name … already exists").
func with(settings, change map[string]string) map[string]string {
	after := maps.Clone(settings)
	for name, value := range change {
		for existing := range settings {
			if strings.EqualFold(existing, name) {
				name = existing
			}
		}
		after[name] = value
	}
	return after
}
