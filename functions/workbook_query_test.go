package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A pipeline is what of a query reads the log once: from the table `traces` to the
// end of its statement or of its brackets.
type pipeline struct {
	messages []string            // it takes lines with one of these; none: all
	fields   []string            // what it reads of a line
	wanted   map[string][]string // what it compares fields with, but the message
}

// queryHead is how each pipeline must begin. The host writes the same text a second
// time, for the Monitor page, under another category.
const queryHead = `traces | where customDimensions . Category == "Host.Function.Console" and message startswith "{" | extend line = parse_json ( message )`

var (
	queryToken = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*|\d+(?:\.\d+)?[a-z]*|\{TimeRange:grain\}|==|!=|=~|!~|<=|>=|!?in~|!\w+|\S`)
	queryName  = regexp.MustCompile(`^[A-Za-z_]\w*$`)
	// comparison is an operator that may have a text on its right.
	comparison = regexp.MustCompile(`^(==|!=|=~|!~|!?(in~?|has\w*|contains\w*|startswith\w*|endswith\w*))$`)
	headTokens = queryToken.FindAllString(queryHead, -1)
)

// Words that reach the log by another way than a pipeline's head, or hide what they
// read of it.
var notUnderstood = []string{
	"parse_json", "todynamic", "extractjson", "extract_json", "extract", "parse", "bag_unpack", "evaluate", "pivot",
	"customDimensions", "union", "search", "find", "materialize", "column_ifexists", "getschema", "matches", "'", "@",
}

var conversions = []string{"tostring", "tolong", "todatetime"}

// queryReader walks over a query. What it does not understand is an error: a field
// that it overlooked could be misspelt unseen.
type queryReader struct {
	tokens []string
	at     int
	depth  int
	open   []reading // pipelines that have begun, the innermost last
	done   []pipeline
}

type reading struct {
	pipeline
	depth int // of brackets, where it began
}

func readQuery(query string) ([]pipeline, error) {
	r := &queryReader{tokens: queryToken.FindAllString(query, -1)}
	for r.at < len(r.tokens) {
		if err := r.step(); err != nil {
			from := max(0, r.at-6)
			return nil, fmt.Errorf("%w, near %q", err, strings.Join(r.tokens[from:min(len(r.tokens), r.at+4)], " "))
		}
	}
	r.end(0)
	if len(r.done) == 0 {
		return nil, fmt.Errorf("the query does not read the log")
	}
	return r.done, nil
}

// peek is the token so many further on; "" beyond either end.
func (r *queryReader) peek(n int) string {
	if at := r.at + n; at >= 0 && at < len(r.tokens) {
		return r.tokens[at]
	}
	return ""
}

// end closes the pipelines that began at this depth of brackets or deeper.
func (r *queryReader) end(depth int) {
	for n := len(r.open) - 1; n >= 0 && r.open[n].depth >= depth; n-- {
		r.done = append(r.done, r.open[n].pipeline)
		r.open = r.open[:n]
	}
}

func (r *queryReader) step() error {
	token := r.peek(0)
	switch {
	case token == "traces":
		return r.head()
	case token == "line":
		return r.field()
	case token == "message":
		// The whole line may be shown, and nothing else be done with it.
		if next := r.peek(1); r.peek(-1) != "," || next != "" && next != "|" {
			return fmt.Errorf("`message` is for the head, or the last column shown")
		}
	case token == "(":
		r.depth++
	case token == ")":
		r.end(r.depth)
		r.depth--
	case token == ";":
		r.end(r.depth)
	case slices.Contains(notUnderstood, token):
		return fmt.Errorf("%s is not understood here", token)
	case comparison.MatchString(token):
		if next := strings.Trim(r.peek(1)+r.peek(2), "("); strings.HasPrefix(next, `"`) {
			return fmt.Errorf("only a field itself may be compared with a text, as in tostring(line.level) == %s", next)
		}
	}
	r.at++
	return nil
}

