package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// settingsFile is read from the working directory if it is there.
const settingsFile = "appsettings.json"

// readFile reads a flat JSON object of settings. A name we do not know is an
// error here (the environment is full of other people's names, this file is ours).
func readFile(path string, required bool) (map[string]string, []error) {
	b, err := os.ReadFile(path) // #nosec G304 -- --settings, an administrator's
	if errors.Is(err, fs.ErrNotExist) && !required {
		return nil, nil
	}
	if err != nil {
		return nil, []error{fmt.Errorf("read settings: %w", err)}
	}
	values, errs := parseFile(b)
	for i, err := range errs {
		errs[i] = fmt.Errorf("%s: %w", path, err)
	}
	return values, errs
}

func parseFile(b []byte) (values map[string]string, complaints []error) {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))) // editors on Windows write a byte order mark
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, []error{errors.New(`must be a JSON object like {"APP_TENANT_ID": "…"}`)}
	}
	known := knownNames()
	values = map[string]string{}
	for dec.More() {
		var raw json.RawMessage
		t, err := dec.Token()
		if err == nil {
			err = dec.Decode(&raw)
		}
		if err != nil {
			return values, append(complaints, notJSON(err, dec))
		}
		name, _ := t.(string) // dec.Token yields nothing else for a member's name
		value, err := scalar(raw)
		_, twice := values[name]
		switch {
		case !slices.Contains(known, name):
			err = fmt.Errorf("unknown setting %q%s", name, suggestion(name, known))
		case twice:
			err = fmt.Errorf("%s stands there twice", name)
		case err != nil:
			err = fmt.Errorf("%s %w", name, err)
		}
		if err != nil {
			complaints = append(complaints, err)
			continue
		}
		values[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return values, append(complaints, notJSON(err, dec))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		complaints = append(complaints, errors.New("holds more than one JSON object"))
	}
	return values, complaints
}

// notJSON does not repeat the decoder's error, which may quote a secret's character.
func notJSON(_ error, dec *json.Decoder) error {
	return fmt.Errorf("is no valid JSON near byte %d", dec.InputOffset())
}

// scalar writes a JSON value the way the environment would hold it. Arrays stay JSON.
func scalar(raw json.RawMessage) (string, error) {
	switch raw[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case '{':
		return "", errors.New("must be a string, a number, true, false or an array, not an object")
	case 'n':
		return "", errors.New("must not be null; leave the line out instead")
	}
	return string(raw), nil
}

func knownNames() []string {
	var names []string
	for i := range table {
		names = append(names, table[i].names()...)
		if table[i].secret {
			names = append(names, table[i].name+"_FILE")
		}
	}
	return names
}

// suggestion names the nearest known name, if it is near enough to be meant.
func suggestion(name string, known []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, k := range known {
		if d := distance(strings.ToUpper(name), strings.ToUpper(k)); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is Levenshtein's: how many bytes to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
