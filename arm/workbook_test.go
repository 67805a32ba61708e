package arm_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "copy arm/workbook.json into the template")

// TestWorkbook wants variables.workbook of the template to be arm/workbook.json, the
// file that is edited; -update copies it, and leaves the rest of the template alone.
func TestWorkbook(t *testing.T) {
	if *update {
		template, workbook := []byte(readText(t, "azuredeploy.json")), []byte(readText(t, "workbook.json"))
		from, to, err := span(template, "variables", "workbook")
		if err != nil {
			t.Fatal(err)
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, bytes.TrimSpace(workbook), "    ", "  "); err != nil {
			t.Fatal(err)
		}
		fresh := slices.Concat(template[:from], indented.Bytes(), template[to:])
		if err := os.WriteFile("azuredeploy.json", fresh, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := &court{papers: readPapers(t), heard: map[string]bool{}}
	c.judgeWorkbook()
	for _, complaint := range c.complaints {
		t.Error(complaint)
	}
}

// span finds where in a JSON text the value of a member lies.
func span(text []byte, path ...string) (from, to int64, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	for _, name := range path {
		if _, err := d.Token(); err != nil { // the object's brace
			return 0, 0, err
		}
		for {
			if !d.More() {
				return 0, 0, errors.New("the template has no " + name)
			}
			key, err := d.Token()
			if err != nil {
				return 0, 0, err
			}
			if key == name {
				break
			}
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				return 0, 0, err
			}
		}
	}
	var value json.RawMessage
	if err := d.Decode(&value); err != nil {
		return 0, 0, err
	}
	return d.InputOffset() - int64(len(value)), d.InputOffset(), nil
}
