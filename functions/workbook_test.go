package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"azcollector/internal/collect"
	"azcollector/internal/sim"
	"azcollector/internal/state/azurite"
)

// A logQuery is one that somebody runs on the log: the workbook, an alert rule, an
// operator.
type logQuery struct{ name, text string }

// queriesIn finds the members "query" of JSON.
func queriesIn(name string, value any) (found []logQuery) {
	switch value := value.(type) {
	case []any:
		for i, v := range value {
			found = append(found, queriesIn(fmt.Sprintf("%s[%d]", name, i), v)...)
		}
	case map[string]any:
		if text, ok := value["query"].(string); ok {
			found = append(found, logQuery{name, text})
		}
		for key, v := range value {
			found = append(found, queriesIn(name+"."+key, v)...)
		}
	}
	return found
}

func readJSONFile(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

var kustoFence = regexp.MustCompile("(?s)```kusto\n(.*?)```")

// allQueries are those that must go on working as the log's lines change.
func allQueries(t *testing.T) (all []logQuery) {
	t.Helper()
	var workbook, template map[string]any
	readJSONFile(t, "../arm/workbook.json", &workbook)
	readJSONFile(t, "../arm/azuredeploy.json", &template)
	alerts := template["variables"].(map[string]any)["alerts"]
	manual, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var fences []logQuery
	for i, fence := range kustoFence.FindAllSubmatch(manual, -1) {
		fences = append(fences, logQuery{fmt.Sprintf("operations.md: query %d", i+1), string(fence[1])})
	}
	for from, some := range map[string][]logQuery{
		"the workbook": queriesIn("workbook", workbook), "the alerts": queriesIn("alerts", alerts), "operations.md": fences,
	} {
		if len(some) < 5 {
			t.Errorf("%s: %d queries found", from, len(some))
		}
		all = append(all, some...)
	}
	return all
}

// collectUnderHost has the real program do everything that it has a line for, and
// returns what it wrote to stdout.
func collectUnderHost(t *testing.T) (lines []map[string]any) {
	t.Helper()
	world, storage := newWorld(t), azurite.Start(t)
	queue, store := newQueueTrigger(t, storage), openStorage(t, storage)
	tenant := world.Settings()["APP_TENANT_ID"]
	h := underHost(t, world, storage, "APP_CLIENT_SECRET_EXPIRES=2099-12-31")
	collected := func(state collect.State) func() bool {
		return func() bool {
			queue.turn(h.fakeHost)
			age(t, store, tenant, 0) // what failed for a moment need not be waited for
			h.send("pull", timerEnvelope("pull", "timer", timerStatus))
			return slices.ContainsFunc(contentsOf(t, store, tenant), func(c collect.Content) bool { return c.State == state })
		}
	}
	world.Dial.Set(sim.Rule{Op: sim.OpBlob, Kind: sim.Throttle, Count: 1})
	world.Dial.Set(sim.Rule{Op: sim.OpBlob, Kind: sim.Status, Status: 503, Skip: 1, Count: 20})
	offerSome(world, "workbook", 4)
	soon(t, "contents are delivered", collected(collect.Done))
	world.Dial.Clear()
	world.Dial.Set(sim.Rule{Op: sim.OpIngest, Kind: sim.Status, Status: 400})
	world.Offer(sim.Offer{ContentType: "Audit.General", Records: onlyRecord("refused"), Unpushed: true})
	soon(t, "a record is refused", collected(collect.Dead))
	h.send("content", queueEnvelope(t, "no message of ours", 1))
	h.send("master", timerEnvelope("master", "timer", timerStatus))
	h.kill()
	for text := range strings.Lines(h.log.String()) {
		if !strings.HasPrefix(text, "{") {
			continue // as the queries do
		}
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Errorf("the log has %q: %v", text, err)
		}
		lines = append(lines, line)
	}
	return lines
}

