package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// judgeConventions complains about what the real service would not look at: the
// conventions by which its parsers recognise an O365 record. Of each POST only
// the first flaw is told, as the others are mostly its repetition.
func (a *AlertLogic) judgeConventions(messages []Message, metadata []lm3Metadata) {
	for i, m := range metadata {
		if flaw := judgeMetadata(m); flaw != "" {
			a.complain("ingest", fmt.Sprintf("batch %d: %s", i, flaw))
			return
		}
	}
	for i, m := range messages {
		if flaw := judgeMessage(m); flaw != "" {
			a.complain("ingest", fmt.Sprintf("message %d of %d: %s", i, len(messages), flaw))
			return
		}
	}
}

func judgeMetadata(m lm3Metadata) string {
	switch {
	case m.strings["host_type"] != "azure_fun":
		return fmt.Sprintf("metadata host_type is %q, not azure_fun", m.strings["host_type"])
	case m.strings["local_hostname"] == "":
		return "metadata lacks local_hostname"
	}
	return ""
}

func judgeMessage(m Message) string {
	switch {
	case m.Priority != 11:
		return fmt.Sprintf("priority is %d, not 11", m.Priority)
	case m.ProgName != "o365webhook":
		return fmt.Sprintf("prog_name is %q, not o365webhook", m.ProgName)
	case m.Type != "json/azure.o365":
		return fmt.Sprintf("message_type is %q, not json/azure.o365", m.Type)
	case !json.Valid(m.JSON):
		return "message is not valid JSON"
	}
	types, times := recordFacts(m.JSON)
	if len(types) > 0 && !slices.Contains(types, m.TypeID) {
		return fmt.Sprintf("message_type_id is %q, but RecordType is %s", m.TypeID, strings.Join(types, " or "))
	}
	if len(times) > 0 && !slices.ContainsFunc(times, m.Time.Equal) {
		return fmt.Sprintf("message_ts says %s, but CreationTime %s", m.Time.Format(time.RFC3339Nano), times[0].Format(time.RFC3339Nano))
	}
	return ""
}

// recordFacts are the RecordTypes and CreationTimes of a record's top level that
// can be read. A record may have a member twice, and nobody can say which of the
// two counts, so each of them will do. Names are case-sensitive.
func recordFacts(raw []byte) (types []string, times []time.Time) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, nil
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, nil
		}
		switch name {
		case "RecordType":
			if digits := string(value); allDigits(digits) {
				types = append(types, digits)
			}
		case "CreationTime":
			if t, ok := claimedTime(value); ok {
				times = append(times, t)
			}
		}
	}
	return types, times
}

// claimedTime reads a time as Microsoft writes it: RFC 3339, mostly without a
// zone and then in UTC. It is cut to the microseconds that the wire can tell; one
// before 1970 does not fit the wire.
func claimedTime(value []byte) (time.Time, bool) {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, text) // a fraction is taken although the layout has none
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04:05", text)
	}
	if err != nil || t.Unix() < 0 {
		return time.Time{}, false
	}
	return t.UTC().Truncate(time.Microsecond), true
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