func (r *queryReader) head() error {
	for n, want := range headTokens {
		if r.peek(n) != want {
			return fmt.Errorf("each reading of the log begins with %s", queryHead)
		}
	}
	r.end(r.depth)
	r.open = append(r.open, reading{pipeline{wanted: map[string][]string{}}, r.depth})
	r.at += len(headTokens)
	return nil
}

// field reads `line.name`, which stands in a conversion, and what it is compared with.
func (r *queryReader) field() error {
	name := r.peek(2)
	switch {
	case len(r.open) == 0:
		return fmt.Errorf("`line` outside of a pipeline")
	case r.peek(1) != "." || !queryName.MatchString(name):
		return fmt.Errorf("only line.name is understood")
	case !slices.Contains(conversions, r.peek(-2)) || r.peek(-1) != "(" || r.peek(3) != ")":
		return fmt.Errorf("line.%s stands in none of %q", name, conversions)
	}
	into := &r.open[len(r.open)-1].pipeline
	if name != "message" { // which all have, and which is held against the lines below
		into.fields = append(into.fields, name)
	}
	r.depth-- // the conversion's bracket
	shown := r.peek(-4) == "text" && r.peek(-3) == "="
	r.at += 4
	texts, err := r.compared()
	switch {
	case err != nil:
		return err
	case name != "message":
		into.wanted[name] = append(into.wanted[name], texts...)
	case texts != nil:
		into.messages = append(into.messages, texts...)
	case !shown:
		return fmt.Errorf(`the message is compared with == or in, or shown as "text"`)
	}
	return nil
}

// compared reads `== "a"` or `in ("a", "b")`, if it follows.
func (r *queryReader) compared() (texts []string, err error) {
	switch op := r.peek(0); {
	case op == "==" && strings.HasPrefix(r.peek(1), `"`):
		texts = []string{strings.Trim(r.peek(1), `"`)}
		r.at += 2
	case op == "in" && r.peek(1) == "(":
		for r.at += 2; strings.HasPrefix(r.peek(0), `"`); r.at++ {
			texts = append(texts, strings.Trim(r.peek(0), `"`))
			if r.peek(1) == "," {
				r.at++
			}
		}
		if r.peek(0) != ")" {
			return nil, fmt.Errorf("a list holds texts only")
		}
		r.at++
	case op == "==" && queryName.MatchString(r.peek(1)), !comparison.MatchString(op):
		return nil, nil // with the reader's own `let`, or not with a text
	default:
		return nil, fmt.Errorf("fields are compared with texts by == and in, not by %s", op)
	}
	return texts, nil
}

// complain says what of a pipeline no line of the log has.
func (p pipeline) complain(lines []map[string]any) (complaints []string) {
	missing := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	has := func(field string, want any) bool {
		return slices.ContainsFunc(lines, func(line map[string]any) bool {
			value, ok := line[field]
			return ok && (want == nil || value == want)
		})
	}
	for _, message := range p.messages {
		if !has("message", message) {
			missing("no line has the message %q", message)
		}
	}
	if p.messages != nil {
		lines = slices.Clone(lines)
		lines = slices.DeleteFunc(lines, func(line map[string]any) bool {
			text, _ := line["message"].(string)
			return !slices.Contains(p.messages, text)
		})
	}
	for _, field := range p.fields {
		if !has(field, nil) {
			missing("no line with a message of %q has the field %q", p.messages, field)
		}
	}
	for field, texts := range p.wanted {
		for _, text := range texts {
			if !has(field, text) {
				missing("no line has the %s %q", field, text)
			}
		}
	}
	return complaints
}

// judgeQuery reads a query and holds it against the lines that there are.
func judgeQuery(text string, lines []map[string]any) (pipelines []pipeline, complaints []string) {
	pipelines, err := readQuery(text)
	if err != nil {
		return nil, []string{err.Error()}
	}
	for _, p := range pipelines {
		complaints = append(complaints, p.complain(lines)...)
	}
	return pipelines, complaints
}