// TestQueries ties every query to the lines that the program really writes: what
// it compares messages with and each field it reads must be in such a line.
func TestQueries(t *testing.T) {
	t.Parallel()
	lines := collectUnderHost(t)
	read := map[string]bool{}
	for _, query := range allQueries(t) {
		pipelines, complaints := judgeQuery(query.text, lines)
		for _, complaint := range complaints {
			t.Errorf("%s: %s", query.name, complaint)
		}
		for _, p := range pipelines {
			for _, message := range p.messages {
				read[message] = true
			}
		}
	}
	for _, message := range []string{"heartbeat", "flow", "workload", "calls", "throttled"} {
		if !read[message] {
			t.Errorf("no query reads the line %q", message)
		}
	}
	t.Run("seeded mistakes", func(t *testing.T) { seededMistakes(t, lines) })
}

// seededMistakes are queries that must not pass.
func seededMistakes(t *testing.T, lines []map[string]any) {
	const head = `traces
| where customDimensions.Category == "Host.Function.Console" and message startswith "{"
| extend line = parse_json(message)
`
	if _, complaints := judgeQuery(head+`| where tostring(line.message) == "heartbeat" | project tolong(line.pending)`, lines); complaints != nil {
		t.Fatalf("a good query: %q", complaints)
	}
	for name, c := range map[string]struct{ query, complaint string }{
		"a misspelt field":                 {head + `| where tostring(line.message) == "heartbeat" | project tolong(line.pendign)`, `"pendign"`},
		"a misspelt message":               {head + `| where tostring(line.message) == "heartbaet"`, `"heartbaet"`},
		"a misspelt message in a list":     {head + `| where tostring(line.message) in ("collected", "colected")`, `"colected"`},
		"a misspelt level":                 {head + `| where tostring(line.level) in ("warn", "error")`, `level "warn"`},
		"a field of another line":          {head + `| where tostring(line.message) == "heartbeat" | project tostring(line.workload)`, `"workload"`},
		"a field of another line, joined":  {head + `| where tostring(line.message) == "flow" | join (` + head + `| where tostring(line.message) == "calls" | project tolong(line.listed)) on $left.a == $right.b`, `"calls"] has the field "listed"`},
		"a field behind the bracket":       {head + `| where tostring(line.message) == "flow" | join (` + head + `| where tostring(line.message) == "calls") on a | project tolong(line.answers)`, `"flow"] has the field "answers"`},
		"every category":                   {strings.Replace(head, `customDimensions.Category == "Host.Function.Console" and `, "", 1), "begins with"},
		"another category":                 {strings.Replace(head, "Host.Function.Console", "Function.pull.User", 1), "begins with"},
		"lines that are no JSON":           {strings.Replace(head, ` and message startswith "{"`, "", 1), "begins with"},
		"a field by index":                 {head + `| project tostring(line["pending"])`, "only line.name"},
		"a field of a field":               {head + `| project tostring(line.pending.more)`, "stands in none"},
		"a field without a type":           {head + `| where line.pending > 0`, "stands in none"},
		"the whole line kept":              {head + `| summarize arg_max(timestamp, line)`, "only line.name"},
		"the line parsed again":            {head + `| extend more = parse_json(message)`, "parse_json"},
		"the text searched":                {head + `| where message has "heartbeat"`, "`message`"},
		"the message by a part":            {head + `| where tostring(line.message) has "beat"`, "by has"},
		"the message without case":         {head + `| where tostring(line.message) =~ "HEARTBEAT"`, "by =~"},
		"the message in other quotes":      {head + `| where tostring(line.message) == 'heartbaet'`, "by =="},
		"the message under another name":   {head + `| extend m = tostring(line.message) | where m == "heartbaet"`, "is compared with"},
		"the message shown and compared":   {head + `| extend text = tostring(line.message) | where text == "heartbaet"`, "only a field itself"},
		"an alias compared":                {head + `| extend l = tostring(line.level) | where l in ("warn")`, "only a field itself"},
		"a line that is of no pipeline":    {`let a = 1; print tostring(line.pending)`, "outside of a pipeline"},
		"a line after the statement's end": {"let all = " + head + "; print tostring(line.pending)", "outside of a pipeline"},
		"another table":                    {"union requests, exceptions", "union"},
		"nothing":                          {"print 1", "does not read the log"},
	} {
		t.Run(name, func(t *testing.T) {
			_, complaints := judgeQuery(c.query, lines)
			if len(complaints) != 1 || !strings.Contains(complaints[0], c.complaint) {
				t.Errorf("complaints %q, want one about %s", complaints, c.complaint)
			}
		})
	}
}
