package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestWorkbookIsPlainText: Resource Manager would evaluate a text that begins with a
// bracket, since the template holds the workbook as a variable.
func TestWorkbookIsPlainText(t *testing.T) {
	var workbook any
	readJSONFile(t, "../arm/workbook.json", &workbook)
	names := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if strings.HasPrefix(v, "[") {
				t.Errorf("%q begins with a bracket", v)
			}
		case []any:
			for _, v := range v {
				walk(v)
			}
		case map[string]any:
			if name, ok := v["name"].(string); ok {
				if names[name] {
					t.Errorf("two items have the name %q", name)
				}
				names[name] = true
			}
			for _, v := range v {
				walk(v)
			}
		}
	}
	walk(workbook)
}

// Durations that Microsoft.Insights/scheduledQueryRules takes: the documentation of
// azurerm_monitor_scheduled_query_rules_alert_v2 lists them, for frequencies of more
// than a minute. Microsoft's "Create or edit a log search alert rule" has the limit of
// two days, and what a rule's query may not use.
var alertDurations = strings.Fields("PT5M PT10M PT15M PT30M PT45M PT1H PT2H PT3H PT4H PT5H PT6H P1D P2D")

// An alertRule is an entry of the template's variables.alerts.
type alertRule struct {
	Name, DisplayName, Description, Query, Operator string
	EvaluationFrequency, WindowSize                 string
	OverrideQueryTimeRange                          string
	Severity                                        int
	Threshold                                       float64
}

func (a alertRule) complain() (complaints []string) {
	wrong := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	rank := func(d string) int { return slices.Index(alertDurations, d) }
	for setting, d := range map[string]string{"evaluationFrequency": a.EvaluationFrequency, "windowSize": a.WindowSize} {
		if rank(d) < 0 || d == "P2D" && setting == "evaluationFrequency" {
			wrong("%s %q", setting, d)
		}
	}
	if rank(a.EvaluationFrequency) > rank(a.WindowSize) {
		wrong("evaluationFrequency %s is longer than windowSize %s", a.EvaluationFrequency, a.WindowSize)
	}
	if d := a.OverrideQueryTimeRange; d != "" && rank(d) < rank(a.WindowSize) {
		wrong("overrideQueryTimeRange %q", d)
	}
	if !strings.HasPrefix(a.Query, "traces\n") { // as it should, and so no text that Resource Manager evaluates
		wrong("the query begins with no table")
	}
	for _, word := range []string{"bag_unpack", "pivot", "narrow", "search", "union", "AggregatedValue", "ago("} {
		if strings.Contains(a.Query, word) {
			wrong("the query uses %s", word)
		}
	}
	if a.Operator != "GreaterThan" || a.Threshold != 0 {
		wrong("fires not by any row of its query, but by %s %v", a.Operator, a.Threshold)
	}
	if a.Severity < 0 || a.Severity > 4 || a.DisplayName == "" || !strings.Contains(a.Description, "First: ") {
		wrong("severity, displayName, or what to do first")
	}
	return complaints
}

// TestAlertRules: the five rules keep to what the service takes, and the manual has a
// row for each.
func TestAlertRules(t *testing.T) {
	var template struct{ Variables struct{ Alerts []alertRule } }
	readJSONFile(t, "../arm/azuredeploy.json", &template)
	manual, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, rule := range template.Variables.Alerts {
		names = append(names, rule.Name)
		for _, complaint := range rule.complain() {
			t.Errorf("%s: %s", rule.Name, complaint)
		}
		if !strings.Contains(string(manual), "\n| `"+rule.Name+"` |") {
			t.Errorf("operations.md has no row for %s", rule.Name)
		}
	}
	want := []string{"no-heartbeat", "dead-letters", "our-lag", "nothing-listed", "credential-ends"}
	if !slices.Equal(names, want) {
		t.Fatalf("rules %q, want %q", names, want)
	}
	good := template.Variables.Alerts[0]
	for name, spoil := range map[string]func(*alertRule){
		"a frequency that is none": func(a *alertRule) { a.EvaluationFrequency = "PT7M" },
		"a window of three days":   func(a *alertRule) { a.WindowSize = "P3D" },
		"rarer than the window":    func(a *alertRule) { a.EvaluationFrequency = "PT1H" },
		"an override of a week":    func(a *alertRule) { a.OverrideQueryTimeRange = "P7D" },
		"less than the window":     func(a *alertRule) { a.OverrideQueryTimeRange = "PT5M" },
		"a union":                  func(a *alertRule) { a.Query += "\n| union requests" },
		"an expression":            func(a *alertRule) { a.Query = "[" + a.Query },
		"fires by no row":          func(a *alertRule) { a.Operator = "LessThan" },
		"not what to do first":     func(a *alertRule) { a.Description = "It is late." },
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			spoil(&bad)
			if got := bad.complain(); len(got) == 0 {
				t.Error("nobody complains")
			}
		})
	}
}

// TestHostKeepsOurLines: sampling would take lines away at random, and then sums and
// heartbeats with them.
func TestHostKeepsOurLines(t *testing.T) {
	var host struct {
		Logging struct {
			LogLevel            map[string]string
			ApplicationInsights struct {
				SamplingSettings struct {
					ExcludedTypes string
				}
			}
		}
	}
	readJSONFile(t, "../host.json", &host)
	sampling := host.Logging.ApplicationInsights.SamplingSettings
	if !slices.Contains(strings.Split(sampling.ExcludedTypes, ";"), "Trace") {
		t.Errorf("host.json may sample traces: %+v", sampling)
	}
	// Of the categories that are beginnings of Host.Function.Console the longest counts.
	level, length := "", -1
	for category, l := range host.Logging.LogLevel {
		begins := category == "default" || strings.HasPrefix("Host.Function.Console", category)
		if n := len(strings.TrimPrefix(category, "default")); begins && n > length {
			level, length = l, n
		}
	}
	if !slices.Contains([]string{"Trace", "Debug", "Information"}, level) {
		t.Errorf("host.json drops lines of level Information: %q", level)
	}
}
