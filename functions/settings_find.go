package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"azcollector/internal/wire"
)

// connectionStringPrefix is put before the name of a "connection string" by
// Azure App Service (type Custom) when it becomes an environment variable.
const connectionStringPrefix = "CUSTOMCONNSTR_"

// maxSecretFile bounds a secret's file. A PFX file with a long chain has some 10 KB.
const maxSecretFile = 1 << 20

// A setting is one row of the table: how it is read, checked, printed and explained.
type setting struct {
	name    string
	older   []string // names that earlier collectors used
	differ  string   // what to think of if two names hold different values
	secret  bool
	url     bool                                     // may hold user info or a query by mistake: not repeated then
	synced  bool                                     // may come from CONFIG_URL: it decides nothing about where secrets or records go
	fixed   string                                   // default
	usual   func(s *Settings, machine string) string // default where it depends on what was read before
	says    string                                   // default, in words for the README
	meaning string
	set     func(*Settings, string) error
}

// A finding is a value and where it was found.
type finding struct{ value, origin string }

// names lists what may carry the setting's value itself.
func (r *setting) names() []string {
	names := []string{r.name}
	if r.secret {
		names = append(names, connectionStringPrefix+r.name)
	}
	return append(names, r.older...)
}

func (r *setting) fallback(s *Settings, machine string) string {
	if r.usual != nil {
		return r.usual(s, machine)
	}
	return r.fixed
}

// find looks in the environment and then in the file. Within one of them, two
// names with different values are a complaint: whichever we took, it would be
// the wrong one half of the time.
func (r *setting) find(env, file map[string]string, fileName string) (finding, error) {
	for _, layer := range []struct {
		values map[string]string
		where  string
	}{{env, "environment"}, {file, fileName}} {
		found, err := r.findIn(layer.values, layer.where)
		if err != nil || found.value != "" {
			return found, err
		}
	}
	return finding{}, nil
}

func (r *setting) findIn(values map[string]string, where string) (finding, error) {
	var found finding
	var from string
	take := func(name, value string) error {
		if value == "" {
			return nil
		}
		if found.value != "" && !r.same(found.value, value) {
			return fmt.Errorf("%s: %s and %s differ; %s", r.name, from, name, strings.TrimSuffix("set one of them; "+r.differ, "; "))
		}
		if found.value == "" {
			found, from = finding{value, where}, name
			if name != r.name {
				found.origin += " " + name
			}
		}
		return nil
	}
	for _, name := range r.names() {
		value := values[name]
		if !r.secret {
			value = strings.TrimSpace(value)
		}
		if err := take(name, value); err != nil {
			return finding{}, err
		}
	}
	name := r.name + "_FILE"
	path := values[name]
	if !r.secret || path == "" {
		return found, nil
	}
	value, err := readSecret(path)
	if err != nil {
		return finding{}, fmt.Errorf("%s=%q: %w", name, path, err)
	}
	return found, errors.Join(take(name, value))
}

// same compares the values of two names. What is no secret is a GUID or a host,
// whose case means nothing.
func (r *setting) same(a, b string) bool {
	return a == b || !r.secret && strings.EqualFold(a, b)
}

// readSecret reads a secret's file without the newline that editors put at its end.
func readSecret(path string) (string, error) {
	f, err := os.Open(path) // #nosec G304 -- <NAME>_FILE, an administrator's
	if err != nil {
		return "", errors.New("must be the path of a readable file")
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	switch {
	case err != nil:
		return "", errors.New("must be the path of a readable file")
	case len(b) > maxSecretFile:
		return "", fmt.Errorf("must be a file of at most %d bytes", maxSecretFile)
	}
	s := string(b)
	if utf8.ValidString(s) { // the last byte of a binary PFX file may happen to be a newline
		s = strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r")
	}
	if s == "" {
		return "", errors.New("is an empty file")
	}
	return s, nil
}

// complain says which setting, which value, and what would be right.
func (r *setting) complain(value string, err error) error {
	return fmt.Errorf("%s=%s: %w", r.name, r.show(value), err)
}

// show is the value as it may be repeated.
func (r *setting) show(value string) string {
	switch {
	case value == "":
		return ""
	case isVaultReference(value):
		return vaultReference + "…)"
	case r.secret, r.url && strings.ContainsAny(value, "@?#"):
		return "***"
	}
	return wire.Printable(value)
}

// disabled reads the host's own switches ("How to disable functions in Azure
// Functions"), which an administrator may know.
func disabled(env map[string]string) (functions []string) {
	for name, value := range env {
		function, is := strings.CutPrefix(name, "AzureWebJobs.")
		function, ends := strings.CutSuffix(function, ".Disabled")
		if is && ends && (strings.EqualFold(value, "true") || value == "1") {
			functions = append(functions, function)
		}
	}
	return functions
}
