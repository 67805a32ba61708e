package sim

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Settings are the site's app settings as they are stored, whatever reads show.
func (m *Manager) Settings() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.settings)
}

// SetSettings replaces the app settings, as an administrator does. Every read shows
// that at once.
func (m *Manager) SetSettings(settings map[string]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settings, m.stale = maps.Clone(settings), 0
}

// LagReads lets the next so many reads after each write show what was there before.
func (m *Manager) LagReads(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lag = n
}

// Interfere lets somebody else change the settings right behind the client's next
// write.
func (m *Manager) Interfere(change func(settings map[string]string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.behind = change
}

// AllowDrop lets the next write leave out settings without a complaint.
func (m *Manager) AllowDrop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shrinks++
}

func (m *Manager) read(rw http.ResponseWriter, body []byte) {
	if len(body) > 0 {
		m.w.judge.complain("resource manager: a read of the app settings with a body")
	}
	shown := m.settings
	if m.stale > 0 {
		m.stale--
		shown = m.old
	}
	writeJSON(rw, http.StatusOK, m.dictionary(shown))
}

// write replaces all settings ("Web Apps - Update Application Settings").
func (m *Manager) write(rw http.ResponseWriter, body []byte) {
	var asked struct {
		Properties map[string]string `json:"properties"`
	}
	if err := decodeStrictly(body, &asked); err != nil || asked.Properties == nil {
		m.w.judge.complain("resource manager: the app settings written are not {properties: {name: value}}")
		refuseManager(rw, http.StatusBadRequest, "BadRequest", "The parameter properties has an invalid value.")
		return
	}
	folded := map[string]bool{}
	for name := range asked.Properties {
		if folded[strings.ToLower(name)] { // as seen in microsoft/azure-pipelines-tasks#14689
			refuseManager(rw, http.StatusConflict, "Conflict", "Parameter with name "+name+" already exists.")
			return
		}
		folded[strings.ToLower(name)] = true
	}
	if missing := absent(m.settings, asked.Properties); len(missing) > 0 && m.shrinks == 0 {
		m.w.judge.complain("resource manager: a write of the app settings drops " + strings.Join(missing, ", "))
	}
	m.shrinks = max(m.shrinks-1, 0)
	m.old, m.settings, m.stale = m.settings, asked.Properties, m.lag
	written := m.dictionary(maps.Clone(m.settings))
	if m.behind != nil {
		m.settings = maps.Clone(m.settings)
		m.behind(m.settings)
		m.behind = nil
	}
	writeJSON(rw, http.StatusOK, written)
}

// absent are the names of old that settings lack.
func absent(old, settings map[string]string) (missing []string) {
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if _, kept := settings[name]; !kept {
			missing = append(missing, name)
		}
	}
	return missing
}

func (m *Manager) dictionary(properties map[string]string) map[string]any {
	return map[string]any{"id": m.sitePath() + "/config/appsettings", "name": "appsettings", "type": "Microsoft.Web/sites/config", "properties": properties}
}

func (m *Manager) sitePath() string {
	return "/subscriptions/" + m.w.o.Subscription + "/resourceGroups/" + m.w.o.ResourceGroup + "/providers/Microsoft.Web/sites/" + m.w.o.SiteName
}
