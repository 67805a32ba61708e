package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// With lays a synced configuration over the settings. It is refused whole if a name or
// a value in it is not right: what is applied half is what nobody has written.
func (s *Settings) With(from string, synced map[string]json.RawMessage) (Settings, error) {
	values := map[string]string{}
	var complaints []error
	for name, raw := range synced {
		if err := canSync(name); err != nil {
			complaints = append(complaints, err)
			continue
		}
		value, err := scalar(raw)
		if err == nil && value == "" {
			err = errors.New("must not be empty; leave the line out instead")
		}
		if err != nil {
			complaints = append(complaints, fmt.Errorf("%s %w", name, err))
			continue
		}
		values[name] = value
	}
	if len(complaints) > 0 {
		return Settings{}, errors.Join(complaints...)
	}
	return s.again(values, from)
}

func canSync(name string) error {
	if !slices.Contains(syncable(), name) {
		return fmt.Errorf("%.100q cannot be synced; only these can: %s", name, strings.Join(syncable(), ", "))
	}
	return nil
}

// syncable are the names that may come from CONFIG_URL.
func syncable() (names []string) {
	for i := range table {
		if table[i].synced {
			names = append(names, table[i].name)
		}
	}
	return names
}
